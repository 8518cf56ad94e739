"""The whole state of a sandbox."""

from __future__ import annotations

from pathlib import Path

from sandbox.state.database import Database
from sandbox.state.devices import Devices
from sandbox.state.groups import Groups
from sandbox.state.media import MediaBodies
from sandbox.state.messages import Messages
from sandbox.state.people import People
from sandbox.state.phones import Phone, Phones
from sandbox.state.pictures import Pictures
from sandbox.state.queue import Queue
from sandbox.wire.jid import Jid


class Store:
    """Phones, devices, groups, chats, queues and media over one database."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.phones = Phones(self.database)
        self.devices = Devices(self.database)
        self.groups = Groups(self.database)
        self.pictures = Pictures(self.database)
        self.queue = Queue(self.database)
        self.messages = Messages(self.database)
        self.media = MediaBodies(self.database, path.parent / "media")
        self.people = People(self.database)
        self.pictures = Pictures(self.database)

    def addresses(self, phone: Phone) -> list[Jid]:
        """A user's devices by LID, the phone first."""
        return [phone.lid_jid, *(device.lid_jid for device in self.devices.of(phone.number))]

    def close(self) -> None:
        """Close the database."""
        self.database.close()
