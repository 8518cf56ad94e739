"""neonize's call for linking by phone number."""

from types import SimpleNamespace
from typing import Any

# WhatsApp checks how the device calls itself here, unlike with a QR code, and answers 400 to all
# but common browsers as "Browser (OS)", in this spelling. neonize would say "ELECTRON (Linux)" for
# a desktop, as its names are those of its enum, and wants only something with a name and a number.
BROWSER = SimpleNamespace(name="Chrome", value=1)
SYSTEM = SimpleNamespace(name="Linux")


def pair_phone(neonize: Any, number: str) -> str:
    """The code to type into the phone of a number, "ABCD-EFGH"; that phone shows a notice.

    Blocks, up to 75 seconds when no answer comes. The client must be connected and unpaired, which
    its first QR code tells. The code works until the client's QR codes run out.
    """
    return str(neonize.PairPhone(number.removeprefix("+"), True, SYSTEM, BROWSER))
