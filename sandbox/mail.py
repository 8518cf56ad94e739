"""How messages and receipts travel between devices and phones.

Source: whatsmeow's send.go, message.go and receipt.go.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any, Final

from sandbox import garbling, peers, stanzas, votes
from sandbox.content import sent_copy
from sandbox.delivery import Delivery
from sandbox.faults import CutLine, Faults, HoldAck, SendError, Undecryptable
from sandbox.handset import Handset
from sandbox.line import Line
from sandbox.retries import Retries
from sandbox.sightings import SightingKind, Sightings
from sandbox.signal.messages import NoSessionError, SignalError
from sandbox.stanzas import Attrs, Chat, Letter
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.messages import Message
from sandbox.state.phones import Phone
from sandbox.state.queue import Queued
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.wire.jid import Jid, parse
from sandbox.wire.node import Node

_READ: Final = frozenset({"read", "played"})
_PRIVATE: Final = frozenset({"read-self", "played-self", "sender", "peer_msg", "hist_sync"})
_FORBIDDEN: Final = 403
_ONLY_ADMINS: Final = 420


class Mail:
    """The post office."""

    def __init__(
        self,
        *,
        store: Store,
        delivery: Delivery,
        handset: Handset,
        retries: Retries,
        sightings: Sightings,
        faults: Faults,
        unknown: Unknown,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._handset = handset
        self._retries = retries
        self._sightings = sightings
        self._faults = faults
        self._unknown = unknown
        delivery.ring = self._ring

    def take(self, line: Line, device: Device, stanza: Node) -> None:
        """A message from a device: pass it on once, acknowledge it every time."""
        to = stanza.jid("to")
        chat = self._chat(to)
        attrs: Attrs = {"class": "message", "id": stanza.text("id"), "from": to}
        if stanzas.count_of(stanza) and chat is not None:
            self._retries.pass_on(device, stanza, chat)
            line.send(Node("ack", {**attrs, "t": int(time.time())}))
            return
        name = _name(chat)
        error = self._faults.bite(SendError, device.number, name)
        code = error.code if error else self._refusal(device, chat)
        if code:
            line.send(Node("ack", {**attrs, "t": int(time.time()), "error": code}))
            return
        cut = self._faults.bite(CutLine, device.number, name)
        if cut is None or cut.delivered:
            attrs |= self._accept(device, stanza, chat)
        if cut is not None:
            self._store.database.defer(line.reset)
            return
        hold = self._faults.bite(HoldAck, device.number, name)
        if hold is None:
            line.send(Node("ack", attrs))
        elif hold.seconds is not None:
            asyncio.get_running_loop().call_later(hold.seconds, line.send, Node("ack", attrs))

    def write(self, phone: Phone, chat: Chat, content: Any, message_id: str = "") -> Message:
        """A phone writes a message: to the chat's devices, and to its own."""
        message_id = message_id or "3A" + secrets.token_hex(9).upper()
        content = votes.with_secret(content)
        with self._store.database.transaction():
            written = self._handset.note_written(phone, _name(chat), message_id, content)
            letter = Letter(phone, 0, chat)
            if isinstance(chat, Group):
                self._write_to_group(letter, chat, message_id, content)
            else:
                self._write_to_phone(letter, chat, message_id, content)
        return written

    def mark_read(self, phone: Phone, message_id: str) -> Message | None:
        """A phone reads a message, and its sender is told; none if the phone has no such."""
        found = [
            message
            for message in self._store.messages.with_id(phone.number, message_id)
            if message.sender != phone.number and not message.undecrypted
        ]
        if not found:
            return None
        group = "@" in found[0].chat
        with self._store.database.transaction():
            self._store.messages.mark(phone.number, message_id, read=True)
            sender = self._store.phones.get(found[0].sender)
            chat = parse(found[0].chat) if group else phone.lid_jid
            self._receipt(stanzas.receipt(phone.lid_jid, chat, message_id, "read"), sender)
        return self._store.messages.get(found[0].sequence)

    def receipt(self, device: Device, stanza: Node) -> None:
        """A device's receipt: it confirms what was delivered, and goes on to who wrote it."""
        kind = stanza.text("type")
        if kind == "retry":
            self._retries.forward(device, stanza)
            return
        ids = stanzas.ids_of(stanza)
        for message_id in ids:
            self._delivery.confirm(device, "message", message_id)
        group = self._store.groups.at(stanza.jid("to"))
        to = stanza.jid("participant") if group else stanza.jid("to")
        writer = self._store.phones.at(to) if to else None
        if writer is None or kind in _PRIVATE or writer.number == device.number:
            return
        chat = group.jid if group else device.lid_jid
        for message_id in ids:
            passed = kind if kind in _READ else ""
            if passed:
                self._see(writer, device, group, message_id, passed)
            self._receipt(stanzas.receipt(device.lid_jid, chat, message_id, passed), writer)

    def confirm(self, device: Device, stanza: Node) -> None:
        """A device's ``<ack>`` for a stanza that needs no receipt, or that it cannot read."""
        if stanza.text("error"):
            self._unknown.report(Kind.UNDECRYPTABLE, str(device.jid), str(stanza))
        self._delivery.confirm(device, stanza.text("class"), stanza.text("id"))

    def _chat(self, to: Jid | None) -> Chat | None:
        return (self._store.groups.at(to) or self._store.phones.at(to)) if to else None

    def _refusal(self, device: Device, chat: Chat | None) -> int:
        if not isinstance(chat, Group):
            return 0
        if device.number not in chat.numbers:
            return _FORBIDDEN
        return _ONLY_ADMINS if chat.keeps_silent(device.number) else 0

    def _accept(self, device: Device, stanza: Node, chat: Chat | None) -> Attrs:
        """Pass a message on if it comes for the first time; what its acknowledgement says."""
        first, arrivals = self._store.messages.accept(
            device.number, device.device, stanza.text("id")
        )
        if arrivals > 1:
            return {"t": first}
        self._store.devices.count(device, sent=1)
        return {"t": first, "phash": self._pass_on(device, stanza, chat)}

    def _pass_on(self, device: Device, stanza: Node, chat: Chat | None) -> str:
        """Bring a device's message to everyone it is encrypted for; a hash if someone is missing.

        The hash is the one over all devices of the chat, which the client compares with its own;
        it is sent only where the message was not encrypted for exactly those.
        """
        if chat is None:
            self._unknown.report(Kind.STANZA, str(device.jid), str(stanza))
            return ""
        writer = self._store.phones.get(device.number)
        letter = Letter(writer, device.device, chat)
        members = self._members(chat, writer)
        everyone = {jid for member in members for jid in self._store.addresses(member)}
        own = {}
        for jid, body in stanzas.bodies(stanza):
            owner = self._store.phones.at(jid)
            if owner is not None and owner not in members and isinstance(chat, Group):
                continue  # who left the group a moment ago, and its sender has not heard of it
            if owner is None or owner not in members:
                self._unknown.report(Kind.STANZA, str(device.jid), str(stanza))
                continue
            own[Jid(owner.lid, owner.lid_jid.server, jid.device)] = body
        shared = [body for body in stanza.all("enc") if body.text("type") == "skmsg"]
        for jid in sorted(everyone | own.keys() if shared else own.keys()):
            reader = self._store.phones.at(jid)
            if reader is None or (chat is reader and self._blocked(reader, writer)):
                continue
            if reader.on_whatsapp and jid != device.lid_jid:
                found = [own[jid]] if jid in own else []
                node = stanzas.forwarded(letter, reader, stanza, [*found, *shared])
                self._delivery.bring(reader.number, jid.device, node)
        complete = {device.lid_jid, *own} == everyone or not stanza.find("participants")
        return "" if complete else stanzas.list_hash(everyone)

    def _members(self, chat: Chat, writer: Phone) -> list[Phone]:
        numbers = chat.numbers if isinstance(chat, Group) else [chat.number, writer.number]
        return [self._store.phones.get(number) for number in dict.fromkeys(numbers)]

    def _write_to_phone(self, letter: Letter, to: Phone, message_id: str, content: Any) -> None:
        targets = [(letter.writer, sent_copy(to.lid_jid, content))]
        if to.on_whatsapp and to is not letter.writer and not self._blocked(to, letter.writer):
            targets.insert(0, (to, content))
        for reader, told in targets:
            self._post(letter, reader, message_id, told, [])

    def _write_to_group(self, letter: Letter, to: Group, message_id: str, content: Any) -> None:
        told, shared = self._handset.seal_for_group(letter.writer, to, content)
        for reader in self._members(to, letter.writer):
            if reader.on_whatsapp:
                self._post(letter, reader, message_id, told, [shared])

    def _post(
        self, letter: Letter, reader: Phone, message_id: str, told: Any, shared: list[Node]
    ) -> None:
        """Bring what a phone wrote to all devices of a reader, each with a body of its own."""
        for jid in self._store.addresses(reader):
            if jid != letter.sender:
                garble = garbling.wanted(self._faults, letter.writer, reader, jid)
                body = self._handset.seal(letter.writer, jid, garbling.content(garble, told))
                bodies = garbling.bodies(garble, body, shared)
                node = stanzas.message(letter, reader, {"id": message_id}, bodies)
                self._delivery.bring(reader.number, jid.device, node)

    def _see(
        self, writer: Phone, device: Device, group: Group | None, message_id: str, kind: str
    ) -> None:
        """A message's writer sees that somebody read or played it."""
        self._sightings.add(
            writer.number,
            SightingKind.PLAYED if kind == "played" else SightingKind.READ,
            device.number,
            device.device,
            chat=str(group.jid) if group else device.number,
            message_id=message_id,
        )

    def _blocked(self, reader: Phone, writer: Phone) -> bool:
        """Whether a message between two must not arrive."""
        return self._store.people.blocks(reader.number, writer.number)

    def _receipt(self, receipt: Node, writer: Phone) -> None:
        """Tell a message's writer, on all devices but the reading one, of a receipt."""
        message_id, reader = receipt.text("id"), stanzas.author(receipt)
        self._store.messages.mark(writer.number, message_id, read=receipt.text("type") in _READ)
        for device in self._store.devices.of(writer.number):
            if device.lid_jid != reader:
                self._delivery.bring(device.number, device.device, receipt)

    def _ring(self, phone: Phone, queued: Queued) -> None:
        """A phone takes a stanza: it decrypts, keeps, and answers with a receipt."""
        stanza = queued.node
        sender = stanzas.author(stanza)
        if sender is None:
            return
        if queued.kind == "receipt" and stanza.text("type") == "retry":
            self._retries.serve(phone, stanza)
        if queued.kind != "message":
            return
        writer = self._store.phones.at(sender)
        if self._faults.bite(Undecryptable, writer.number if writer else "", phone.number):
            self._retries.ask(phone, stanza)
            return
        try:
            content = self._handset.open(phone, stanza)
        except SignalError as error:
            if not (phone.forgetful and isinstance(error, NoSessionError)):
                self._unknown.report(Kind.UNDECRYPTABLE, phone.number, f"{error}: {stanza}")
            self._retries.ask(phone, stanza)
        else:
            if writer is phone and peers.is_question(content):
                self._answer_device(phone, sender, stanza, content)
            else:
                self._handset.keep(phone, sender, stanza, content)
            self._answer(phone, writer, sender, stanza)

    def _answer_device(self, phone: Phone, device: Jid, stanza: Node, question: Any) -> None:
        answer = peers.answer(self._store, phone, stanza.text("id"), question)
        if answer is not None:
            body = self._handset.seal(phone, device, answer)
            attrs: Attrs = {"id": secrets.token_hex(9).upper(), "category": "peer"}
            node = stanzas.message(Letter(phone, 0, phone), phone, attrs, [body])
            self._delivery.bring(phone.number, device.device, node)

    def _answer(self, phone: Phone, writer: Phone | None, sender: Jid, stanza: Node) -> None:
        if writer is None:
            return
        group, message_id = self._store.groups.at(stanza.jid("from")), stanza.text("id")
        chat = group.jid if group else phone.lid_jid
        if writer is not phone:
            if phone.receipts:
                self._receipt(stanzas.receipt(phone.lid_jid, chat, message_id, ""), writer)
        elif sender.device:
            receipt = stanzas.receipt(phone.lid_jid, chat, message_id, "sender")
            if recipient := stanza.jid("recipient"):
                receipt.attrs["recipient"] = recipient
            self._delivery.bring(phone.number, sender.device, receipt)


def _name(chat: Chat | None) -> str:
    """How faults and chats name a chat: by number, or by the group's address."""
    if isinstance(chat, Group):
        return str(chat.jid)
    return chat.number if chat else ""
