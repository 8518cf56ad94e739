"""Messages of phones that linked devices cannot read.

Source: whatsmeow's decryptMessages in message.go.
"""

from __future__ import annotations

from typing import Any, Final

from sandbox.faults import Faults, Garble, Part
from sandbox.state.phones import Phone
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

# No name of an encryption that clients know.
_UNKNOWN_TYPE: Final = "sandbox"


class _NoMessage:
    """Bytes that are no protobuf, where a message is expected."""

    @staticmethod
    def SerializeToString() -> bytes:
        """The bytes."""
        return b"\xff\xff\xff"


def wanted(faults: Faults, writer: Phone, reader: Phone, device: Jid) -> Garble | None:
    """What is to be wrong with a message on its way to a device."""
    return faults.bite(Garble, writer.number, reader.number) if device.device else None


def content(garble: Garble | None, message: Any) -> Any:
    """What is encrypted in place of a message."""
    return _NoMessage() if garble is not None and garble.part is Part.CONTENT else message


def bodies(garble: Garble | None, own: Node, shared: list[Node]) -> list[Node]:
    """What a message consists of: the body for one device, and the one for the whole group."""
    if garble is None:
        return [own, *shared]
    found = [own, *shared]
    if garble.part in (Part.ALL, Part.VIEW_ONCE):
        once = "view_once" if garble.part is Part.VIEW_ONCE else None
        return [Node("unavailable", {"type": once})]
    if garble.part is Part.BODY:
        own.content = own.data[:-1] + bytes((own.data[-1] ^ 1,))
    elif garble.part is Part.TYPE:
        own.attrs["type"] = _UNKNOWN_TYPE
        found = [own]
    elif garble.part is Part.SENDER_KEY and shared:
        # Clones: the body is one for all readers.
        found = [Node(body.tag, body.attrs, body.data) for body in shared]
    if garble.hidden:
        for body in found:
            body.attrs["decrypt-fail"] = "hide"
    return found
