"""The groups: who is in them, what is set in them, and the keys with which their members write."""

from __future__ import annotations

import dataclasses
import enum
import json
import secrets
import string
import time
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.signal.sender_keys import SenderKey, load
from sandbox.state.database import Database
from sandbox.wire.jid import GROUP_SERVER, Jid

_CODE_CHARACTERS: Final = string.ascii_letters + string.digits
CODE_SIZE: Final = 22


class Role(enum.StrEnum):
    """What a member may do, in WhatsApp's words."""

    MEMBER = ""
    ADMIN = "admin"
    SUPER_ADMIN = "superadmin"


class Standing(enum.StrEnum):
    """How somebody who is not in a group stands to it."""

    LEFT = "left"
    REMOVED = "removed"
    ASKING = "asking"


@dataclass(slots=True)
class Settings:
    """What is set in a group, and who set it when; numbers are digits, times Unix seconds."""

    creator: str = ""
    subject_by: str = ""
    subject_at: float = 0.0
    description: str = ""
    description_id: str = ""
    description_by: str = ""
    description_at: float = 0.0
    announce: bool = False
    locked: bool = False
    ephemeral_seconds: int = 0
    approval: bool = False
    admins_add: bool = False
    version: int = 1


@dataclass(slots=True)
class Group:
    """A group of phones.

    Attributes:
        numbers: its members, in the order in which they came.
        roles: what those may do who are more than members.
    """

    id: str
    subject: str
    made_at: float
    numbers: list[str] = field(default_factory=list)
    roles: dict[str, Role] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    @property
    def jid(self) -> Jid:
        """The group's address."""
        return Jid(self.id, GROUP_SERVER)

    def role(self, number: str) -> Role:
        """What a member may do."""
        return self.roles.get(number, Role.MEMBER)

    def keeps_silent(self, number: str) -> bool:
        """Whether only admins write, and a member is none."""
        return self.settings.announce and self.role(number) is Role.MEMBER


