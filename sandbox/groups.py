"""What devices can ask about groups, and what they are told of them.

Groups have the addressing mode ``lid``: members are named by their hidden addresses, with their
numbers beside them.

Source: whatsmeow's group.go.
"""

from __future__ import annotations

from sandbox.delivery import Delivery
from sandbox.line import Line
from sandbox.stanzas import Attrs
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.node import Node


class QueryError(Exception):
    """A query that is answered with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class GroupDesk:
    """The desk for groups."""

    def __init__(self, store: Store, delivery: Delivery) -> None:
        self._store = store
        self._delivery = delivery

    def create(self, subject: str, phones: list[Phone]) -> Group:
        """Make a group, and tell its members."""
        with self._store.database.transaction():
            group = self._store.groups.create(subject, [phone.number for phone in phones])
            made = Node("create", {"type": "new", "key": group.id}, [self._described(group)])
            self._tell(group, phones[0], made, group.numbers)
        return group

    def change(
        self, group: Group, *, add: list[Phone], remove: list[Phone], subject: str | None
    ) -> None:
        """Change a group, and tell those who are or were in it."""
        by = self._store.phones.get((group.numbers or [phone.number for phone in add])[0])
        with self._store.database.transaction():
            if added := self._store.groups.add(group, [phone.number for phone in add]):
                self._tell(group, by, self._members("add", added), group.numbers)
            before = list(group.numbers)
            if removed := self._store.groups.remove(group, [phone.number for phone in remove]):
                self._tell(group, by, self._members("remove", removed), before)
            if subject and subject != group.subject:
                self._store.groups.rename(group, subject)
                attrs: Attrs = {"subject": subject, "s_t": int(group.made_at), "s_o": by.lid_jid}
                self._tell(group, by, Node("subject", attrs), group.numbers)

    def describe(self, _line: Line, device: Device, query: Node) -> list[Node]:
        """The answer to the question about one group; raises QueryError."""
        group = self._store.groups.at(query.jid("to"))
        if group is None:
            raise QueryError(404, "item-not-found")
        if device.number not in group.numbers:
            raise QueryError(403, "forbidden")
        return [self._described(group)]

    def list_joined(self, _line: Line, device: Device, _query: Node) -> list[Node]:
        """The answer to the question about all groups that a device is in."""
        joined = [group for group in self._store.groups.all() if device.number in group.numbers]
        return [Node("groups", content=[self._described(group) for group in joined])]

    def _described(self, group: Group) -> Node:
        made_at = int(group.made_at)
        creator = self._store.phones.get(group.numbers[0]) if group.numbers else None
        attrs: Attrs = {
            "id": group.id,
            "subject": group.subject,
            "creation": made_at,
            "creator": creator.lid_jid if creator else None,
            "creator_pn": creator.jid if creator else None,
            "s_t": made_at,
            "s_o": creator.lid_jid if creator else None,
            "addressing_mode": "lid",
            "size": len(group.numbers),
        }
        return Node("group", attrs, self._members("", group.numbers, creator).children)

    def _members(self, tag: str, numbers: list[str], creator: Phone | None = None) -> Node:
        phones = [self._store.phones.get(number) for number in numbers]
        return Node(
            tag,
            content=[
                Node(
                    "participant",
                    {
                        "jid": phone.lid_jid,
                        "phone_number": phone.jid,
                        "type": "superadmin" if phone is creator else None,
                    },
                )
                for phone in phones
            ],
        )

    def _tell(self, group: Group, by: Phone, what: Node, numbers: list[str]) -> None:
        for number in numbers:
            for device in self._store.devices.of(number):
                self._delivery.notify(device, "w:gp2", what, group.jid, by.lid_jid)
