"""Whose folder it is."""

import dataclasses
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from botmesh.rpc.lifecycle import ConfigError, StartError
from botnode import ownership
from botnode.folder import SessionStore, TenantFolder, check_account
from botnode.identity import Identity
from botnode.lease import FolderLease, LeaseMark
from botnode.ownership import take
from botnode.ports import Account

MINE = Account("5215512345678:1@s.whatsapp.net", "1@lid")
OTHER = Account("5215587654321:1@s.whatsapp.net", "2@lid")


def test_the_epoch_rises_with_each_owner(database: Path, identity: Identity) -> None:
    first = take(database, identity, sandbox=True)
    second = take(database, identity, sandbox=True)
    assert (first.epoch, second.epoch) == (1, 2)
    assert (first.fresh, second.fresh) == (True, False)
    assert first.log_id == second.log_id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tenant_id": "other"}, "belongs to tenant 'shop'"),
        ({"mesh": "other"}, "belongs to mesh 'test'"),
    ],
)
def test_another_s_folder(
    database: Path, identity: Identity, change: dict[str, str], words: str
) -> None:
    take(database, identity, sandbox=True)
    with pytest.raises(ConfigError, match=words):
        take(database, dataclasses.replace(identity, **change), sandbox=True)
    assert take(database, identity, sandbox=True).epoch == 2  # the refused try raised nothing


@pytest.mark.parametrize("sandbox", [True, False])
def test_sandbox_and_real_never_mix(database: Path, identity: Identity, *, sandbox: bool) -> None:
    take(database, identity, sandbox=sandbox)
    with pytest.raises(ConfigError, match="was made for"):
        take(database, identity, sandbox=not sandbox)


def test_a_newer_schema(database: Path, identity: Identity) -> None:
    take(database, identity, sandbox=True)
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE meta SET schema_version = 99"))
    engine.dispose()
    with pytest.raises(ConfigError, match="newer botmesh"):
        take(database, identity, sandbox=True)


def test_a_file_that_is_no_database(database: Path, identity: Identity) -> None:
    database.write_bytes(b"no database " * 1000)
    with pytest.raises(ConfigError, match=r"node\.db cannot be used"):
        take(database, identity, sandbox=True)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "cannot be written: the disk is full"),
        (sqlite3.SQLITE_READONLY, "cannot be written: the disk is read-only"),
        (sqlite3.SQLITE_BUSY, "locked by another program"),
    ],
)
def test_what_passes_by_itself_is_no_matter_of_configuration(
    database: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    error = sqlite3.OperationalError("an error")
    error.sqlite_errorcode = code

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("UPDATE", {}, error)

    monkeypatch.setattr(ownership, "_take", fail)
    with pytest.raises(StartError, match=words):
        take(database, identity, sandbox=True)


@pytest.mark.parametrize("name", ["node.db", "auth_info/session.db"])
@pytest.mark.parametrize(
    ("flags", "error", "words"),
    [(0, ConfigError, "is not writable"), (os.ST_RDONLY, StartError, "read-only now")],
)
def test_a_file_that_cannot_be_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    flags: int,
    error: type[Exception],
    words: str,
) -> None:
    folder = TenantFolder(tmp_path / "shop")
    folder.create()
    file = folder.path / name
    file.touch()
    folder.create()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != file and real(path, mode))
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flags))
    with pytest.raises(error, match=words):
        folder.create()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first, second = FolderLease(tmp_path), FolderLease(tmp_path)
    assert first.try_acquire()
    assert first.is_held()
    assert not second.try_acquire()
    assert not second.is_held()
    first.release()
    assert not first.is_held()
    assert second.try_acquire()
    second.release()


def test_a_lease_of_a_folder_that_was_replaced(tmp_path: Path) -> None:
    lease = FolderLease(tmp_path)
    assert lease.try_acquire()
    (tmp_path / "lease").unlink()
    assert not lease.is_held()
    (tmp_path / "lease").touch()
    assert not lease.is_held()
    lease.release()


def test_who_takes_the_same_lock_knows_that_the_last_owner_is_dead(
    tmp_path: Path, database: Path, identity: Identity
) -> None:
    dead = []
    for _ in range(2):
        lease = FolderLease(tmp_path)
        assert lease.try_acquire()
        dead.append(take(database, identity, sandbox=True, lease=lease.mark()))
        lease.release()
    assert [owned.predecessor_is_dead for owned in dead] == [False, True]


HERE = LeaseMark("1:2", "this boot")


@pytest.mark.parametrize(
    ("before", "now", "is_dead"),
    [
        (HERE, HERE, True),
        (HERE, LeaseMark("1:3", HERE.boot_id), False),  # the lock file was replaced
        (HERE, LeaseMark("3:2", HERE.boot_id), False),  # so was the file system
        (HERE, LeaseMark(HERE.lock_inode, "another boot"), False),  # or it is another machine
        (LeaseMark("", ""), HERE, False),  # of a botmesh that did not note it
        (HERE, LeaseMark("", ""), False),
        (LeaseMark("", ""), LeaseMark("", ""), False),
    ],
)
def test_another_lock_proves_nothing(
    database: Path, identity: Identity, before: LeaseMark, now: LeaseMark, *, is_dead: bool
) -> None:
    take(database, identity, sandbox=True, lease=before)
    assert take(database, identity, sandbox=True, lease=now).predecessor_is_dead is is_dead


def test_a_replaced_lock_is_another(tmp_path: Path) -> None:
    old, new = FolderLease(tmp_path), FolderLease(tmp_path)
    assert old.mark() == LeaseMark("", "")
    assert old.try_acquire()
    (tmp_path / "lease").unlink()
    assert new.try_acquire()
    assert not new.mark().follows(old.mark())
    old.release()
    new.release()


def test_a_folder_without_session(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path / "shop")
    folder.create()
    assert folder.read_session() == SessionStore(exists=False, account=None)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.find_sent_ids([b"s" * 32]) is None


@pytest.mark.parametrize(
    ("session", "known", "expected", "re_pair", "words"),
    [
        (SessionStore(exists=False, account=None), None, None, False, None),
        (SessionStore(exists=True, account=MINE), None, None, False, None),
        (SessionStore(exists=True, account=MINE), MINE, MINE.phone_number, False, None),
        (SessionStore(exists=True, account=MINE), OTHER, None, False, "not of one tenant"),
        (SessionStore(exists=True, account=None), MINE, None, False, None),  # unlinked
        (SessionStore(exists=False, account=None), MINE, None, False, "STORE_MISSING"),
        (SessionStore(exists=False, account=None), MINE, None, True, None),
        (SessionStore(exists=False, account=None), None, "+521", False, "STORE_MISSING"),
        (SessionStore(exists=False, account=None), None, "+521", True, None),
    ],
)
def test_the_parts_of_a_folder_belong_together(
    session: SessionStore,
    known: Account | None,
    expected: str | None,
    *,
    re_pair: bool,
    words: str | None,
) -> None:
    if words is None:
        check_account(session, known, expected, re_pair=re_pair)
    else:
        with pytest.raises(ConfigError, match=words):
            check_account(session, known, expected, re_pair=re_pair)
