"""vCards as WhatsApp's phones write and read them."""

import re

_SPECIAL = re.compile(r"([\\,;])")
_TEL = re.compile(r"^(?:[\w-]+\.)?TEL(?P<parameters>(?:;[^:]*)?):(?P<value>.*)$", re.IGNORECASE)
_WAID = re.compile(r";waid=(\d+)", re.IGNORECASE)
_FOLD = re.compile(r"\r?\n[ \t]")


def of_numbers(name: str, phone_numbers: list[str]) -> str:
    """A vCard (RFC 2426) of a name and E.164 numbers.

    The parameter ``waid``, the number's digits, is WhatsApp's own: with it phones offer to write to
    the contact.
    """
    escaped = _SPECIAL.sub(r"\\\1", " ".join(name.split()))
    numbers = [f"TEL;type=CELL;waid={number[1:]}:{number}" for number in phone_numbers]
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:;{escaped};;;", f"FN:{escaped}", *numbers]
    return "\n".join([*lines, "END:VCARD"])


def numbers_of(vcard: str) -> list[str]:
    """The numbers in a vCard: E.164 where WhatsApp's own parameter tells it, else as written."""
    found = []
    for line in _FOLD.sub("", vcard).splitlines():
        if match := _TEL.match(line.strip()):
            waid = _WAID.search(match["parameters"])
            found.append(f"+{waid[1]}" if waid else match["value"].strip())
    return found
