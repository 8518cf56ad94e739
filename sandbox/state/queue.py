"""What the server still has to bring to a device: stanzas until they are confirmed."""

from __future__ import annotations

import time
from typing import NamedTuple

from sandbox.state.database import Database
from sandbox.wire import binary
from sandbox.wire.node import Node


class Queued(NamedTuple):
    """A stanza on its way to a device."""

    id: int
    kind: str
    stanza_id: str
    node: Node


class Queue:
    """The stanzas of all devices, in order; device 0 is the phone itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, number: str, device: int, node: Node) -> Queued:
        """Keep a stanza for a device."""
        stanza_id = node.text("id")
        cursor = self._database.execute(
            "INSERT INTO queue (number, device, kind, stanza_id, stanza, queued_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            number,
            device,
            node.tag,
            stanza_id,
            binary.encode(node),
            time.time(),
        )
        return Queued(int(cursor.lastrowid or 0), node.tag, stanza_id, node)

    def waiting(self, number: str, device: int, after: int = 0) -> list[Queued]:
        """What waits for a device, oldest first."""
        rows = self._database.execute(
            "SELECT id, kind, stanza_id, stanza FROM queue"
            " WHERE number = ? AND device = ? AND id > ? ORDER BY id",
            number,
            device,
            after,
        )
        return [Queued(row[0], row[1], row[2], binary.decode(row[3])) for row in rows]

    def count(self, number: str, device: int) -> int:
        """How much waits for a device."""
        (count,) = self._database.execute(
            "SELECT COUNT(*) FROM queue WHERE number = ? AND device = ?", number, device
        ).fetchone()
        return int(count)

    def confirm(self, number: str, device: int, kind: str, stanza_id: str) -> bool:
        """Forget a stanza that the device has confirmed; false if there was none."""
        cursor = self._database.execute(
            "DELETE FROM queue WHERE number = ? AND device = ? AND kind = ? AND stanza_id = ?",
            number,
            device,
            kind,
            stanza_id,
        )
        return cursor.rowcount > 0

    def done(self, queued: Queued) -> None:
        """Forget a stanza that was handed over."""
        self._database.execute("DELETE FROM queue WHERE id = ?", queued.id)
