"""The SQLite file: its schema, transactions, and single values.

Everything is written by the one thread that serves, inside the handling of one stanza or call, so
a killed sandbox has either handled it or not. WAL without an fsync per commit survives the death
of the process, though not that of the machine, which a sandbox need not.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE phones (
    number TEXT PRIMARY KEY,
    lid TEXT NOT NULL UNIQUE,
    seed BLOB NOT NULL,
    registration_id INTEGER NOT NULL,
    signed_pre_key BLOB NOT NULL,
    next_pre_key INTEGER NOT NULL DEFAULT 1,
    next_device INTEGER NOT NULL DEFAULT 1,
    push_name TEXT NOT NULL DEFAULT '',
    online INTEGER NOT NULL DEFAULT 1,
    receipts INTEGER NOT NULL DEFAULT 1,
    on_whatsapp INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE phone_pre_keys (
    number TEXT NOT NULL, id INTEGER NOT NULL, seed BLOB NOT NULL,
    PRIMARY KEY (number, id)
) WITHOUT ROWID;
CREATE TABLE sessions (
    number TEXT NOT NULL, address TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (number, address)
) WITHOUT ROWID;
CREATE TABLE devices (
    number TEXT NOT NULL,
    device INTEGER NOT NULL,
    noise_key BLOB NOT NULL UNIQUE,
    identity BLOB NOT NULL,
    registration_id INTEGER NOT NULL,
    signed_pre_key_id INTEGER NOT NULL,
    signed_pre_key BLOB NOT NULL,
    signature BLOB NOT NULL,
    account BLOB NOT NULL,
    platform TEXT NOT NULL DEFAULT '',
    removed INTEGER NOT NULL DEFAULT 0,
    paired_at REAL NOT NULL,
    last_login REAL NOT NULL DEFAULT 0,
    logins INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (number, device)
) WITHOUT ROWID;
CREATE TABLE device_pre_keys (
    number TEXT NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL, public BLOB NOT NULL,
    PRIMARY KEY (number, device, id)
) WITHOUT ROWID;
CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL,
    device INTEGER NOT NULL,
    kind TEXT NOT NULL,
    stanza_id TEXT NOT NULL,
    stanza BLOB NOT NULL,
    queued_at REAL NOT NULL
);
CREATE INDEX queue_by_device ON queue (number, device, id);
CREATE TABLE accepted (
    number TEXT NOT NULL, device INTEGER NOT NULL, id TEXT NOT NULL,
    accepted_at INTEGER NOT NULL, arrivals INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (number, device, id)
) WITHOUT ROWID;
CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL,
    direction INTEGER NOT NULL,
    id TEXT NOT NULL,
    sender TEXT NOT NULL,
    sender_device INTEGER NOT NULL,
    chat TEXT NOT NULL,
    text TEXT NOT NULL,
    content BLOB NOT NULL,
    at REAL NOT NULL,
    delivery INTEGER NOT NULL DEFAULT 1,
    arrivals INTEGER NOT NULL DEFAULT 1,
    delivered_at REAL,
    read_at REAL
);
CREATE INDEX messages_by_phone ON messages (number, sequence);
CREATE INDEX messages_by_id ON messages (number, id);
"""
# What every version adds to the one before; a new file goes through all of them.
_VERSIONS: Final = (
    _SCHEMA,
    """
ALTER TABLE phones ADD COLUMN forgetful INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN kind TEXT NOT NULL DEFAULT 'text';
ALTER TABLE messages ADD COLUMN undecrypted INTEGER NOT NULL DEFAULT 0;
CREATE TABLE groups (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL, made_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE members (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL, number TEXT NOT NULL,
    UNIQUE (id, number)
);
CREATE TABLE sender_keys (
    number TEXT NOT NULL, id TEXT NOT NULL, address TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (number, id, address)
) WITHOUT ROWID;
""",
    """
CREATE TABLE media (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    enc_sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    signature TEXT NOT NULL,
    made_at REAL NOT NULL,
    expired INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX media_by_hash ON media (enc_sha256);
""",
    """
ALTER TABLE groups ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE members ADD COLUMN role TEXT NOT NULL DEFAULT '';
CREATE TABLE outsiders (
    id TEXT NOT NULL, number TEXT NOT NULL, standing TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (id, number)
) WITHOUT ROWID;
CREATE TABLE invite_codes (
    code TEXT PRIMARY KEY, id TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
UPDATE members SET role = 'superadmin'
    WHERE position IN (SELECT MIN(position) FROM members GROUP BY id);
""",
)


class Database:
    """An open state file."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._depth = 0
        self._deferred: list[Callable[[], None]] = []
        try:
            self._open(path)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, path: Path) -> None:
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=OFF")
        (version,) = self.execute("PRAGMA user_version").fetchone()
        if version > len(_VERSIONS):
            raise RuntimeError(f"{path} was written by a newer version of the sandbox")
        for number, change in enumerate(_VERSIONS[version:], version + 1):
            self._connection.executescript(f"BEGIN;{change}PRAGMA user_version={number};COMMIT;")

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, values)

    def execute_many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Run one statement for many rows."""
        self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside; may be nested."""
        if self._depth == 0:
            self.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            if self._depth == 1:
                self.execute("ROLLBACK")
                self._deferred.clear()
            raise
        else:
            if self._depth == 1:
                self.execute("COMMIT")
        finally:
            self._depth -= 1
        if self._depth == 0:
            deferred, self._deferred = self._deferred, []
            for act in deferred:
                act()

    def defer(self, act: Callable[[], None]) -> None:
        """Do something once what is being written is safe: at once outside a transaction."""
        if self._depth == 0:
            act()
        else:
            self._deferred.append(act)

    def get(self, key: str) -> bytes | None:
        """A single value."""
        row = self.execute("SELECT value FROM meta WHERE key = ?", key).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: str, value: bytes) -> None:
        """Set a single value."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
