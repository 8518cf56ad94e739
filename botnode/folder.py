"""A tenant's folder and the checks that it passes before WhatsApp is touched."""

import os
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path

import structlog

from botmesh.rpc.lifecycle import ConfigError, StartError
from botnode import disk_errors, sent_ids
from botnode.ports import Account

log = structlog.get_logger(__name__)

# Above this size the check of every page would delay the start.
FULL_CHECK_BYTES = 32 * 1024 * 1024
# neonize appends "?_foreign_keys=on" to the name it is given; "_x=" swallows it. WAL keeps a
# reader from stalling sends; FULL keeps a message secret that was promised to be on disk. The file
# grows with each message sent, and each of the library's connections would keep 2000 KiB of it.
SESSION_OPTIONS = (
    "?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=20000&_foreign_keys=on&_cache_size=-256&_x="
)


@dataclass(frozen=True, slots=True)
class SessionStore:
    """What session.db, the library's own database, holds.

    Attributes:
        exists: the library has written to it at some time.
        account: the linked account, if there is one.
    """

    exists: bool
    account: Account | None


class TenantFolder:
    """``DATA_DIR/tenants/<tenant_id>/``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.auth = path / "auth_info"
        self.session_db = self.auth / "session.db"
        self.node_db = path / "node.db"
        self.media = path / "media"
        self.inspection = path / "inspection"

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.path, self.auth, self.media, self.inspection

    def create(self) -> None:
        """Make the folder if there is none.

        Raises:
            ConfigError: it cannot be made or written.
            StartError: the disk takes nothing now.
        """
        try:
            for folder in (self.path.parent, *self._folders):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            if (trouble := disk_errors.of_system(error)) is not None:
                text = f"the tenant's folder {self.path} cannot be made: {trouble}"
                raise StartError(text) from error
            raise ConfigError(f"the tenant's folder {self.path} cannot be made: {error}") from error
        for folder in self._folders:
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise self._unwritable(f"the tenant's folder {folder}")
        for file in (self.node_db, self.session_db):
            if file.exists() and not os.access(file, os.R_OK | os.W_OK):
                raise self._unwritable(str(file))

    def _unwritable(self, what: str) -> ConfigError | StartError:
        if os.statvfs(self.path).f_flag & os.ST_RDONLY:
            return StartError(f"{what} is on a disk that is read-only now")
        return ConfigError(f"{what} is not writable")

    @property
    def session_name(self) -> str:
        """The name by which the library opens its database."""
        return f"{self.session_db}{SESSION_OPTIONS}"

    def read_session(self) -> SessionStore:
        """Look into session.db. Only before the library runs.

        Two SQLite libraries in one process drop each other's locks.

        Raises:
            ConfigError: it is damaged.
            StartError: the disk takes nothing now, so it cannot be opened.
        """
        if not self.session_db.exists() or self.session_db.stat().st_size == 0:
            return SessionStore(exists=False, account=None)
        try:
            return self._read_session()
        except sqlite3.DatabaseError as error:
            if (trouble := disk_errors.of_database(error)) is not None:
                trouble = disk_errors.look_closer(trouble, self.auth)
                raise StartError(f"{self.session_db} cannot be read: {trouble}") from error
            raise ConfigError(
                f"{self.session_db} is damaged ({error}); the account's keys are in it: restore "
                "it from a backup, or move it away and start with BOTMESH_RE_PAIR=1 to pair again"
            ) from error

    def _read_session(self) -> SessionStore:
        connection = self._look_into_session()
        try:
            self._check_pages(connection)
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "whatsmeow_device" not in tables:
                return SessionStore(exists=False, account=None)
            rows = connection.execute("SELECT jid, lid FROM whatsmeow_device").fetchall()
        finally:
            connection.close()
        if len(rows) > 1:
            raise ConfigError(f"{self.session_db} holds {len(rows)} accounts instead of one")
        return SessionStore(exists=True, account=_account(*rows[0]) if rows else None)

    def _look_into_session(self) -> sqlite3.Connection:
        # Read-only: a damaged file is left as it is, its write-ahead log too.
        return sqlite3.connect(f"file:{self.session_db}?mode=ro", uri=True, timeout=20)

    def _check_pages(self, connection: sqlite3.Connection) -> None:
        if self.session_db.stat().st_size > FULL_CHECK_BYTES:
            return
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)

    def find_sent_ids(self, secrets: list[bytes]) -> dict[bytes, str] | None:
        """WhatsApp's ids of messages, by the secret that was sent with each; None if unreadable.

        The library stores both before the first byte goes out. Only before the library runs.
        """
        if not secrets:
            return {}
        try:
            return sent_ids.find(str(self.session_db), secrets)
        except sqlite3.Error as error:
            log.warning("message_secrets_unreadable", error=str(error))
            return None

    def find_sent_ids_beside(self, secrets: list[bytes]) -> dict[bytes, str]:
        """The same while the library runs."""
        try:
            return sent_ids.find_in_child(str(self.session_db), secrets)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("message_secrets_unreadable", error=str(error))
            return {}

    def delete_session(self) -> None:
        """Delete the account's keys."""
        for suffix in ("", "-wal", "-shm"):
            self.session_db.with_name(self.session_db.name + suffix).unlink(missing_ok=True)


def _account(jid: str, lid: str | None) -> Account:
    user, _, server = (lid or "").partition("@")
    return Account(jid, f"{user.partition(':')[0]}@{server}" if user else "")


def check_account(
    session: SessionStore, known: Account | None, expected: str | None, *, re_pair: bool
) -> None:
    """Refuse a folder whose parts are not of one account.

    Args:
        session: what session.db holds.
        known: the account that node.db knows.
        expected: the number that the registry knows.
        re_pair: the operator wants to pair again, whatever is missing.

    Raises:
        ConfigError: with a sentence that says what to do.
    """
    found = session.account
    if found is not None and known is not None and found.user != known.user:
        raise ConfigError(
            f"session.db holds the account {found.phone_number}, but node.db is of "
            f"{known.phone_number}: they are not of one tenant"
        )
    lost = expected or (known.phone_number if known else None)
    if lost and not session.exists and not re_pair:
        raise ConfigError(
            f"STORE_MISSING: the tenant has the account {lost}, but its session.db is missing; "
            "restore the folder from a backup, or set BOTMESH_RE_PAIR=1 to pair again"
        )
