"""The writer of node.db."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from botmesh.errors import MeshError, Reason
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
    with pytest.raises(EpochLostError):
        await store.write(append)
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


async def test_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "DISK_RETRY_S", 0.02)
    space = threading.Event()

    def write(tx: Transaction) -> int:
        if not space.is_set():
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        return append(tx)

    kept = store.submit(write, durable=True)
    with pytest.raises(MeshError) as full:
        await store.write(write)
    assert full.value.reason is Reason.STORAGE_FULL
    assert store.disk_full
    assert not kept.done()
    space.set()
    assert await asyncio.wrap_future(kept) == 1
    assert await store.write(append) == 2
    assert not store.disk_full


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
