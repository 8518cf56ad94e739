"""The writer of node.db."""

import asyncio
import queue
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from botmesh.errors import MeshError, Reason
from botnode import engine
from botnode import store as store_module
from botnode.identity import Identity
from botnode.ownership import Owned, take
from botnode.store import EpochLostError, Store, StoreClosedError, Transaction
from botnode.tables import events, meta


def append(tx: Transaction) -> int:
    return tx.append_event("session_state_changed", "+52", b"payload")


async def count(store: Store) -> int:
    return int(
        await store.read(lambda c: c.execute(select(func.count(events.c.kind))).scalar_one())
    )


async def test_sequences_have_no_gaps_whatever_fails(store: Store) -> None:
    def fail(tx: Transaction) -> None:
        append(tx)
        raise LookupError("after an event was appended")

    outcomes = await asyncio.gather(
        *(store.write(fail if n % 3 == 0 else append) for n in range(60)), return_exceptions=True
    )
    sequences = [o for o in outcomes if isinstance(o, int)]
    assert sorted(sequences) == list(range(1, 41))
    assert sum(isinstance(o, LookupError) for o in outcomes) == 20
    assert await count(store) == 40


async def test_writes_that_wait_together_share_a_transaction(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        started.set()
        go_on.wait(5)

    holding = store.submit(hold)
    started.wait(5)
    transactions = [store.submit(id) for _ in range(10)]
    go_on.set()
    holding.result(5)
    assert len({future.result(5) for future in transactions}) == 1


async def test_a_taken_back_write_is_not_done(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        started.set()
        go_on.wait(5)

    holding = store.submit(hold)
    started.wait(5)
    waiting = asyncio.ensure_future(store.write(append))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    holding.result(5)
    await store.write(lambda _: None)
    assert await count(store) == 0


async def test_another_owner_ends_all_writing(
    store: Store, database: Path, identity: Identity
) -> None:
    await store.write(append)
    take(database, identity, sandbox=True)
    with pytest.raises(EpochLostError) as lost:
        await store.write(append)
    assert lost.value.reason is Reason.BOTNODE_UNAVAILABLE  # a gateway finds the new owner
    assert await count(store) == 1


async def test_losing_the_folder_is_told(database: Path, owned: Owned, identity: Identity) -> None:
    lost = threading.Event()
    store = Store(database, owned.epoch)
    store.start(lambda _: None, lost.set)
    take(database, identity, sandbox=True)
    with pytest.raises(EpochLostError):
        await store.write(append)
    assert lost.wait(2)
    store.close()


async def test_heads_are_told(database: Path, owned: Owned) -> None:
    heads: list[int] = []
    store = Store(database, owned.epoch)
    store.start(heads.append, lambda: None)
    await store.write(append)
    await store.write(lambda tx: (append(tx), append(tx)))
    await store.write(lambda _: None)
    store.close()
    assert heads == [1, 3]


async def test_a_full_queue(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_WAITING", 2)
    started, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        started.set()
        go_on.wait(5)

    holding = store.submit(hold)
    started.wait(5)
    store.submit(append)
    store.submit(append)
    with pytest.raises(MeshError) as full:
        store.submit(append)
    assert full.value.reason is Reason.QUEUE_FULL
    durable = store.submit(append, durable=True)  # what WhatsApp brought is never refused
    go_on.set()
    holding.result(5)
    assert durable.result(5) == 3


def disk_error(code: int) -> OperationalError:
    """An error as SQLite gives it."""
    error = sqlite3.OperationalError("an error")
    error.sqlite_errorcode = code
    return OperationalError("INSERT", {}, error)


class Disk:
    """Fails writes with a code until it is mended."""

    def __init__(self, code: int) -> None:
        self.code: int | None = code

    def append(self, tx: Transaction) -> int:
        if self.code is not None:
            raise disk_error(self.code)
        return append(tx)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_IOERR_WRITE, "I/O error"),
        (sqlite3.SQLITE_READONLY, "read-only"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened"),
    ],
)
async def test_a_disk_that_takes_nothing(
    database: Path, owned: Owned, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    monkeypatch.setattr(store_module, "DISK_RETRY_S", 0.02)
    store = Store(database, owned.epoch)
    told: queue.Queue[str] = queue.Queue()
    store.start(lambda _: None, lambda: None, told.put)
    disk = Disk(code)
    kept = store.submit(disk.append, durable=True)
    assert words in told.get(timeout=5)
    # What may be refused is, at once, whatever it is and however long the disk is tried for.
    with pytest.raises(MeshError) as full:
        await store.write(append)
    assert (full.value.reason, full.value.retry_after) == (Reason.STORAGE_FULL, timedelta(0, 1))
    assert words in str(full.value)
    assert not kept.done()
    disk.code = None
    assert await asyncio.wrap_future(kept) == 1
    await store.touch()
    with pytest.raises(MeshError):
        await store.write(append)  # only who watches the disk says that it is well
    store.go_on()
    assert await store.write(append) == 2
    store.close()


async def test_what_waits_is_refused_when_the_disk_fills(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        started.set()
        go_on.wait(5)

    holding = store.submit(hold)
    started.wait(5)
    refused, kept = store.submit(append), store.submit(append, durable=True)
    store.hold("the disk is full")
    with pytest.raises(MeshError, match="the disk is full"):
        refused.result(0)
    go_on.set()
    holding.result(5)
    assert kept.result(5) == 1  # it is tried all the same: there may be a little room


async def test_a_locked_database(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "DISK_RETRY_S", 0.02)
    disk = Disk(sqlite3.SQLITE_BUSY)
    kept = store.submit(disk.append, durable=True)
    with pytest.raises(MeshError, match="locked"):
        await store.write(disk.append)
    disk.code = None
    assert await asyncio.wrap_future(kept) == 1
    assert await store.write(append) == 2  # nobody has to say so: it is not the disk


async def test_a_fault_of_ours_is_not_the_disk_s(store: Store) -> None:
    def wrong(tx: Transaction) -> None:
        tx.connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    outcomes = await asyncio.gather(
        store.write(wrong, durable=True), store.write(append), return_exceptions=True
    )
    assert isinstance(outcomes[0], OperationalError)
    assert outcomes[1] == 1
    with pytest.raises(OperationalError):
        await store.write(wrong, durable=True)  # alone in its transaction


async def test_closing_on_a_full_disk(database: Path, owned: Owned) -> None:
    store = Store(database, owned.epoch)
    told = threading.Event()
    store.start(lambda _: None, lambda: None, lambda _: told.set())
    kept = store.submit(Disk(sqlite3.SQLITE_FULL).append, durable=True)
    assert told.wait(5)
    store.close()
    with pytest.raises(StoreClosedError):
        kept.result(0)


async def test_a_closed_store_says_that_it_stops(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(_: object) -> None:
        started.set()
        go_on.wait(5)

    reading = asyncio.ensure_future(store.read(slow))
    waiting = asyncio.ensure_future(store.read(lambda _: None))
    await asyncio.to_thread(started.wait, 5)
    closing = asyncio.create_task(asyncio.to_thread(store.close))
    with pytest.raises(StoreClosedError):
        await waiting
    await closing
    go_on.set()
    await reading
    for call in (store.read(lambda _: None), store.write(append)):
        with pytest.raises(MeshError) as stopping:
            await call
        assert stopping.value.reason is Reason.SHUTTING_DOWN


async def test_a_really_full_database(store: Store) -> None:
    def limit(tx: Transaction) -> None:
        tx.connection.exec_driver_sql("PRAGMA max_page_count = 1")

    def fill(tx: Transaction) -> None:
        tx.append_event("session_state_changed", "+52", b"x" * 100_000)

    await store.write(limit)
    with pytest.raises(MeshError) as full:
        await store.write(fill)
    assert full.value.reason is Reason.STORAGE_FULL
    assert await count(store) == 0


def test_closing_writes_what_waits(store: Store) -> None:
    futures = [store.submit(append) for _ in range(50)]
    store.close()
    assert [future.result(0) for future in futures] == list(range(1, 51))
    with pytest.raises(StoreClosedError):
        store.submit(append).result(0)


async def test_statements_do_not_lock_readers_out(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        tx.connection.execute(update(meta).values(session_state="CONNECTED"))
        started.set()
        go_on.wait(5)

    holding = store.submit(hold)
    started.wait(5)
    assert await store.read(lambda c: c.execute(select(meta.c.session_state)).scalar_one()) == ""
    go_on.set()
    holding.result(5)


async def test_an_error_does_not_tell_what_was_to_be_written(store: Store) -> None:
    number = "+5215512345678"
    row = {"sequence": 1, "kind": "k", "account": number, "create_ms": 1, "payload": b"p"}
    await store.write(lambda tx: tx.connection.execute(events.insert(), row))
    with pytest.raises(IntegrityError) as error:
        await store.write(lambda tx: tx.connection.execute(events.insert(), row))
    assert number not in str(error.value)


async def test_a_transaction_that_the_disk_undid_is_done_again(store: Store) -> None:
    """SQLite undoes all of a group's writes where the disk fails in the middle of a statement."""
    started, go_on = threading.Event(), threading.Event()
    failures = [1]

    def hold(_: Transaction) -> None:
        started.set()
        go_on.wait(5)

    def fail_once(tx: Transaction) -> int:
        if failures:
            failures.pop()
            tx.connection.connection.dbapi_connection.execute("ROLLBACK")
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise OperationalError("INSERT", {}, full)
        return append(tx)

    holding = store.submit(hold)
    started.wait(5)
    written = [store.submit(work, durable=True) for work in (append, fail_once, append)]
    go_on.set()
    holding.result(5)
    assert [future.result(5) for future in written] == [1, 2, 3]
    sequences = select(events.c.sequence).order_by(events.c.sequence)
    assert await store.read(lambda c: list(c.execute(sequences).scalars())) == [1, 2, 3]


async def test_a_read_is_a_snapshot(store: Store) -> None:
    def read(connection: Connection) -> tuple[int, int]:
        query = select(func.count(events.c.kind))
        before = connection.execute(query).scalar_one()
        store.submit(append).result(5)
        return before, connection.execute(query).scalar_one()

    assert await store.read(read) == (0, 0)
    assert await count(store) == 1


async def test_a_busy_database_does_not_fill_memory_with_its_pages(store: Store) -> None:
    def cache(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA cache_size").scalar_one())

    assert await store.read(cache) == -engine.CACHE_KIB
    assert await store.write(lambda tx: cache(tx.connection)) == -engine.CACHE_KIB
