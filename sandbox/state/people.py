"""What the phones' owners show of themselves, and whom they block."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from sandbox.state.database import Database

# What a new account has. The names and values are WhatsApp's (types/user.go of whatsmeow).
PRIVACY: Final[Mapping[str, str]] = {
    "last": "all",
    "online": "all",
    "profile": "all",
    "status": "all",
    "readreceipts": "all",
    "groupadd": "all",
    "calladd": "all",
}
NOBODY: Final = "none"


@dataclass(slots=True)
class Person:
    """A phone's owner; ``blocked`` are numbers."""

    number: str
    about: str = ""
    verified_name: str = ""
    privacy: dict[str, str] = field(default_factory=lambda: dict(PRIVACY))
    blocked: list[str] = field(default_factory=list)

    def hides(self, what: str) -> bool:
        """Whether nobody may see something, by its name among the privacy settings."""
        return self.privacy.get(what) == NOBODY


class People:
    """All phones' owners, kept in memory and written through."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._people: dict[str, Person] = {}

    def get(self, number: str) -> Person:
        """The owner of a number."""
        person = self._people.get(number)
        if person is None:
            raw = self._database.get(_key(number))
            person = Person(**json.loads(raw)) if raw else Person(number)
            self._people[number] = person
        return person

    def save(self, person: Person) -> None:
        """Write a person."""
        self._database.put(_key(person.number), json.dumps(asdict(person)).encode())

    def blocks(self, number: str, other: str) -> bool:
        """Whether the owner of a number blocks another."""
        return other in self.get(number).blocked


def _key(number: str) -> str:
    return f"person.{number}"
