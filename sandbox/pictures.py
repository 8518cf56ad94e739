"""Pictures of people and groups: where they can be fetched, and who hears of a new one.

Source: whatsmeow's user.go (GetProfilePictureInfo), group.go (SetGroupPhoto) and notification.go
(handlePictureNotification).
"""

from __future__ import annotations

import time
from typing import Final

from sandbox.delivery import Delivery
from sandbox.group_life import GroupLife
from sandbox.line import Line
from sandbox.query_error import QueryError
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.phones import Phone
from sandbox.state.pictures import Picture
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

HOST: Final = "pps.whatsapp.net"
_JPEG: Final = b"\xff\xd8\xff"


class PictureDesk:
    """The desk for pictures."""

    def __init__(self, store: Store, delivery: Delivery, groups: GroupLife) -> None:
        self._store = store
        self._delivery = delivery
        self._groups = groups

    def describe(self, _line: Line, device: Device, query: Node) -> list[Node]:
        """The answer to the question about somebody's picture; raises QueryError."""
        owner = query.jid("target")
        phone = self._store.phones.at(owner) if owner else None
        group = self._store.groups.at(owner)
        if phone is not None and not self._may_see(device.number, phone):
            raise QueryError(401)
        if group is not None and device.number not in group.numbers:
            raise QueryError(403)
        address = _address(phone or group)
        picture = self._store.pictures.of(address) if address else None
        if picture is None:
            raise QueryError(404)
        asked = query.find("picture")
        kind = asked.text("type") if asked else "image"
        path = f"/v/t61.24694-24/{picture.id}_{kind}.jpg?ccb=11-4&oe={int(time.time()):X}"
        attrs = {
            "id": picture.id,
            "type": kind,
            "url": f"https://{HOST}{path}",
            "direct_path": path,
        }
        return [Node("picture", attrs)]

    def change(self, _line: Line, device: Device, query: Node) -> list[Node]:
        """A device sets or removes its account's picture, or a group's; raises QueryError."""
        target = query.jid("target")
        group = self._store.groups.at(target)
        author = self._store.phones.get(device.number)
        if target is not None and group is None:
            raise QueryError(404)
        image = query.find("picture")
        if image is not None and not image.data.startswith(_JPEG):
            raise QueryError(406)
        picture = self.set(group or author, image.data if image else b"", author)
        return [Node("picture", {"id": picture.id})] if picture else []

    def set(self, owner: Phone | Group, image: bytes, author: Phone) -> Picture | None:
        """Give a person or group a picture, or take it away if empty, and tell who sees it.

        Raises QueryError where the author may not.
        """
        if isinstance(owner, Group):
            self._groups.check_editor(author, owner)
        address = _address(owner)
        if address is None:
            return None
        picture = self._store.pictures.set(address, image) if image else None
        if picture is None and not self._store.pictures.remove(address):
            return None
        what = Node(
            "set" if picture else "delete",
            {
                "jid": owner.jid if isinstance(owner, Group) else owner.lid_jid,
                "id": picture.id if picture else None,
                "author": author.lid_jid,
            },
        )
        numbers = owner.numbers if isinstance(owner, Group) else self._spectators(owner)
        for number in numbers:
            for device in self._store.devices.of(number):
                self._delivery.notify(device, "picture", what, address)
        return picture

    def _spectators(self, phone: Phone) -> list[str]:
        if self._store.people.get(phone.number).hides("profile"):
            return []
        return self._store.messages.acquaintances(phone.number)

    def _may_see(self, number: str, phone: Phone) -> bool:
        person = self._store.people.get(phone.number)
        return phone.number == number or not (person.hides("profile") or number in person.blocked)


def _address(owner: Phone | Group | None) -> Jid | None:
    """How pictures know their owner."""
    if owner is None:
        return None
    return owner.jid if isinstance(owner, Group) else owner.lid_jid
