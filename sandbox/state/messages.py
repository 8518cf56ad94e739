"""The phones' chats: what each has received and written, and what the server accepted."""

from __future__ import annotations

import enum
import sqlite3
import time
from dataclasses import dataclass

from sandbox.state.database import Database


class Direction(enum.IntEnum):
    """How a message came into a phone's chat."""

    RECEIVED = 1
    WRITTEN = 2
    COMPANION = 3


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a phone's chat. Times are Unix seconds.

    The sender is a number, the chat a number or the address of a group.
    """

    sequence: int
    number: str
    direction: Direction
    id: str
    sender: str
    sender_device: int
    chat: str
    text: str
    content: bytes
    at: float
    delivery: int = 1
    arrivals: int = 1
    delivered_at: float | None = None
    read_at: float | None = None
    kind: str = "text"
    undecrypted: bool = False


class Messages:
    """The chats of all phones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, message: Message) -> Message:
        """Put a message into a phone's chat; its sequence and delivery are filled in.

        It takes the place of what the phone could not decrypt.
        """
        self._database.execute(
            "DELETE FROM messages WHERE number = ? AND id = ? AND sender = ? AND undecrypted",
            message.number,
            message.id,
            message.sender,
        )
        (delivery,) = self._database.execute(
            "SELECT COUNT(*) + 1 FROM messages WHERE number = ? AND id = ? AND sender = ?",
            message.number,
            message.id,
            message.sender,
        ).fetchone()
        cursor = self._database.execute(
            "INSERT INTO messages (number, direction, id, sender, sender_device, chat, text,"
            " content, at, delivery, kind, undecrypted)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            message.number,
            message.direction,
            message.id,
            message.sender,
            message.sender_device,
            message.chat,
            message.text,
            message.content,
            message.at,
            delivery,
            message.kind,
            message.undecrypted,
        )
        return self.get(int(cursor.lastrowid or 0))

    def get(self, sequence: int) -> Message:
        """The message with a sequence number."""
        row = self._database.execute(
            "SELECT * FROM messages WHERE sequence = ?", sequence
        ).fetchone()
        return _message(row)

    def after(self, number: str, sequence: int, limit: int) -> list[Message]:
        """A phone's messages (or, with no number, all) after a sequence number, oldest first."""
        one, every = (
            "SELECT * FROM messages WHERE number = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
            "SELECT * FROM messages WHERE ?1 = '' AND sequence > ?2 ORDER BY sequence LIMIT ?3",
        )
        rows = self._database.execute(one if number else every, number, sequence, limit)
        return [_message(row) for row in rows]

    def with_id(self, number: str, message_id: str) -> list[Message]:
        """The deliveries of one message to a phone."""
        rows = self._database.execute(
            "SELECT * FROM messages WHERE number = ? AND id = ? ORDER BY sequence",
            number,
            message_id,
        )
        return [_message(row) for row in rows]

    def mark(self, number: str, message_id: str, *, read: bool) -> None:
        """Note that a message was delivered, or read, now; the first time counts."""
        self._database.execute(
            "UPDATE messages SET"
            " delivered_at = CASE direction WHEN ?5 THEN NULL ELSE COALESCE(delivered_at, ?1) END,"
            " read_at = CASE WHEN ?2 THEN COALESCE(read_at, ?1) ELSE read_at END"
            " WHERE number = ?3 AND id = ?4",
            time.time(),
            read,
            number,
            message_id,
            Direction.RECEIVED,
        )

    def count(self, direction: Direction) -> int:
        """How many messages came into chats in one way, and could be decrypted."""
        (count,) = self._database.execute(
            "SELECT COUNT(*) FROM messages WHERE direction = ? AND NOT undecrypted", direction
        ).fetchone()
        return int(count)

    def acquaintances(self, number: str) -> list[str]:
        """The numbers that have a chat with somebody."""
        rows = self._database.execute(
            "SELECT DISTINCT number FROM messages WHERE chat = ? ORDER BY number", number
        )
        return [str(row[0]) for row in rows]

    def accept(self, number: str, device: int, message_id: str) -> tuple[int, int]:
        """Note that a device has sent a message: when it first came, and how often by now."""
        row = self._database.execute(
            "INSERT INTO accepted (number, device, id, accepted_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET arrivals = arrivals + 1"
            " RETURNING accepted_at, arrivals",
            number,
            device,
            message_id,
            int(time.time()),
        ).fetchone()
        if row[1] > 1:
            self._database.execute(
                "UPDATE messages SET arrivals = ? WHERE id = ? AND sender = ?",
                row[1],
                message_id,
                number,
            )
        return int(row[0]), int(row[1])


def _message(row: sqlite3.Row) -> Message:
    values = {key: row[key] for key in Message.__slots__}
    typed = {"direction": Direction(row["direction"]), "undecrypted": bool(row["undecrypted"])}
    return Message(**(values | typed))
