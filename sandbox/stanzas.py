"""The forms of messages and receipts, to one user and to a group.

In a group, ``from`` is the group and ``participant`` who wrote or read; between two users
``from`` is the writer or reader, and what goes to the writer's own devices names the other user as
its ``recipient``. A message that is sent once more, because a reader asked for it with a retry
receipt, has one body with a ``count``, for that reader alone.

Source: whatsmeow's send.go, message.go, receipt.go and retry.go.
"""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from typing import Final, TypeAlias

from sandbox.state.groups import Group
from sandbox.state.phones import Phone
from sandbox.wire.jid import LID_SERVER, Jid
from sandbox.wire.node import Node

Chat: TypeAlias = Phone | Group
Attrs: TypeAlias = dict[str, str | int | Jid | None]
# Children of a message that go on to its readers beside the bodies.
_PASSED_ON: Final = frozenset({"meta"})


@dataclass(frozen=True, slots=True)
class Letter:
    """What is the same for all readers of a message: who wrote it, on which device, and where."""

    writer: Phone
    device: int
    chat: Chat

    @property
    def sender(self) -> Jid:
        """The writing device."""
        return Jid(self.writer.lid, LID_SERVER, self.device)


def message(letter: Letter, reader: Phone, attrs: Attrs, bodies: list[Node]) -> Node:
    """A message as one of its readers gets it; ``attrs`` has its id and what else is its own."""
    writer, chat = letter.writer, letter.chat
    common: Attrs = {
        "t": int(time.time()),
        "type": "text",
        "notify": writer.push_name,
        "addressing_mode": "lid",
    }
    where: Attrs
    if isinstance(chat, Group):
        where = {"from": chat.jid, "participant": letter.sender, "participant_pn": writer.jid}
    elif reader is writer and chat is not writer:
        where = {
            "from": letter.sender,
            "recipient": chat.lid_jid,
            "peer_recipient_pn": chat.jid,
        }
    else:
        where = {"from": letter.sender, "sender_pn": writer.jid}
    return Node("message", {**where, **common, **attrs}, [*bodies])


def forwarded(letter: Letter, reader: Phone, stanza: Node, bodies: list[Node]) -> Node:
    """What a device sent, as one of its readers gets it."""
    attrs: Attrs = {key: stanza.text(key) for key in ("id", "type", "edit")}
    node = message(letter, reader, attrs, bodies)
    node.children.extend(child for child in stanza.children if child.tag in _PASSED_ON)
    identity = stanza.find("device-identity")
    if identity is not None and any(body.text("type") == "pkmsg" for body in bodies):
        node.children.append(identity)
    return node


def receipt(reader: Jid, chat: Jid, message_id: str, kind: str) -> Node:
    """A receipt as the writer gets it; the chat is the reader, or a group."""
    attrs: Attrs = {"from": chat, "id": message_id, "t": int(time.time()), "type": kind}
    if chat != reader:
        attrs["participant"] = reader
    return Node("receipt", attrs)


def author(stanza: Node) -> Jid | None:
    """Who wrote a message or read it, on which device."""
    return stanza.jid("participant") or stanza.jid("from")


def count_of(stanza: Node) -> int:
    """How often a message was sent again when this one was sent; 0 for the first time."""
    counts = [body.text("count") for body in stanza.all("enc")]
    return max((int(count) for count in counts if count.isdigit()), default=0)


def ids_of(stanza: Node) -> list[str]:
    """The messages that a receipt is for."""
    listed = stanza.find("list")
    items = listed.all("item") if listed else ()
    return [stanza.text("id"), *(item.text("id") for item in items)]


def bodies(stanza: Node) -> list[tuple[Jid, Node]]:
    """The bodies that are each for one device."""
    participants = stanza.find("participants")
    found = []
    for node in participants.all("to") if participants else ():
        jid, body = node.jid("jid"), node.find("enc")
        if jid is not None and body is not None:
            found.append((jid, body))
    if not found and (bare := stanza.find("enc")) is not None:
        reader = stanza.jid("participant") or stanza.jid("to")
        return [(reader, bare)] if reader and bare.text("type") != "skmsg" else []
    return found


def list_hash(addresses: set[Jid]) -> str:
    """The participant list hash, version 2: 6 bytes of SHA-256 over the sorted addresses."""
    digest = hashlib.sha256("".join(sorted(jid.wide for jid in addresses)).encode()).digest()
    return "2:" + base64.b64encode(digest[:6]).decode().rstrip("=")
