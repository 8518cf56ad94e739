"""What a cut send's traces prove, and what they do not."""

import contextlib
import dataclasses
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from botnode import cut_sends
from botnode.cut_sends import Evidence, follows, generation_of
from botnode.message import OutboundMessage
from botnode.messages import Attempt, MessageRows
from botnode.states import MessageState
from botnode.store import Store

SECRET = b"s" * 32
ACCOUNT, DEVICE = "+5215500000000", "5215500000000:1@s.whatsapp.net"
DEAD = Evidence(ids={}, device_jid=DEVICE, generation="7:100:2", dead_epoch=1)


async def cut(
    store: Store, rows: MessageRows, message: OutboundMessage, evidence: Evidence
) -> OutboundMessage:
    attempt = Attempt(SECRET, ACCOUNT, DEVICE, "7:100:2")
    await store.write(lambda tx: rows.insert(tx, message))
    await store.write(lambda tx: rows.begin_attempt(tx, message, attempt))
    settled = await store.write(lambda tx: cut_sends.settle(tx, rows, evidence))
    (found,) = [*settled.waiting, *settled.unknown]
    return found


async def test_without_a_row_it_never_left(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    message = await cut(store, rows, make_message(), DEAD)
    assert (message.state, message.attempt) == (MessageState.QUEUED, 1)
    due = await store.read(rows.next_due)
    assert due is not None
    assert due.message_id == message.message_id


async def test_with_a_row_it_may_have(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    evidence = dataclasses.replace(DEAD, ids={SECRET: "3EB0"})
    message = await cut(store, rows, make_message(), evidence)
    assert message.state is MessageState.UNKNOWN


@pytest.mark.parametrize(
    "doubt",
    [
        {"ids": None},
        {"device_jid": ""},
        {"device_jid": "5215500000000:2@s.whatsapp.net"},
        {"generation": ""},
        {"generation": "7:100:1"},
        {"generation": "7:101:3"},
        {"generation": "8:100:3"},
        {"dead_epoch": None},
        {"dead_epoch": 0},
    ],
    ids=str,
)
async def test_any_doubt_is_unknown(
    store: Store,
    rows: MessageRows,
    make_message: Callable[..., OutboundMessage],
    doubt: dict[str, Any],
) -> None:
    message = await cut(store, rows, make_message(), dataclasses.replace(DEAD, **doubt))
    assert message.state is MessageState.UNKNOWN


async def test_a_message_whose_secret_was_not_stored_is_unknown(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    message = make_message()
    attempt = Attempt(SECRET, ACCOUNT, DEVICE, "7:100:2")
    await store.write(lambda tx: rows.insert(tx, message))
    await store.write(lambda tx: rows.begin_attempt(tx, message, attempt))
    await store.write(rows.mark_untraceable)
    settled = await store.write(lambda tx: cut_sends.settle(tx, rows, DEAD))
    assert [m.state for m in settled.unknown] == [MessageState.UNKNOWN]
    assert settled.waiting == []


async def test_a_second_attempt_proves_nothing_about_the_first(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    message = make_message(allow_duplicate=True)
    first, second = (Attempt(s * 32, ACCOUNT, DEVICE, "7:100:2") for s in (b"s", b"t"))
    await store.write(lambda tx: rows.insert(tx, message))
    await store.write(lambda tx: rows.begin_attempt(tx, message, first))
    await store.write(lambda tx: rows.cut_sending(tx, "cut"))
    await store.write(lambda tx: rows.begin_duplicate(tx, message.message_id, second))
    settled = await store.write(lambda tx: cut_sends.settle(tx, rows, DEAD))
    assert [m.state for m in settled.unknown] == [MessageState.UNKNOWN]


# -- generations, on SQLite itself


Writer = Callable[[Path], sqlite3.Connection]


@pytest.fixture
def writer() -> Iterator[Writer]:
    """Opens a store for writing; it is closed with the test."""
    with contextlib.ExitStack() as stack:

        def opened(path: Path) -> sqlite3.Connection:
            connection = sqlite3.connect(path, isolation_level=None)
            stack.enter_context(contextlib.closing(connection))
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
            return connection

        yield opened


def test_a_store_that_is_written_to_follows_itself(tmp_path: Path, writer: Writer) -> None:
    path = tmp_path / "session.db"
    connection = writer(path)
    before = generation_of(path)
    assert before
    connection.execute("INSERT INTO t VALUES (1)")
    assert follows(generation_of(path), before)
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    assert not follows(generation_of(path), before)  # from here on a copy would look the same


def test_a_generation_is_asked_for_without_new_shared_strings(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would take a place in their table, and a generation is asked for with every send."""
    path = tmp_path / "session.db"
    writer(path)
    before = generation_of(path)
    shared: list[str] = []

    def note(text: str) -> str:
        shared.append(text)
        return text

    monkeypatch.setattr(sys, "intern", note)
    assert generation_of(path) == before
    assert not shared


def test_a_process_that_died_leaves_the_generation(tmp_path: Path, writer: Writer) -> None:
    """The log of a dead process is read by its successor, which writes on in it."""
    path, copy = tmp_path / "session.db", tmp_path / "dead"
    connection = writer(path)
    connection.execute("INSERT INTO t VALUES (1)")
    shutil.copytree(tmp_path, copy, ignore=lambda *_: ["dead"])  # as a kill would leave it
    then = generation_of(copy / "session.db")
    successor = writer(copy / "session.db")
    successor.execute("INSERT INTO t VALUES (2)")
    assert follows(generation_of(copy / "session.db"), then)


def test_a_restored_copy_follows_nothing(tmp_path: Path, writer: Writer) -> None:
    path, backup = tmp_path / "session.db", tmp_path / "backup.db"
    connection = writer(path)
    with contextlib.closing(sqlite3.connect(backup)) as target:
        connection.backup(target)
    then = generation_of(path)
    connection.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(backup, path)  # in place: the same inode
    assert not follows(generation_of(path), then)
    restored = writer(path)
    restored.execute("INSERT INTO t VALUES (2)")
    assert generation_of(path)
    assert not follows(generation_of(path), then)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_copy_with_its_log_follows_nothing(
    tmp_path: Path, writer: Writer, in_place: bool
) -> None:
    """The copy is of the very state in which the attempt began."""
    path, backup = tmp_path / "session.db", tmp_path / "backup"
    connection = writer(path)
    connection.execute("INSERT INTO t VALUES (1)")
    backup.mkdir()
    files = (path, path.with_name("session.db-wal"))
    for file in files:
        shutil.copy2(file, backup)
    then = generation_of(path)
    connection.execute("INSERT INTO t VALUES (2)")
    for file in files:
        if not in_place:
            file.unlink()
        shutil.copy2(backup / file.name, file)
    assert generation_of(path)
    assert not follows(generation_of(path), then)
    connection.close()


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 32])
def test_no_log(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "session.db"
    assert generation_of(path) == ""
    path.write_bytes(b"db")
    path.with_name("session.db-wal").write_bytes(content)
    assert generation_of(path) == ""
    assert not follows("", "7:100:2")
    assert not follows("7:100:2", "")


async def test_a_message_that_was_named_in_hand_has_left(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    """Its name is looked for with that of an earlier one, while the library has it."""
    message = make_message()
    await store.write(lambda tx: rows.insert(tx, message))
    attempt = Attempt(SECRET, ACCOUNT, DEVICE, "7:100:2")
    await store.write(lambda tx: rows.begin_attempt(tx, message, attempt))
    await store.write(lambda tx: cut_sends.name(tx, rows, {SECRET: "3EB0"}))
    assert await store.read(cut_sends.open_secrets) == [SECRET]
    settled = await store.write(lambda tx: cut_sends.settle(tx, rows, DEAD))
    assert [(m.state, m.whatsapp_id) for m in settled.unknown] == [(MessageState.UNKNOWN, "3EB0")]
