"""How messages and receipts travel between devices and phones.

Every stanza for a device waits in its queue until the device confirms it: a message by its
receipt (or by an ``<ack>`` where it cannot be read), anything else by an ``<ack>``. A phone's
stanzas wait in the same queue while it is offline.

Source: whatsmeow's send.go, message.go, receipt.go and notification.go.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Final

from sandbox.faults import Faults, HoldAck, SendError
from sandbox.handset import Envelope, Handset, sent_copy, text_content
from sandbox.line import Line
from sandbox.lines import Lines
from sandbox.signal.messages import SignalError
from sandbox.state.devices import Device
from sandbox.state.messages import Message
from sandbox.state.phones import Phone
from sandbox.state.queue import Queued
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.wire.jid import SERVER, Jid
from sandbox.wire.node import Node

_READ: Final = frozenset({"read", "played"})
_PRIVATE: Final = frozenset({"read-self", "played-self", "sender", "peer_msg", "hist_sync"})


class Mail:
    """The post office."""

    def __init__(
        self, store: Store, lines: Lines, handset: Handset, faults: Faults, unknown: Unknown
    ) -> None:
        self._store = store
        self._lines = lines
        self._handset = handset
        self._faults = faults
        self._unknown = unknown

    def take(self, line: Line, device: Device, stanza: Node) -> None:
        """A message from a device: pass it on once, acknowledge it every time."""
        to = stanza.jid("to")
        recipient = self._store.phones.at(to) if to else None
        number = recipient.number if recipient else ""
        attrs = {"class": "message", "id": stanza.text("id"), "from": to, "t": int(time.time())}
        error = self._faults.bite(SendError, device.number, number)
        if error is not None:
            line.send(Node("ack", {**attrs, "error": error.code}))
            return
        first, arrivals = self._store.messages.accept(
            device.number, device.device, stanza.text("id")
        )
        attrs["t"] = first
        if arrivals == 1:
            self._store.devices.count(device, sent=1)
            attrs["phash"] = self._pass_on(device, stanza, to, recipient)
        hold = self._faults.bite(HoldAck, device.number, number)
        if hold is None:
            line.send(Node("ack", attrs))
        elif hold.seconds is not None:
            asyncio.get_running_loop().call_later(hold.seconds, line.send, Node("ack", attrs))

    def write(self, phone: Phone, to: Phone, text: str) -> Message:
        """A phone writes a text: to the other phone and its devices, and to its own devices."""
        message_id = "3A" + secrets.token_hex(9).upper()
        content = text_content(text)
        copy = sent_copy(to.lid_jid, content)
        with self._store.database.transaction():
            written = self._handset.note_written(phone, to, message_id, content)
            if to.on_whatsapp and to is not phone:
                for jid in self.addresses(to):
                    self._post(phone, to, message_id, self._handset.seal(phone, jid, content))
            for device in self._store.devices.of(phone.number):
                self._post(phone, to, message_id, self._handset.seal(phone, device.lid_jid, copy))
        return written

    def mark_read(self, phone: Phone, message_id: str) -> Message | None:
        """A phone reads a message, and its sender is told; none if the phone has no such."""
        found = [
            message
            for message in self._store.messages.with_id(phone.number, message_id)
            if message.sender != phone.number
        ]
        if not found:
            return None
        with self._store.database.transaction():
            self._store.messages.mark(phone.number, message_id, read=True)
            sender = self._store.phones.get(found[0].sender)
            self._receipt(phone.lid_jid, sender, message_id, "read")
        return self._store.messages.get(found[0].sequence)

    def receipt(self, device: Device, stanza: Node) -> None:
        """A device's receipt: it confirms what was delivered, and goes on to who wrote it."""
        kind = stanza.text("type")
        ids = [stanza.text("id"), *(item.text("id") for item in _items(stanza))]
        to = stanza.jid("to")
        if kind == "retry":
            self._unknown.report(Kind.UNDECRYPTABLE, str(device.jid), str(stanza))
            return
        for message_id in ids:
            self._store.queue.confirm(device.number, device.device, "message", message_id)
        writer = self._store.phones.at(to) if to else None
        if writer is None or kind in _PRIVATE or writer.number == device.number:
            return
        for message_id in ids:
            self._receipt(
                device.lid_jid, writer, message_id, kind if kind in _READ else "", except_for=device
            )

    def confirm(self, device: Device, stanza: Node) -> None:
        """A device's ``<ack>`` for a stanza that needs no receipt, or that it cannot read."""
        if stanza.text("error"):
            self._unknown.report(Kind.UNDECRYPTABLE, str(device.jid), str(stanza))
        self._store.queue.confirm(
            device.number, device.device, stanza.text("class"), stanza.text("id")
        )

    def flush(self, line: Line, *, offline: bool = False) -> int:
        """Send a device what waits for it; how much that was."""
        device = line.device
        if device is None:
            return 0
        waiting = self._store.queue.waiting(device.number, device.device, line.sent_up_to)
        for count, queued in enumerate(waiting):
            if offline:
                queued.node.attrs["offline"] = str(count)
            self._hand_over(line, queued)
        return len(waiting)

    def wake(self, phone: Phone) -> None:
        """A phone takes what waits for it, if it is online."""
        if phone.online:
            with self._store.database.transaction():
                for queued in self._store.queue.waiting(phone.number, 0):
                    self._ring(phone, queued)

    def announce_devices(self, changed: Device) -> None:
        """Tell a phone's other devices which there are now; contacts learn it by list hashes."""
        phone = self._store.phones.get(changed.number)
        others = [device for device in self._store.devices.of(phone.number) if device != changed]
        addresses = [phone.jid, *(device.jid for device in self._store.devices.of(phone.number))]
        listed = [Node("device", {"jid": jid}) for jid in addresses]
        content = Node("devices", {"dhash": _hash(set(addresses))}, listed)
        for device in others:
            self.notify(device, "account_sync", content, phone.jid)

    def notify(self, device: Device, kind: str, content: Node, sender: Jid = SERVER) -> None:
        """Send a device a notification."""
        attrs: dict[str, str | int | Jid | None] = {
            "from": sender,
            "type": kind,
            "id": secrets.token_hex(8),
            "t": int(time.time()),
        }
        self._deliver(device.number, device.device, Node("notification", attrs, [content]))

    def addresses(self, phone: Phone) -> list[Jid]:
        """A user's devices by LID, the phone first."""
        linked = (device.lid_jid for device in self._store.devices.of(phone.number))
        return [phone.lid_jid, *linked]

    def _pass_on(
        self, device: Device, stanza: Node, to: Jid | None, recipient: Phone | None
    ) -> str:
        """Bring a device's message to everyone it is encrypted for; a hash if someone is missing.

        The hash is the one over all devices of both users, which the client compares with its
        own; it is sent only where the message was not encrypted for exactly those.
        """
        if to is None or recipient is None:
            self._unknown.report(Kind.STANZA, str(device.jid), str(stanza))
            return ""
        reached = {device.lid_jid}
        identity = stanza.find("device-identity")
        for jid, body in _bodies(stanza, to):
            owner = self._store.phones.at(jid)
            if owner is None or owner.number not in (device.number, recipient.number):
                self._unknown.report(Kind.STANZA, str(device.jid), str(stanza))
                continue
            reached.add(Jid(owner.lid, "lid", jid.device))
            if owner.on_whatsapp:
                node = self._forwarded(device, stanza, recipient, owner, body)
                if identity is not None and body.text("type") == "pkmsg":
                    node.children.append(identity)
                self._deliver(owner.number, jid.device, node)
        own = self._store.phones.get(device.number)
        expected = {*self.addresses(recipient), *self.addresses(own)}
        return "" if reached == expected or not stanza.find("participants") else _hash(expected)

    def _forwarded(
        self, device: Device, stanza: Node, recipient: Phone, owner: Phone, body: Node
    ) -> Node:
        """A device's message as one of its readers gets it."""
        attrs: dict[str, str | int | Jid | None] = {
            "from": device.lid_jid,
            "id": stanza.text("id"),
            "type": stanza.text("type"),
            "t": int(time.time()),
            "notify": self._store.phones.get(device.number).push_name,
            "addressing_mode": "lid",
            "edit": stanza.text("edit"),
        }
        if owner.number == device.number and owner is not recipient:
            attrs |= {"recipient": recipient.lid_jid, "peer_recipient_pn": recipient.jid}
        else:
            attrs["sender_pn"] = device.jid.bare
        return Node("message", attrs, [body])

    def _post(self, phone: Phone, to: Phone, message_id: str, envelope: Envelope) -> None:
        """Bring one copy of what a phone wrote to one device."""
        attrs: dict[str, str | int | Jid | None] = {
            "from": phone.lid_jid,
            "id": message_id,
            "type": "text",
            "t": int(time.time()),
            "notify": phone.push_name,
            "addressing_mode": "lid",
        }
        own = envelope.to.user == phone.lid
        if own and phone is not to:
            attrs |= {"recipient": to.lid_jid, "peer_recipient_pn": to.jid}
        else:
            attrs["sender_pn"] = phone.jid
        owner = phone if own else to
        self._deliver(owner.number, envelope.to.device, Node("message", attrs, [envelope.node()]))

    def _receipt(
        self,
        reader: Jid,
        writer: Phone,
        message_id: str,
        kind: str,
        except_for: Device | None = None,
    ) -> None:
        """Tell a message's writer, on all devices, that it was delivered or read."""
        self._store.messages.mark(writer.number, message_id, read=kind in _READ)
        for device in self._store.devices.of(writer.number):
            if device is not except_for:
                self._deliver(device.number, device.device, _receipt(reader, message_id, kind))

    def _deliver(self, number: str, device: int, node: Node) -> None:
        """Queue a stanza and send it on at once where its device is there.

        A phone takes its stanzas a moment later, when their sender has its acknowledgement.
        """
        if device == 0:
            phone = self._store.phones.get(number)
            self._store.queue.add(number, 0, node)
            self._store.database.defer(lambda: _soon(lambda: self.wake(phone)))
            return
        known = self._store.devices.get(number, device)
        if known is None or known.removed:
            return
        queued = self._store.queue.add(number, device, node)
        line = self._lines.of(number, device)
        if line is not None and line.active:
            self._hand_over(line, queued)

    def _hand_over(self, line: Line, queued: Queued) -> None:
        if line.silent:
            return
        line.send(queued.node)
        line.sent_up_to = queued.id
        if queued.kind == "message" and line.device is not None:
            self._store.devices.count(line.device, received=1)

    def _ring(self, phone: Phone, queued: Queued) -> None:
        """A phone takes a stanza: it decrypts, keeps, and answers with a receipt."""
        self._store.queue.done(queued)
        sender = queued.node.jid("from")
        if queued.kind != "message" or sender is None:
            return
        try:
            message = self._handset.read(phone, queued.node)
        except SignalError as error:
            self._unknown.report(Kind.UNDECRYPTABLE, phone.number, f"{error}: {queued.node}")
            return
        self._answer(phone, sender, message.id, queued.node.jid("recipient"))

    def _answer(self, phone: Phone, sender: Jid, message_id: str, recipient: Jid | None) -> None:
        writer = self._store.phones.at(sender)
        if writer is None:
            return
        if writer is not phone:
            if phone.receipts:
                self._receipt(phone.lid_jid, writer, message_id, "")
        elif sender.device:
            receipt = _receipt(phone.lid_jid, message_id, "sender")
            if recipient is not None:
                receipt.attrs["recipient"] = recipient
            self._deliver(phone.number, sender.device, receipt)


def _soon(act: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(act)


def _receipt(reader: Jid, message_id: str, kind: str) -> Node:
    return Node("receipt", {"from": reader, "id": message_id, "t": int(time.time()), "type": kind})


def _items(stanza: Node) -> list[Node]:
    found = stanza.find("list")
    return list(found.all("item")) if found else []


def _bodies(stanza: Node, to: Jid) -> list[tuple[Jid, Node]]:
    """Whom a message is encrypted for; a message for one device alone has its body bare."""
    bare = stanza.find("enc")
    if bare is not None:
        return [(to, bare)]
    participants = stanza.find("participants")
    found = []
    for node in participants.all("to") if participants else ():
        jid, body = node.jid("jid"), node.find("enc")
        if jid is not None and body is not None:
            found.append((jid, body))
    return found


def _hash(addresses: set[Jid]) -> str:
    """The participant list hash, version 2: 6 bytes of SHA-256 over the sorted addresses."""
    digest = hashlib.sha256("".join(sorted(jid.wide for jid in addresses)).encode()).digest()
    return "2:" + base64.b64encode(digest[:6]).decode().rstrip("=")
