"""The pictures of people and groups."""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from sandbox.state.database import Database
from sandbox.wire.jid import Jid

_ID_SIZE: Final = 10


class Picture(NamedTuple):
    """A picture: a JPEG file, with an id that is new for each."""

    id: str
    image: bytes


class Pictures:
    """Who has which picture; people are known by their LIDs, groups by their addresses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, owner: Jid) -> Picture | None:
        """Somebody's picture, if they have one."""
        raw = self._database.get(_key(owner))
        return Picture(raw[:_ID_SIZE].decode(), raw[_ID_SIZE:]) if raw else None

    def set(self, owner: Jid, image: bytes) -> Picture:
        """Give somebody another picture."""
        picture = Picture(str(10 ** (_ID_SIZE - 1) + secrets.randbelow(9 * 10**8)), image)
        self._database.put(_key(owner), picture.id.encode() + image)
        return picture

    def remove(self, owner: Jid) -> bool:
        """Take somebody's picture away; false if there was none."""
        had = self.of(owner) is not None
        self._database.put(_key(owner), b"")
        return had


def _key(owner: Jid) -> str:
    return f"picture.{owner.bare}"
