"""The whole state of a sandbox."""

from __future__ import annotations

from pathlib import Path

from sandbox.state.database import Database
from sandbox.state.devices import Devices
from sandbox.state.messages import Messages
from sandbox.state.phones import Phones
from sandbox.state.queue import Queue


class Store:
    """Phones, devices, chats and queues over one database."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.phones = Phones(self.database)
        self.devices = Devices(self.database)
        self.queue = Queue(self.database)
        self.messages = Messages(self.database)

    def close(self) -> None:
        """Close the database."""
        self.database.close()
