"""What a simulated phone does by itself: it decrypts, remembers, writes and reads.

A phone is a Signal device like any other, number 0 of its user. A message body is padded with 1
to 15 bytes, each of which holds their count. What one of its own companions sent reaches the
phone as a ``deviceSentMessage`` with the real one inside; in a group everyone gets the same, after
the key that it is encrypted with.

Source: whatsmeow's send.go and message.go.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from sandbox import protobufs, stanzas
from sandbox.content import describe, with_sender_key
from sandbox.keydesk import KeyDesk
from sandbox.signal import agreement, messages, session
from sandbox.signal.messages import NoSessionError, SignalError
from sandbox.signal.sender_keys import read_distribution
from sandbox.state.groups import Group
from sandbox.state.messages import Direction, Message
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid, parse
from sandbox.wire.node import Node


class Handset:
    """The phones' own doing."""

    def __init__(self, store: Store, keys: KeyDesk) -> None:
        self._store = store
        self._keys = keys
        self.arrived: Callable[[Message], object] = id

    def open(self, phone: Phone, stanza: Node) -> Any:
        """Decrypt a message stanza; raises SignalError."""
        sender, bodies = stanzas.author(stanza), list(stanza.all("enc"))
        if sender is None or not bodies:
            raise SignalError("a message without sender or content")
        content = None
        for body in bodies:
            plain = _unpad(self._decrypt(phone, stanza, sender, body))
            try:
                content = protobufs.e2e.Message.FromString(plain)
            except DecodeError as error:
                raise SignalError("a message whose content is no protobuf") from error
            self._learn_sender_key(phone, sender, content)
        return content

    def keep(self, phone: Phone, sender: Jid, stanza: Node, content: Any) -> Message:
        """Put a message that was decrypted into the phone's chat."""
        return self._arrive(self._message(phone, sender, stanza, content))

    def note_undecrypted(self, phone: Phone, stanza: Node) -> None:
        """Put what could not be decrypted into the phone's chat, unless it stands there."""
        sender = stanzas.author(stanza)
        if sender is not None:
            message = self._message(phone, sender, stanza, None)
            known = self._store.messages.with_id(phone.number, message.id)
            if all(other.sender != message.sender for other in known):
                self._arrive(message)

    def seal(self, phone: Phone, to: Jid, content: Any) -> Node:
        """Encrypt a message for one device, starting a session where there is none."""
        current = self._store.phones.session(phone, to)
        if current is None:
            bundle = self._keys.bundle(to)
            if bundle is None:
                raise SignalError(f"there is no device {to}")
            current = agreement.write_first(phone.identity, phone.registration_id, bundle)
        kind, body = current.encrypt(_pad(content.SerializeToString()))
        self._store.phones.save_session(phone, to, current)
        return Node("enc", {"v": "2", "type": kind}, body)

    def seal_for_group(self, phone: Phone, group: Group, content: Any) -> tuple[Any, Node]:
        """Encrypt a message for a group: what to tell each device, and the body for all."""
        key = self._store.groups.own_key(group, phone.number)
        told = with_sender_key(group.jid, key.distribution())
        body = key.encrypt(_pad(content.SerializeToString()))
        self._store.groups.save_own_key(group, phone.number, key)
        return told, Node("enc", {"v": "2", "type": "skmsg"}, body)

    def distribution(self, phone: Phone, group: Group) -> bytes:
        """What lets a device read what the phone writes into a group from now on."""
        key = self._store.groups.own_key(group, phone.number)
        self._store.groups.save_own_key(group, phone.number, key)
        return key.distribution()

    def note_written(self, phone: Phone, chat: str, message_id: str, content: Any) -> Message:
        """Put a message that the phone wrote into its own chat."""
        kind, text = describe(content)
        return self._arrive(
            Message(
                sequence=0,
                number=phone.number,
                direction=Direction.WRITTEN,
                id=message_id,
                sender=phone.number,
                sender_device=0,
                chat=chat,
                text=text,
                content=content.SerializeToString(),
                at=time.time(),
                kind=kind,
            )
        )

    def _decrypt(self, phone: Phone, stanza: Node, sender: Jid, body: Node) -> bytes:
        kind = body.text("type")
        if kind == "pkmsg":
            return self._decrypt_first(phone, sender, body.data)
        group = stanza.jid("from")
        if kind == "skmsg" and group is not None:
            return self._decrypt_shared(phone, group, sender, body.data)
        current = self._store.phones.session(phone, sender)
        if kind != "msg" or current is None:
            raise NoSessionError(f"a message of kind {kind!r} without a session with {sender}")
        plain = current.decrypt(body.data)
        self._store.phones.save_session(phone, sender, current)
        return plain

    def _decrypt_shared(self, phone: Phone, group: Jid, sender: Jid, raw: bytes) -> bytes:
        key = self._store.groups.key_of(group, phone.number, sender)
        if key is None:
            raise NoSessionError(f"a group message without the sender key of {sender}")
        plain = key.decrypt(raw)
        self._store.groups.save_key_of(group, phone.number, sender, key)
        return plain

    def _learn_sender_key(self, phone: Phone, sender: Jid, content: Any) -> None:
        told = content.senderKeyDistributionMessage
        if not told.groupID:
            return
        key = read_distribution(told.axolotlSenderKeyDistributionMessage)
        group = parse(told.groupID)
        known = self._store.groups.key_of(group, phone.number, sender)
        # A later message may come before this one; what is known of the same key reaches further.
        if known is None or known.id != key.id:
            self._store.groups.save_key_of(group, phone.number, sender, key)

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
                text = f"pre-key {first.pre_key_id} was used before or never offered"
                raise NoSessionError(text)
        return agreement.read_first(
            phone.identity, phone.registration_id, phone.signed_pre_key, pre_key, first
        )

    def _message(self, phone: Phone, sender: Jid, stanza: Node, content: Any) -> Message:
        """A message for the phone's chat; without content if it could not be decrypted."""
        owner = self._store.phones.at(sender)
        number = owner.number if owner else sender.user
        direction = Direction.COMPANION if owner is phone else Direction.RECEIVED
        if content is not None and content.HasField("deviceSentMessage"):
            content = content.deviceSentMessage.message
        kind, text = ("", "") if content is None else describe(content)
        return Message(
            sequence=0,
            number=phone.number,
            direction=direction,
            id=stanza.text("id"),
            sender=number,
            sender_device=sender.device,
            chat=self._chat_of(stanza, number),
            text=text,
            content=b"" if content is None else content.SerializeToString(),
            at=time.time(),
            kind=kind,
            undecrypted=content is None,
        )

    def _chat_of(self, stanza: Node, sender: str) -> str:
        if group := self._store.groups.at(stanza.jid("from")):
            return str(group.jid)
        recipient = stanza.jid("recipient")
        other = self._store.phones.at(recipient) if recipient else None
        return other.number if other else sender

    def _arrive(self, message: Message) -> Message:
        kept = self._store.messages.add(message)
        self.arrived(kept)
        return kept


def _pad(plain: bytes) -> bytes:
    size = 1 + secrets.randbelow(15)
    return plain + bytes((size,)) * size


def _unpad(padded: bytes) -> bytes:
    if not padded or not 0 < padded[-1] <= len(padded):
        raise SignalError("a message with wrong padding")
    return padded[: -padded[-1]]
