"""What lies at the media host: encrypted bytes in files, and a row about each."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from sandbox.state.database import Database

# The hosts that media is at; it is brought to the first. One label, for the sandbox's certificate.
HOSTS: Final = ("mmg.whatsapp.net", "mmg-fna.whatsapp.net")
_SUFFIX: Final = ".enc"
# WhatsApp's folders, by kind.
_FOLDERS: Final = {
    "image": "t62.7118-24",
    "video": "t62.7161-24",
    "audio": "t62.7114-24",
    "document": "t62.7119-24",
}


@dataclass(frozen=True, slots=True)
class Media:
    """One body at the media host: who brought it, what it is, and whether it is still there."""

    id: str
    kind: str
    number: str
    enc_sha256: bytes
    size: int
    signature: str
    made_at: float
    expired: bool = False

    @property
    def direct_path(self) -> str:
        """Where it is on any of the hosts; it has a query, to which clients add theirs."""
        folder = _FOLDERS[self.kind]
        query = f"ccb=11-4&oh={self.signature}&oe={int(self.made_at):X}&_nc_sid=5e03e0"
        return f"/v/{folder}/{self.id}{_SUFFIX}?{query}"

    @property
    def url(self) -> str:
        """The whole address that an upload is answered with."""
        return f"https://{HOSTS[0]}{self.direct_path}&mms3=true"


class MediaBodies:
    """All bodies at the media host."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    @contextmanager
    def arriving(self) -> Iterator[IO[bytes]]:
        """A file for a body that comes in; it goes unless `add` keeps it."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / f"{secrets.token_hex(8)}.part"
        try:
            with open(path, "x+b", opener=_private) as file:
                yield file
        finally:
            path.unlink(missing_ok=True)

    def add(self, file: IO[bytes], kind: str, number: str, enc_sha256: bytes) -> Media:
        """Keep a body that has come in; one that is there already stays where it is."""
        found = self._database.execute(
            "SELECT * FROM media WHERE enc_sha256 = ? AND kind = ? AND NOT expired",
            enc_sha256,
            kind,
        ).fetchone()
        if found is not None:
            return _media(found)
        file.flush()
        media = Media(
            id=f"{secrets.randbelow(10**8):08d}_{secrets.randbelow(10**16):016d}_n",
            kind=kind,
            number=number,
            enc_sha256=enc_sha256,
            size=file.seek(0, os.SEEK_END),
            signature=secrets.token_urlsafe(24),
            made_at=time.time(),
        )
        Path(file.name).rename(self._file(media))
        self._database.execute(
            "INSERT INTO media (id, kind, number, enc_sha256, size, signature, made_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            media.id,
            media.kind,
            media.number,
            media.enc_sha256,
            media.size,
            media.signature,
            media.made_at,
        )
        return media

    def at(self, direct_path: str) -> Media | None:
        """The body at a place, whatever the query says."""
        name = urlsplit(direct_path).path.rpartition("/")[2]
        row = self._database.execute(
            "SELECT * FROM media WHERE id = ?", name.removesuffix(_SUFFIX)
        ).fetchone()
        found = None if row is None else _media(row)
        wanted = urlsplit(direct_path).path
        return found if found and urlsplit(found.direct_path).path == wanted else None

    def open(self, media: Media) -> IO[bytes]:
        """A body's file."""
        return self._file(media).open("rb")

    def expire(self, media: Media) -> None:
        """Forget a body, but not that it was there."""
        self._database.execute("UPDATE media SET expired = 1 WHERE id = ?", media.id)
        self._file(media).unlink(missing_ok=True)

    def _file(self, media: Media) -> Path:
        return self._folder / media.id


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _media(row: sqlite3.Row) -> Media:
    values = {key: row[key] for key in Media.__slots__}
    return Media(**(values | {"expired": bool(row["expired"])}))
