"""What becomes of messages that their reader cannot decrypt.

The reader sends a receipt of type ``retry`` to the device that wrote, with its registration id
and keys; that device starts a new session and sends the message once more, to this reader alone.
Between phones and devices all of it is passed on as it is; phones do both parts themselves.

Source: whatsmeow's retry.go.
"""

from __future__ import annotations

from typing import Final

from sandbox import garbling, protobufs, stanzas
from sandbox.content import sent_copy, with_sender_key
from sandbox.delivery import Delivery
from sandbox.faults import Faults
from sandbox.handset import Handset
from sandbox.keydesk import KeyDesk, key_nodes
from sandbox.signal.messages import SignalError
from sandbox.stanzas import Attrs, Chat, Letter
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.messages import Direction
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.wire.node import Node

# whatsmeow asks four times at most (sendRetryReceipt in its retry.go).
_MOST: Final = 4


class Retries:
    """Asking again, and sending again."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        handset: Handset,
        keys: KeyDesk,
        *,
        faults: Faults,
        unknown: Unknown,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._handset = handset
        self._keys = keys
        self._faults = faults
        self._unknown = unknown

    def ask(self, phone: Phone, stanza: Node) -> None:
        """A phone could not decrypt a message: note it, and ask for it again."""
        self._handset.note_undecrypted(phone, stanza)
        sender, count = stanzas.author(stanza), stanzas.count_of(stanza) + 1
        owner = self._store.phones.at(sender) if sender else None
        bundle = self._keys.bundle(phone.lid_jid)
        if sender is None or owner is None or bundle is None or count > _MOST:
            return
        group = self._store.groups.at(stanza.jid("from"))
        chat = group.jid if group else phone.lid_jid
        receipt = stanzas.receipt(phone.lid_jid, chat, stanza.text("id"), "retry")
        if recipient := stanza.jid("recipient"):
            receipt.attrs["recipient"] = recipient
        if edit := stanza.text("edit"):
            receipt.attrs["edit"] = edit
        attrs: Attrs = {"count": count, "id": stanza.text("id"), "t": stanza.text("t"), "v": 1}
        registration, *keys = key_nodes(bundle)
        receipt.content = [Node("retry", attrs), registration, Node("keys", content=keys)]
        self._delivery.bring(owner.number, sender.device, receipt)

    def forward(self, device: Device, stanza: Node) -> None:
        """A device could not decrypt a message: tell the device that wrote it."""
        group = self._store.groups.at(stanza.jid("to"))
        writer = stanza.jid("participant") if group else stanza.jid("to")
        owner = self._store.phones.at(writer) if writer else None
        self._delivery.confirm(device, "message", stanza.text("id"))
        if writer is None or owner is None:
            self._unknown.report(Kind.UNDECRYPTABLE, str(device.jid), str(stanza))
            return
        chat = group.jid if group else device.lid_jid
        receipt = stanzas.receipt(device.lid_jid, chat, stanza.text("id"), "retry")
        if recipient := stanza.jid("recipient"):
            receipt.attrs["recipient"] = recipient
        receipt.content = stanza.children
        self._delivery.bring(owner.number, writer.device, receipt)

    def serve(self, phone: Phone, receipt: Node) -> None:
        """A phone is asked for what it wrote: it sends it once more, in a new session."""
        reader, asked = stanzas.author(receipt), receipt.find("retry")
        owner = self._store.phones.at(reader) if reader else None
        count = int(asked.text("count") or 1) if asked else 1
        written = [
            message
            for message in self._store.messages.with_id(phone.number, receipt.text("id"))
            if message.direction is Direction.WRITTEN
        ]
        if reader is None or owner is None or not written or count > _MOST:
            self._unknown.report(Kind.UNDECRYPTABLE, str(reader), str(receipt))
            return
        content = protobufs.e2e.Message.FromString(written[0].content)
        chat: Chat | None = self._store.groups.at(receipt.jid("from"))
        if isinstance(chat, Group):
            content = with_sender_key(chat.jid, self._handset.distribution(phone, chat), content)
        else:
            chat = self._store.phones.get(written[0].chat)
            content = sent_copy(chat.lid_jid, content) if owner is phone else content
        self._store.phones.forget_session(phone, reader)
        garble = garbling.wanted(self._faults, phone, owner, reader)
        try:
            body = self._handset.seal(phone, reader, garbling.content(garble, content))
        except SignalError as error:
            self._unknown.report(Kind.UNDECRYPTABLE, str(reader), f"{error}: {receipt}")
            return
        body.attrs["count"] = str(count)
        letter = Letter(phone, 0, chat)
        bodies = garbling.bodies(garble, body, [])
        node = stanzas.message(letter, owner, {"id": receipt.text("id")}, bodies)
        self._delivery.bring(owner.number, reader.device, node)

    def pass_on(self, device: Device, stanza: Node, chat: Chat) -> None:
        """A device sends a message once more, for one reader."""
        writer = self._store.phones.get(device.number)
        if recipient := stanza.jid("recipient"):
            chat = self._store.phones.at(recipient) or chat
        letter = Letter(writer, device.device, chat)
        for jid, body in stanzas.bodies(stanza):
            reader = self._store.phones.at(jid)
            if reader is not None:
                node = stanzas.forwarded(letter, reader, stanza, [body])
                self._delivery.bring(reader.number, jid.device, node)
