"""The routing table: pure, with a clock of its own; only waiting needs the event loop."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from botmesh.errors import MeshError, Reason
from gateway.resolver import STALE_S, Resolver
from registry.discovery.port import Route
from registry.tenant import DesiredState, ObservedState, Tenant

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROW = Tenant(
    tenant_id="a",
    name="A",
    bot_port=3001,
    desired_state=DesiredState.RUNNING,
    desired_generation=1,
    observed_state=ObservedState.RUNNING,
    observed_generation=1,
    delete_data=False,
    account=None,
    session_state=None,
    address=None,
    instance=None,
    epoch=0,
    pid=None,
    restarts=0,
    last_exit=None,
    home="host",
    updated_seq=1,
    create_time=NOW,
    update_time=NOW,
)
FIRST = Route("a", "127.0.0.1:3001", "first", 1)
SECOND = Route("a", "127.0.0.1:3002", "second", 2)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gone() -> list[str]:
    return []


@pytest.fixture
def resolver(clock: Clock, gone: list[str]) -> Resolver:
    resolver = Resolver(on_address_gone=gone.append, clock=clock)
    resolver.set_tenants([ROW])
    resolver.set_routes({})
    return resolver


def _reason(resolver: Resolver, tenant_id: str) -> Reason:
    with pytest.raises(MeshError) as caught:
        resolver.find(tenant_id)
    return caught.value.reason


def test_a_route_is_found(resolver: Resolver) -> None:
    resolver.set_route("a", [FIRST])
    assert resolver.find("a") == FIRST


def test_an_unknown_tenant(resolver: Resolver) -> None:
    assert _reason(resolver, "b") is Reason.TENANT_NOT_FOUND
    assert _reason(resolver, "B!") is Reason.INVALID_REQUEST
    assert _reason(resolver, "") is Reason.INVALID_REQUEST


@pytest.mark.parametrize("routes", [(), (FIRST,)])
def test_a_tenant_that_shall_not_run(resolver: Resolver, routes: Sequence[Route]) -> None:
    resolver.set_route("a", routes)
    resolver.set_tenant(replace(ROW, desired_state=DesiredState.STOPPED, updated_seq=2))
    assert _reason(resolver, "a") is Reason.TENANT_STOPPED
    resolver.set_tenant(replace(ROW, desired_state=DesiredState.DELETED, updated_seq=3))
    assert _reason(resolver, "a") is Reason.TENANT_NOT_FOUND
    resolver.drop_tenant("a")
    assert _reason(resolver, "a") is Reason.TENANT_NOT_FOUND


def test_a_botnode_that_cannot_start_is_not_waited_for(resolver: Resolver) -> None:
    broken = replace(ROW, observed_state=ObservedState.FAILED, last_exit="exit 78", updated_seq=2)
    resolver.set_tenant(broken)
    assert _reason(resolver, "a") is Reason.BOTNODE_UNAVAILABLE
    # Somebody wants it started again; whether it still fails is not known yet.
    resolver.set_tenant(replace(broken, desired_generation=2, updated_seq=3))
    assert resolver.find("a") is None


def test_an_older_row_does_not_replace_a_newer_one(resolver: Resolver) -> None:
    resolver.set_tenant(replace(ROW, desired_state=DesiredState.STOPPED, updated_seq=5))
    resolver.set_tenant(replace(ROW, updated_seq=4))
    assert _reason(resolver, "a") is Reason.TENANT_STOPPED


def test_a_late_word_of_a_deleted_tenant_does_not_bring_it_back(resolver: Resolver) -> None:
    resolver.drop_tenant("a")
    resolver.set_tenant(replace(ROW, desired_state=DesiredState.DELETED, updated_seq=2))
    resolver.set_tenants([])
    assert resolver._tenants == {}


def test_of_entries_alive_at_the_same_time_the_higher_epoch_counts(resolver: Resolver) -> None:
    resolver.set_route("a", [FIRST, SECOND])
    assert resolver.find("a") == SECOND
    resolver.set_route("a", [SECOND, FIRST])
    assert resolver.find("a") == SECOND


def test_an_epoch_that_is_gone_does_not_count(resolver: Resolver) -> None:
    resolver.set_route("a", [SECOND])
    resolver.set_route("a", [])
    resolver.set_route("a", [FIRST])  # the store was removed: epochs begin anew
    assert resolver.find("a") == FIRST


def test_a_snapshot_replaces_everything(resolver: Resolver) -> None:
    resolver.set_tenants([ROW, replace(ROW, tenant_id="b")])
    resolver.set_route("a", [FIRST])
    resolver.set_routes({"b": [replace(SECOND, tenant_id="b")]})
    assert resolver.find("a") is None
    assert resolver.find("b") is not None


def test_an_address_is_gone_when_no_route_leads_there(resolver: Resolver, gone: list[str]) -> None:
    shared = replace(FIRST, tenant_id="b", instance="other")
    resolver.set_route("a", [FIRST])
    resolver.set_route("b", [shared])  # two tenants' rows can name one port for a moment
    resolver.set_route("a", [SECOND])
    assert gone == []
    resolver.set_route("b", [])
    assert gone == [FIRST.address]


def test_a_new_process_on_the_same_port_keeps_the_address(
    resolver: Resolver, gone: list[str]
) -> None:
    resolver.set_route("a", [FIRST])
    resolver.set_route("a", [replace(FIRST, instance="next", epoch=2)])
    assert gone == []


def test_a_stale_route_is_passed_over_for_a_while(resolver: Resolver, clock: Clock) -> None:
    resolver.set_route("a", [FIRST])
    resolver.mark_stale(FIRST)
    assert resolver.find("a") is None
    clock.now += STALE_S
    assert resolver.find("a") == FIRST


def test_a_stale_route_is_over_when_it_changes(resolver: Resolver) -> None:
    resolver.set_route("a", [FIRST])
    resolver.mark_stale(FIRST)
    resolver.set_route("a", [SECOND])
    assert resolver.find("a") == SECOND


def test_a_change_that_brings_the_same_route_leaves_it_stale(resolver: Resolver) -> None:
    resolver.set_route("a", [FIRST])
    resolver.mark_stale(FIRST)
    resolver.set_route("a", [FIRST])
    assert resolver.find("a") is None


def test_a_late_complaint_about_an_old_route_does_not_touch_the_new_one(
    resolver: Resolver,
) -> None:
    resolver.set_route("a", [SECOND])
    resolver.mark_stale(FIRST)
    assert resolver.find("a") == SECOND


def test_before_both_pictures_are_there_nobody_is_refused(clock: Clock) -> None:
    resolver = Resolver(clock=clock)
    assert resolver.find("a") is None
    resolver.set_tenants([])
    assert not resolver.ready.is_set()
    resolver.set_routes({})
    assert resolver.ready.is_set()


async def _waiting(resolver: Resolver, tenant_id: str, for_s: float = 30) -> asyncio.Task[Route]:
    task = asyncio.create_task(resolver.wait(tenant_id, resolver._clock() + for_s))
    await asyncio.sleep(0)  # one turn of the loop: it runs up to where it waits
    assert tenant_id in resolver._waiting
    return task


async def test_waiting_ends_with_a_route(resolver: Resolver) -> None:
    task = await _waiting(resolver, "a")
    resolver.set_route("b", [replace(FIRST, tenant_id="b")])
    resolver.set_route("a", [FIRST])
    assert await task == FIRST
    assert resolver._waiting == {}


async def test_waiting_ends_when_the_tenant_is_stopped(resolver: Resolver) -> None:
    task = await _waiting(resolver, "a")
    resolver.set_tenant(replace(ROW, desired_state=DesiredState.STOPPED, updated_seq=2))
    with pytest.raises(MeshError) as caught:
        await task
    assert caught.value.reason is Reason.TENANT_STOPPED


async def test_waiting_ends_when_the_gateway_stops(resolver: Resolver) -> None:
    task = await _waiting(resolver, "a")
    resolver.close()
    with pytest.raises(MeshError) as caught:
        await task
    assert caught.value.reason is Reason.SHUTTING_DOWN


async def test_waiting_ends_with_the_time() -> None:
    resolver = Resolver()
    resolver.set_tenants([ROW])
    resolver.set_routes({})
    with pytest.raises(MeshError) as caught:
        await resolver.wait("a", resolver._clock() + 0.01)
    assert caught.value.reason is Reason.BOTNODE_UNAVAILABLE
    assert caught.value.retry_after is not None
    assert resolver._waiting == {}


async def test_waiting_for_a_stale_route_ends_when_it_is_worth_a_try_again() -> None:
    resolver = Resolver()
    resolver.set_tenants([ROW])
    resolver.set_routes({"a": [FIRST]})
    resolver.mark_stale(FIRST, 0.01)
    assert await resolver.wait("a", resolver._clock() + 30) == FIRST


async def test_an_unknown_tenant_before_the_first_picture_waits_for_it(clock: Clock) -> None:
    resolver = Resolver(clock=clock)
    task = await _waiting(resolver, "a")
    resolver.set_tenants([ROW])
    resolver.set_routes({"a": [FIRST]})
    assert await task == FIRST


async def test_whoever_gives_up_leaves_nothing_behind(resolver: Resolver) -> None:
    task = await _waiting(resolver, "a")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert resolver._waiting == {}