class Groups:
    """All groups, kept in memory and written through."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._groups: dict[str, Group] = {}
        for row in database.execute("SELECT * FROM groups ORDER BY made_at, id"):
            settings = Settings(**json.loads(row["settings"]))
            self._groups[row["id"]] = Group(
                row["id"], row["subject"], row["made_at"], settings=settings
            )
        for row in database.execute("SELECT id, number, role FROM members ORDER BY position"):
            group = self._groups[row["id"]]
            group.numbers.append(row["number"])
            if row["role"]:
                group.roles[row["number"]] = Role(row["role"])
                group.settings.creator = group.settings.creator or row["number"]

    def all(self) -> list[Group]:
        """Every group, oldest first."""
        return list(self._groups.values())

    def at(self, jid: Jid | None) -> Group | None:
        """The group at an address."""
        return self._groups.get(jid.user) if jid and jid.server == GROUP_SERVER else None

    def create(self, subject: str, numbers: list[str]) -> Group:
        """Make a group; the first of its numbers made it."""
        group = Group(f"120363{secrets.randbelow(10**12):012d}", subject, time.time())
        settings = group.settings
        settings.creator = settings.subject_by = numbers[0] if numbers else ""
        settings.subject_at = group.made_at
        self._groups[group.id] = group
        self._database.execute(
            "INSERT INTO groups (id, subject, made_at) VALUES (?, ?, ?)",
            group.id,
            subject,
            group.made_at,
        )
        self.save(group)
        self.add(group, numbers)
        self.set_role(group, numbers[:1], Role.SUPER_ADMIN)
        return group

    def save(self, group: Group) -> None:
        """Write a group's subject and settings."""
        self._database.execute(
            "UPDATE groups SET subject = ?, settings = ? WHERE id = ?",
            group.subject,
            json.dumps(dataclasses.asdict(group.settings)),
            group.id,
        )

    def add(self, group: Group, numbers: list[str]) -> list[str]:
        """Add members; those who were not in it."""
        added = [number for number in dict.fromkeys(numbers) if number not in group.numbers]
        group.numbers += added
        rows = [(group.id, number) for number in added]
        self._database.execute_many("INSERT INTO members (id, number) VALUES (?, ?)", rows)
        self._database.execute_many("DELETE FROM outsiders WHERE id = ? AND number = ?", rows)
        return added

    def remove(self, group: Group, numbers: list[str], standing: Standing) -> list[str]:
        """Remove members; those who were in it.

        Whoever stays writes with a new key from then on, which who left does not get.
        """
        removed = [number for number in dict.fromkeys(numbers) if number in group.numbers]
        group.numbers = [number for number in group.numbers if number not in removed]
        for number in removed:
            group.roles.pop(number, None)
        self._database.execute_many(
            "DELETE FROM members WHERE id = ? AND number = ?", [(group.id, n) for n in removed]
        )
        for number in removed:
            self.set_standing(group, number, standing)
        if removed:
            self._database.execute(
                "DELETE FROM sender_keys WHERE id = ? AND address = ''", group.id
            )
        return removed

    def set_role(self, group: Group, numbers: list[str], role: Role) -> list[str]:
        """Let members do more or less; those for whom it is a change."""
        changed = [number for number in dict.fromkeys(numbers) if group.role(number) is not role]
        for number in changed:
            if role is Role.MEMBER:
                group.roles.pop(number, None)
            else:
                group.roles[number] = role
        self._database.execute_many(
            "UPDATE members SET role = ? WHERE id = ? AND number = ?",
            [(role.value, group.id, number) for number in changed],
        )
        return changed

    def standing(self, group: Group, number: str) -> Standing | None:
        """How somebody who is not in a group stands to it."""
        row = self._outsider(group, number)
        return None if row is None else Standing(row["standing"])

    def set_standing(self, group: Group, number: str, standing: Standing) -> None:
        """Write how somebody who is not in a group stands to it."""
        self._database.execute(
            "INSERT OR REPLACE INTO outsiders VALUES (?, ?, ?, ?)",
            group.id,
            number,
            standing.value,
            time.time(),
        )

    def forget_standing(self, group: Group, number: str) -> None:
        """Somebody who is not in a group is nobody to it any more."""
        self._database.execute(
            "DELETE FROM outsiders WHERE id = ? AND number = ?", group.id, number
        )

    def asking(self, group: Group) -> list[tuple[str, float]]:
        """Who asks to join, and since when."""
        rows = self._database.execute(
            "SELECT number, at FROM outsiders WHERE id = ? AND standing = ? ORDER BY at",
            group.id,
            Standing.ASKING.value,
        )
        return [(row["number"], row["at"]) for row in rows]

    def invite_code(self, group: Group, *, reset: bool = False) -> str:
        """The code that leads into a group, made on first use; the others are void."""
        known = self.known_code(group)
        if known and not reset:
            return known
        self._database.execute("UPDATE invite_codes SET revoked = 1 WHERE id = ?", group.id)
        code = "".join(secrets.choice(_CODE_CHARACTERS) for _ in range(CODE_SIZE))
        self._database.execute("INSERT INTO invite_codes (code, id) VALUES (?, ?)", code, group.id)
        return code

    def known_code(self, group: Group) -> str:
        """The code that leads into a group; empty if nobody has asked for one."""
        row = self._database.execute(
            "SELECT code FROM invite_codes WHERE id = ? AND revoked = 0", group.id
        ).fetchone()
        return "" if row is None else str(row["code"])

    def by_code(self, code: str) -> tuple[Group, bool] | None:
        """The group that a code leads or led to, and whether it does still."""
        row = self._database.execute(
            "SELECT id, revoked FROM invite_codes WHERE code = ?", code
        ).fetchone()
        return None if row is None else (self._groups[row["id"]], not row["revoked"])

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

    def _outsider(self, group: Group, number: str) -> Any:
        return self._database.execute(
            "SELECT standing FROM outsiders WHERE id = ? AND number = ?", group.id, number
        ).fetchone()

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
