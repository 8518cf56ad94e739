"""How stanzas reach devices and phones.

Every stanza for a device waits in its queue until the device confirms it: a message by its
receipt (or by an ``<ack>`` where it cannot be read), anything else by an ``<ack>``. A phone's
stanzas wait in the same queue while it is offline.

Source: whatsmeow's message.go, receipt.go and notification.go.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping

from sandbox.line import Line
from sandbox.lines import Lines
from sandbox.stanzas import list_hash
from sandbox.state.devices import Device
from sandbox.state.phones import Phone
from sandbox.state.queue import Queued
from sandbox.state.store import Store
from sandbox.wire.jid import SERVER, Jid
from sandbox.wire.node import Node


class Delivery:
    """The queues and the way out of them.

    Attributes:
        ring: a phone takes a stanza.
    """

    def __init__(self, store: Store, lines: Lines) -> None:
        self._store = store
        self._lines = lines
        self.ring: Callable[[Phone, Queued], object] = lambda _phone, _queued: None

    def bring(self, number: str, device: int, node: Node) -> None:
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
                    self._store.queue.done(queued)
                    self.ring(phone, queued)

    def confirm(self, device: Device, kind: str, stanza_id: str) -> None:
        """A device has got a stanza."""
        self._store.queue.confirm(device.number, device.device, kind, stanza_id)

    def announce_devices(self, changed: Device) -> None:
        """Tell a phone's other devices which there are now; contacts learn it by list hashes."""
        phone = self._store.phones.get(changed.number)
        others = [device for device in self._store.devices.of(phone.number) if device != changed]
        addresses = [phone.jid, *(device.jid for device in self._store.devices.of(phone.number))]
        listed = [Node("device", {"jid": jid}) for jid in addresses]
        content = Node("devices", {"dhash": list_hash(set(addresses))}, listed)
        for device in others:
            self.notify(device, "account_sync", content, phone.jid)

    def notify(
        self,
        device: Device,
        kind: str,
        content: Node,
        sender: Jid = SERVER,
        by: Jid | None = None,
        *,
        also: Mapping[str, str | int | Jid | None] | None = None,
    ) -> None:
        """Send a device a notification, of something that ``by`` did, with further attributes."""
        attrs: dict[str, str | int | Jid | None] = {
            **(also or {}),
            "from": sender,
            "participant": by,
            "type": kind,
            "id": secrets.token_hex(8),
            "t": int(time.time()),
        }
        self.bring(device.number, device.device, Node("notification", attrs, [content]))

    def _hand_over(self, line: Line, queued: Queued) -> None:
        if line.silent or line.deaf:
            return
        line.send(queued.node)
        line.sent_up_to = queued.id
        if queued.kind == "message" and line.device is not None:
            self._store.devices.count(line.device, received=1)


def _soon(act: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(act)
