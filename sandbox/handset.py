"""What a simulated phone does by itself: it decrypts, remembers, writes and reads.

A phone is a Signal device like any other, number 0 of its user. A message body is padded with 1
to 15 bytes, each of which holds their count. What one of its own companions sent reaches the
phone as a ``deviceSentMessage`` with the real one inside.

Source: whatsmeow's send.go and message.go.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from sandbox import protobufs
from sandbox.keydesk import KeyDesk
from sandbox.signal import agreement, messages, session
from sandbox.signal.messages import SignalError
from sandbox.state.messages import Direction, Message
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid, parse
from sandbox.wire.node import Node


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message encrypted for one device."""

    to: Jid
    kind: str
    body: bytes

    def node(self) -> Node:
        """The message as the stanza carries it."""
        return Node("enc", {"v": "2", "type": self.kind}, self.body)


class Handset:
    """The phones' own doing."""

    def __init__(self, store: Store, keys: KeyDesk) -> None:
        self._store = store
        self._keys = keys
        self.arrived: Callable[[Message], object] = id

    def read(self, phone: Phone, stanza: Node) -> Message:
        """Decrypt a message stanza and put it into the phone's chat; raises SignalError."""
        sender = stanza.jid("from")
        body = stanza.find("enc")
        if sender is None or body is None:
            raise SignalError("a message without sender or content")
        plain = _unpad(self._decrypt(phone, sender, body))
        try:
            content = protobufs.e2e.Message.FromString(plain)
        except DecodeError as error:
            raise SignalError("a message whose content is no protobuf") from error
        return self._keep(phone, sender, stanza, content)

    def seal(self, phone: Phone, to: Jid, content: Any) -> Envelope:
        """Encrypt a message for one device, starting a session where there is none."""
        current = self._store.phones.session(phone, to)
        if current is None:
            bundle = self._keys.bundle(to)
            if bundle is None:
                raise SignalError(f"there is no device {to}")
            current = agreement.write_first(phone.identity, phone.registration_id, bundle)
        kind, body = current.encrypt(_pad(content.SerializeToString()))
        self._store.phones.save_session(phone, to, current)
        return Envelope(to, kind, body)

    def note_written(self, phone: Phone, chat: Phone, message_id: str, content: Any) -> Message:
        """Put a message that the phone wrote into its own chat."""
        return self._arrive(
            Message(
                sequence=0,
                number=phone.number,
                direction=Direction.WRITTEN,
                id=message_id,
                sender=phone.number,
                sender_device=0,
                chat=chat.number,
                text=text_of(content),
                content=content.SerializeToString(),
                at=time.time(),
            )
        )

    def _decrypt(self, phone: Phone, sender: Jid, body: Node) -> bytes:
        kind = body.text("type")
        if kind == "pkmsg":
            return self._decrypt_first(phone, sender, body.data)
        current = self._store.phones.session(phone, sender)
        if kind != "msg" or current is None:
            raise SignalError(f"a message of kind {kind!r} without a session with {sender}")
        plain = current.decrypt(body.data)
        self._store.phones.save_session(phone, sender, current)
        return plain

    def _decrypt_first(self, phone: Phone, sender: Jid, raw: bytes) -> bytes:
        first = messages.read_pre_key_message(raw)
        current = self._store.phones.session(phone, sender)
        if current is None or current.base_key != first.base_key[1:]:
            current = self._begin(phone, first)
        plain = current.decrypt(first.message)
        self._store.phones.save_session(phone, sender, current)
        return plain

    def _begin(self, phone: Phone, first: messages.PreKeyMessage) -> session.Session:
        pre_key = None
        if first.pre_key_id is not None:
            pre_key = self._store.phones.take_pre_key(phone, first.pre_key_id)
            if pre_key is None:
                raise SignalError(f"pre-key {first.pre_key_id} was used before or never offered")
        return agreement.read_first(
            phone.identity, phone.registration_id, phone.signed_pre_key, pre_key, first
        )

    def _keep(self, phone: Phone, sender: Jid, stanza: Node, content: Any) -> Message:
        owner = self._store.phones.at(sender)
        number = owner.number if owner else sender.user
        direction, chat = Direction.RECEIVED, number
        if content.HasField("deviceSentMessage"):
            direction = Direction.COMPANION
            chat = self._number_of(content.deviceSentMessage.destinationJID)
            content = content.deviceSentMessage.message
        return self._arrive(
            Message(
                sequence=0,
                number=phone.number,
                direction=direction,
                id=stanza.text("id"),
                sender=number,
                sender_device=sender.device,
                chat=chat,
                text=text_of(content),
                content=content.SerializeToString(),
                at=time.time(),
            )
        )

    def _arrive(self, message: Message) -> Message:
        kept = self._store.messages.add(message)
        self.arrived(kept)
        return kept

    def _number_of(self, address: str) -> str:
        jid = parse(address)
        phone = self._store.phones.at(jid)
        return phone.number if phone else jid.user


def text_content(text: str) -> Any:
    """A text message as WhatsApp's phones write it."""
    content = protobufs.e2e.Message()
    content.extendedTextMessage.text = text
    return content


def sent_copy(destination: Jid, content: Any) -> Any:
    """A message as it goes to the writer's own companions."""
    copy = protobufs.e2e.Message()
    copy.deviceSentMessage.destinationJID = str(destination)
    copy.deviceSentMessage.message.CopyFrom(content)
    return copy


def text_of(content: Any) -> str:
    """The text of a message; empty if it is of another kind."""
    return str(content.conversation or content.extendedTextMessage.text)


def _pad(plain: bytes) -> bytes:
    size = 1 + secrets.randbelow(15)
    return plain + bytes((size,)) * size


def _unpad(padded: bytes) -> bytes:
    if not padded or not 0 < padded[-1] <= len(padded):
        raise SignalError("a message with wrong padding")
    return padded[: -padded[-1]]
