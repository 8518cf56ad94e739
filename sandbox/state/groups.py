"""The groups: who is in them, and the keys with which their members write."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from sandbox.signal.sender_keys import SenderKey, load
from sandbox.state.database import Database
from sandbox.wire.jid import GROUP_SERVER, Jid


@dataclass(slots=True)
class Group:
    """A group of phones; the first of its numbers made it."""

    id: str
    subject: str
    made_at: float
    numbers: list[str]

    @property
    def jid(self) -> Jid:
        """The group's address."""
        return Jid(self.id, GROUP_SERVER)


class Groups:
    """All groups, kept in memory and written through."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.execute("SELECT id, subject, made_at FROM groups ORDER BY made_at, id")
        self._groups = {
            row["id"]: Group(row["id"], row["subject"], row["made_at"], []) for row in rows
        }
        for row in database.execute("SELECT id, number FROM members ORDER BY position"):
            self._groups[row["id"]].numbers.append(row["number"])

    def all(self) -> list[Group]:
        """Every group, oldest first."""
        return list(self._groups.values())

    def at(self, jid: Jid | None) -> Group | None:
        """The group at an address."""
        return self._groups.get(jid.user) if jid and jid.server == GROUP_SERVER else None

    def create(self, subject: str, numbers: list[str]) -> Group:
        """Make a group."""
        group = Group(f"120363{secrets.randbelow(10**12):012d}", subject, time.time(), [])
        self._groups[group.id] = group
        self._database.execute(
            "INSERT INTO groups VALUES (?, ?, ?)", group.id, subject, group.made_at
        )
        self.add(group, numbers)
        return group

    def rename(self, group: Group, subject: str) -> None:
        """Give a group another subject."""
        group.subject = subject
        self._database.execute("UPDATE groups SET subject = ? WHERE id = ?", subject, group.id)

    def add(self, group: Group, numbers: list[str]) -> list[str]:
        """Add members; those who were not in it."""
        added = [number for number in dict.fromkeys(numbers) if number not in group.numbers]
        group.numbers += added
        self._database.execute_many(
            "INSERT INTO members (id, number) VALUES (?, ?)", [(group.id, item) for item in added]
        )
        return added

    def remove(self, group: Group, numbers: list[str]) -> list[str]:
        """Remove members; those who were in it.

        Whoever stays writes with a new key from then on, which who left does not get.
        """
        removed = [number for number in dict.fromkeys(numbers) if number in group.numbers]
        group.numbers = [number for number in group.numbers if number not in removed]
        self._database.execute_many(
            "DELETE FROM members WHERE id = ? AND number = ?", [(group.id, n) for n in removed]
        )
        if removed:
            self._database.execute(
                "DELETE FROM sender_keys WHERE id = ? AND address = ''", group.id
            )
        return removed

    def own_key(self, group: Group, number: str) -> SenderKey:
        """The key that a member's phone writes with, made on first use."""
        return self._key(group.jid, number, "") or SenderKey.new()

    def save_own_key(self, group: Group, number: str, key: SenderKey) -> None:
        """Write the key that a member's phone writes with."""
        self._save(group.jid, number, "", key)

    def key_of(self, group: Jid, number: str, writer: Jid) -> SenderKey | None:
        """What a phone knows of the key that another device writes with."""
        return self._key(group, number, str(writer))

    def save_key_of(self, group: Jid, number: str, writer: Jid, key: SenderKey) -> None:
        """Write what a phone knows of another device's key."""
        self._save(group, number, str(writer), key)

    def _key(self, group: Jid, number: str, address: str) -> SenderKey | None:
        row = self._database.execute(
            "SELECT state FROM sender_keys WHERE number = ? AND id = ? AND address = ?",
            number,
            group.user,
            address,
        ).fetchone()
        return None if row is None else load(row[0])

    def _save(self, group: Jid, number: str, address: str, key: SenderKey) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO sender_keys VALUES (?, ?, ?, ?)",
            number,
            group.user,
            address,
            key.dump(),
        )
