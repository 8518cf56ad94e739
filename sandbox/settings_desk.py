"""An account's own settings: whom it blocks, and who may see what of it.

Source: whatsmeow's user.go (GetBlocklist, UpdateBlocklist), privacysettings.go, tctoken.go and
notification.go (handleAccountSyncNotification, handlePrivacyTokenNotification).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from sandbox.delivery import Delivery
from sandbox.line import Line
from sandbox.query_error import QueryError
from sandbox.stanzas import Attrs
from sandbox.state.devices import Device
from sandbox.state.people import PRIVACY, Person
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.node import Node


class SettingsDesk:
    """The desk for settings that the phone and all its devices share."""

    def __init__(
        self, store: Store, delivery: Delivery, token_of: Callable[[Phone, str], bytes]
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._token_of = token_of

    def block_list(self, _line: Line, device: Device, _query: Node) -> list[Node]:
        """Whom a device's account blocks."""
        return [self._listed(self._store.people.get(device.number))]

    def block(self, _line: Line, device: Device, query: Node) -> list[Node]:
        """A device blocks somebody, or takes it back; raises QueryError."""
        item = query.find("item")
        jid = item.jid("jid") if item else None
        other = self._store.phones.at(jid) if jid else None
        if item is None or other is None or item.text("action") not in ("block", "unblock"):
            raise QueryError(400)
        self.set_blocked(
            self._store.phones.get(device.number),
            other,
            blocked=item.text("action") == "block",
            by=device,
        )
        return self.block_list(_line, device, query)

    def set_blocked(
        self, phone: Phone, other: Phone, *, blocked: bool, by: Device | None = None
    ) -> None:
        """An account blocks somebody, or takes it back; its devices but the one hear of it."""
        person = self._store.people.get(phone.number)
        if (other.number in person.blocked) == blocked:
            return
        before = _hash(person)
        (person.blocked.append if blocked else person.blocked.remove)(other.number)
        self._store.people.save(person)
        change = Node("item", {"jid": other.lid_jid, "action": "block" if blocked else "unblock"})
        attrs = {"action": "modify", "dhash": _hash(person), "prev_dhash": before}
        self._tell(phone, Node("blocklist", attrs, [change]), by)

    def privacy(self, _line: Line, device: Device, _query: Node) -> list[Node]:
        """Who may see what of a device's account."""
        return [_privacy(self._store.people.get(device.number).privacy)]

    def change_privacy(self, _line: Line, device: Device, query: Node) -> list[Node]:
        """A device sets who may see something; raises QueryError."""
        asked = query.find("privacy")
        changes = {
            item.text("name"): item.text("value")
            for item in (asked.all("category") if asked else ())
        }
        if not changes or not changes.keys() <= PRIVACY.keys():
            raise QueryError(400)
        self.set_privacy(self._store.phones.get(device.number), changes, by=device)
        return self.privacy(_line, device, query)

    def set_privacy(self, phone: Phone, changes: dict[str, str], by: Device | None = None) -> None:
        """An account sets who may see something; its devices but the one hear of it."""
        person = self._store.people.get(phone.number)
        person.privacy |= changes
        self._store.people.save(person)
        self._tell(phone, _privacy(changes), by)

    def give_token(self, phone: Phone, other: Phone) -> None:
        """A phone trusts another account: its devices get a token to show."""
        attrs: Attrs = {"type": "trusted_contact", "t": int(time.time())}
        token = Node("token", attrs, self._token_of(phone, other.number))
        for device in self._store.devices.of(other.number):
            self._delivery.notify(
                device, "privacy_token", Node("tokens", content=[token]), phone.lid_jid
            )

    def _tell(self, phone: Phone, what: Node, by: Device | None) -> None:
        for device in self._store.devices.of(phone.number):
            if device is not by:
                self._delivery.notify(device, "account_sync", what, phone.jid)

    def _listed(self, person: Person) -> Node:
        blocked = [self._store.phones.get(number) for number in person.blocked]
        items = [Node("item", {"jid": phone.lid_jid}) for phone in blocked]
        return Node("list", {"dhash": _hash(person)}, items)


def _hash(person: Person) -> str:
    return hashlib.sha256(",".join(sorted(person.blocked)).encode()).hexdigest()[:16]


def _privacy(settings: dict[str, str]) -> Node:
    categories = [
        Node("category", {"name": name, "value": value}) for name, value in settings.items()
    ]
    return Node("privacy", content=categories)
