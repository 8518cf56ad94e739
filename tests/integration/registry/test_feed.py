"""Following the tenants: what is seen, how soon, and what is not asked for."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Any

import pytest
from sqlalchemy import event, text

from registry.database import ChangeGate, Database
from registry.feed import FeedChange, TenantFeed
from registry.service import Tenants


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url, "m")
    yield database
    database.close()


@pytest.fixture
def tenants(database_url: str) -> Iterator[Tenants]:
    """Another process's, as far as the feed can see: connections of its own."""
    database = Database.open(database_url, "m")
    yield Tenants(database)
    database.close()


async def following(changes: AsyncIterator[FeedChange]) -> FeedChange:
    async with asyncio.timeout(5):
        return await anext(changes)


def ids(change: FeedChange) -> list[str]:
    return [tenant.tenant_id for tenant in change.tenants]


async def test_a_snapshot_comes_first_then_changes_in_their_order(
    database: Database, tenants: Tenants
) -> None:
    await tenants.create("a")
    await tenants.create("b")
    async with aclosing(TenantFeed(database).watch()) as changes:
        first = await following(changes)
        assert (first.is_snapshot, ids(first), first.deleted) == (True, ["a", "b"], [])
        await tenants.create("c")
        second = await following(changes)
        assert (second.is_snapshot, ids(second)) == (False, ["c"])
        await tenants.stop("b")
        await tenants.stop("a")
        seen: list[str] = []
        while len(seen) < 2:
            seen += ids(await following(changes))
        assert seen == ["b", "a"]


async def test_an_empty_registry_gives_an_empty_snapshot(database: Database) -> None:
    async with aclosing(TenantFeed(database).watch()) as changes:
        assert await following(changes) == FeedChange(True, [], [], 0)


async def test_deleted_tenants_are_seen(database: Database, tenants: Tenants) -> None:
    await tenants.create("a")
    await tenants.create("b")
    await tenants.claim(["a", "b"], "h")
    async with aclosing(TenantFeed(database).watch()) as changes:
        await following(changes)
        for tenant_id in ("a", "b"):
            await tenants.delete(tenant_id)
            await tenants.remove(tenant_id, "h")
        await tenants.create("a")
        present, gone = {"a", "b"}, set[str]()
        while gone != {"b"} or "a" not in present:
            change = await following(changes)
            gone = (gone | set(change.deleted)) - set(ids(change))
            present = (present - gone) | set(ids(change))
        assert present == {"a"}
    async with aclosing(TenantFeed(database).watch()) as changes:
        assert ids(await following(changes)) == ["a"]


async def test_a_change_is_seen_within_250_ms(database: Database, tenants: Tenants) -> None:
    await tenants.create("a")
    delays = []
    async with aclosing(TenantFeed(database).watch()) as changes:
        await following(changes)
        for _ in range(10):
            await tenants.restart("a")
            written = time.monotonic()
            await following(changes)
            delays.append(time.monotonic() - written)
    assert sorted(delays)[5] < 0.25  # the median: the machine may be busy for a moment


async def test_while_nothing_changes_no_tenant_is_read(
    database: Database, tenants: Tenants
) -> None:
    await tenants.create("a")
    reads: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "FROM tenants" in statement:
            reads.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    async with aclosing(TenantFeed(database).watch()) as changes:
        await following(changes)
        first = len(reads)
        pending = asyncio.ensure_future(anext(changes))
        await asyncio.wait({pending}, timeout=0.4)
        assert len(reads) == first
        await tenants.create("b")
        assert ids(await pending) == ["b"]


async def test_a_feed_that_is_left_at_once_leaves_nothing_open(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    original = database.change_gate

    def slow() -> ChangeGate:
        began.set()
        go_on.wait(10)
        gate = original()
        close = gate.close
        monkeypatch.setattr(gate, "close", lambda: (close(), closed.set()), raising=False)
        return gate

    monkeypatch.setattr(database, "change_gate", slow)
    watching = asyncio.ensure_future(anext(TenantFeed(database).watch()))
    await asyncio.to_thread(began.wait, 10)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    go_on.set()
    assert await asyncio.to_thread(closed.wait, 10)


async def test_a_registry_that_was_set_back_gives_a_new_snapshot(
    database: Database, tenants: Tenants
) -> None:
    for tenant_id in ("a", "b"):
        await tenants.create(tenant_id)
    async with aclosing(TenantFeed(database).watch()) as changes:
        await following(changes)
        with database.writing() as session:
            session.execute(text("DELETE FROM tenants WHERE tenant_id = 'b'"))
            session.execute(text("UPDATE registry SET updated_seq = 1"))
        change = await following(changes)
        assert (change.is_snapshot, ids(change)) == (True, ["a"])


async def test_trouble_with_the_database_is_waited_out(
    database: Database, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.feed.RETRY_INTERVAL_S", 0.05)
    await tenants.create("a")

    def rename(before: str, after: str) -> None:
        with database.writing() as session:
            session.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))
            session.execute(text("UPDATE registry SET updated_seq = updated_seq"))

    async with aclosing(TenantFeed(database).watch()) as changes:
        await following(changes)
        waiting: asyncio.Task[Any] = asyncio.ensure_future(anext(changes))
        rename("tenants", "away")
        rename("tenant_tombstones", "also_away")
        await asyncio.sleep(0.3)
        assert not waiting.done()
        rename("away", "tenants")
        rename("also_away", "tenant_tombstones")
        await tenants.create("b")
        async with asyncio.timeout(5):
            assert ids(await waiting) == ["b"]
