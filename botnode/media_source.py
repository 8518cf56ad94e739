"""Where received media lies at WhatsApp, as its row in node.db keeps it."""

import base64
import dataclasses
import json
from dataclasses import dataclass

from botnode.media_ports import MediaKind, MediaReference

_BYTES = ("media_key", "file_sha256", "file_enc_sha256")


@dataclass(frozen=True, slots=True)
class Source:
    """What is needed to fetch media, and to tell of it.

    Attributes:
        account: the number that it was received with, or empty.
        reference: as its message tells.
    """

    account: str
    reference: MediaReference


def write(source: Source) -> bytes:
    """The source in bytes."""
    fields = dataclasses.asdict(source.reference)
    for name in _BYTES:
        fields[name] = base64.b64encode(fields[name]).decode()
    return json.dumps({"account": source.account, **fields}).encode()


def read(written: bytes) -> Source:
    """The source that was written."""
    fields = json.loads(written)
    account = fields.pop("account")
    for name in _BYTES:
        fields[name] = base64.b64decode(fields[name])
    return Source(account, MediaReference(**{**fields, "kind": MediaKind(fields["kind"])}))
