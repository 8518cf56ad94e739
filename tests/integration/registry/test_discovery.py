"""What every implementation of discovery does alike.

An implementation is a `Site`: a way to make registrations, to withdraw and to watch. `sites` has
one fixture for each; every test here runs on all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Protocol

import pytest
from consul_agent import ConsulAgent

from registry.database import Database
from registry.discovery.consul_client import ConsulClient
from registry.discovery.consul_registration import ConsulRegistration, ConsulWithdrawal
from registry.discovery.consul_service import EntryTiming
from registry.discovery.consul_settings import ConsulSettings
from registry.discovery.consul_watch import ConsulRouteWatch
from registry.discovery.embedded import (
    EmbeddedRegistration,
    EmbeddedRouteWatch,
    EmbeddedWithdrawal,
)
from registry.discovery.port import (
    Announcement,
    Registration,
    Route,
    RouteChange,
    RouteWatch,
    Snapshot,
    Withdrawal,
    newest,
)
from registry.feed import TenantFeed
from registry.observation import Observation
from registry.service import Tenants

TENANT_IDS = ("a", "b")


class Site(Protocol):
    """One implementation of discovery, with the tenants "a" and "b" and no entries."""

    def registration(self) -> Registration: ...
    def withdrawal(self) -> Withdrawal: ...
    def watch(self) -> RouteWatch: ...
    async def told(self, tenant_id: str) -> tuple[str | None, str | None]:
        """The state and the number that the live entry tells of."""
        ...


class EmbeddedSite:
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    async def observe(self, observation: Observation) -> None:
        await self._tenants.observe("host", [observation])

    def registration(self) -> Registration:
        return EmbeddedRegistration(self)

    def withdrawal(self) -> Withdrawal:
        return EmbeddedWithdrawal(self)

    def watch(self) -> RouteWatch:
        return EmbeddedRouteWatch(TenantFeed(self._database))

    async def told(self, tenant_id: str) -> tuple[str | None, str | None]:
        tenant = await self._tenants.get(tenant_id)
        return tenant.session_state, tenant.account


class ConsulSite:
    """Nobody listens at the addresses of these tests: their checks are not due while they run."""

    def __init__(self, agent: ConsulAgent) -> None:
        self._agent = agent
        self._client = ConsulClient(ConsulSettings(address=agent.address))
        self._made: list[ConsulRegistration] = []

    def registration(self) -> Registration:
        self._made.append(
            ConsulRegistration(self._client, "m", timing=EntryTiming(check_interval_s=36000))
        )
        return self._made[-1]

    def withdrawal(self) -> Withdrawal:
        return ConsulWithdrawal(self._client, "m")

    def watch(self) -> RouteWatch:
        return ConsulRouteWatch(self._client, "m")

    async def told(self, tenant_id: str) -> tuple[str | None, str | None]:
        (service,) = self._agent.services().values()
        assert service["Meta"]["tenant_id"] == tenant_id
        return service["Meta"]["state"], service["Meta"].get("number")

    async def close(self) -> None:
        for registration in self._made:
            await registration.deregister()
        await self._client.close()


@pytest.fixture
def tenants(sqlite_url: str) -> Iterator[Tenants]:
    database = Database.open(sqlite_url, "m")
    yield Tenants(database)
    database.close()


@pytest.fixture
async def embedded(sqlite_url: str, tenants: Tenants) -> AsyncIterator[Site]:
    for tenant_id in TENANT_IDS:
        await tenants.create(tenant_id)
    await tenants.claim(TENANT_IDS, "host")
    database = Database.open(sqlite_url, "m")
    yield EmbeddedSite(database, tenants)
    database.close()


@pytest.fixture
async def in_consul(consul: ConsulAgent) -> AsyncIterator[Site]:
    site = ConsulSite(consul)
    yield site
    await site.close()


@pytest.fixture(params=["embedded", "in_consul"])
def site(request: pytest.FixtureRequest) -> Site:
    """The implementations: an async fixture each, named here."""
    return request.getfixturevalue(request.param)


def announcement(tenant_id: str, instance: str, epoch: int, port: int = 3001) -> Announcement:
    return Announcement(
        tenant_id=tenant_id,
        tenant_name=tenant_id.upper(),
        address=f"127.0.0.1:{port}",
        instance=instance,
        epoch=epoch,
        version="1.2.3",
        state="CONNECTING",
        number=None,
    )


class Picture:
    """What a watch has told so far, put together."""

    def __init__(self, changes: AsyncIterator[Snapshot | RouteChange]) -> None:
        self._changes = changes
        self.snapshots = 0
        self.current: dict[str, Route] = {}

    async def step(self) -> None:
        change = await anext(self._changes)
        if isinstance(change, Snapshot):
            self.snapshots += 1
            self.current = {}
            told = change.routes
        else:
            assert self.snapshots, "a change came before the first snapshot"
            told = {change.tenant_id: change.routes}
        for tenant_id, routes in told.items():
            assert all(route.tenant_id == tenant_id for route in routes)
            assert list(routes) == sorted(routes, key=lambda route: -route.epoch)
            if (route := newest(routes)) is None:
                self.current.pop(tenant_id, None)
            else:
                self.current[tenant_id] = route

    async def until(self, **instances: str) -> None:
        async with asyncio.timeout(5):
            while {t: route.instance for t, route in self.current.items()} != instances:
                await self.step()


@pytest.fixture
async def picture(site: Site) -> AsyncIterator[Picture]:
    async with aclosing(site.watch().watch()) as changes:
        picture = Picture(changes)
        await picture.step()
        yield picture


async def test_the_first_word_is_a_snapshot_of_what_is_there(site: Site) -> None:
    await site.registration().register(announcement("a", "one", 1))
    async with aclosing(site.watch().watch()) as changes:
        first = await anext(changes)
    assert first == Snapshot({"a": (Route("a", "127.0.0.1:3001", "one", 1),)})


async def test_an_entry_is_seen_and_its_end_too(site: Site, picture: Picture) -> None:
    assert picture.current == {}
    registration = site.registration()
    await registration.register(announcement("a", "one", 1, 4321))
    await picture.until(a="one")
    assert picture.current["a"] == Route("a", "127.0.0.1:4321", "one", 1)
    await registration.deregister()
    await picture.until()


async def test_tenants_are_told_apart(site: Site, picture: Picture) -> None:
    first, second = site.registration(), site.registration()
    await first.register(announcement("a", "one", 1))
    await second.register(announcement("b", "two", 1, 3002))
    await picture.until(a="one", b="two")
    await first.deregister()
    await picture.until(b="two")


async def test_of_entries_alive_together_the_higher_epoch_counts(
    site: Site, picture: Picture
) -> None:
    old, new = site.registration(), site.registration()
    await old.register(announcement("a", "old", 4, 3001))
    await new.register(announcement("a", "new", 5, 3002))
    await picture.until(a="new")
    # The old one lost its place, and comes back when it does not know that yet.
    await old.register(announcement("a", "old", 4, 3001))
    await old.update(state="CONNECTED", number="+520000")
    await site.registration().register(announcement("b", "b1", 1))
    await picture.until(a="new", b="b1")


async def test_an_old_process_takes_away_only_its_own_entry(site: Site, picture: Picture) -> None:
    old, new = site.registration(), site.registration()
    await old.register(announcement("a", "old", 1))
    await new.register(announcement("a", "new", 2))
    await old.deregister()
    await old.deregister()
    await site.withdrawal().withdraw("a", "old")
    await site.registration().register(announcement("b", "b1", 1))
    await picture.until(a="new", b="b1")


async def test_after_the_end_of_all_entries_epochs_may_begin_again(
    site: Site, picture: Picture
) -> None:
    registration = site.registration()
    await registration.register(announcement("a", "one", 9))
    await picture.until(a="one")
    await registration.deregister()
    await picture.until()
    await site.registration().register(announcement("a", "two", 1))
    await picture.until(a="two")


async def test_a_dead_process_is_withdrawn_by_another(site: Site, picture: Picture) -> None:
    await site.registration().register(announcement("a", "dead", 1))
    await picture.until(a="dead")
    await site.withdrawal().withdraw("a", "dead")
    await site.withdrawal().withdraw("a", "dead")
    await picture.until()


async def test_an_entry_can_be_made_again(site: Site, picture: Picture) -> None:
    registration = site.registration()
    await registration.register(announcement("a", "one", 1))
    await site.withdrawal().withdraw("a", "one")
    await registration.register(announcement("a", "one", 2))
    await picture.until(a="one")
    async with asyncio.timeout(5):
        while picture.current["a"].epoch != 2:
            await picture.step()


async def test_state_and_number_are_told_and_change_no_route(site: Site, picture: Picture) -> None:
    registration = site.registration()
    await registration.register(announcement("a", "one", 1))
    await picture.until(a="one")
    await registration.update(state="CONNECTED", number="+5215512345678")
    assert await site.told("a") == ("CONNECTED", "+5215512345678")
    await registration.update(state="RECONNECTING", number=None)
    assert await site.told("a") == ("RECONNECTING", "+5215512345678")
    await registration.update(state="LOGGED_OUT", number=None)
    assert await site.told("a") == ("LOGGED_OUT", None)
    assert picture.current["a"].instance == "one"
    await registration.deregister()
    await registration.update(state="CONNECTED", number="+52")
    await picture.until()


async def test_every_watch_sees_the_same(site: Site, picture: Picture) -> None:
    async with aclosing(site.watch().watch()) as changes:
        other = Picture(changes)
        await other.step()
        await site.registration().register(announcement("a", "one", 1))
        await asyncio.gather(picture.until(a="one"), other.until(a="one"))


class TestEmbeddedOnly:
    """A botnode that no host runs is found at its tenant's port."""

    async def test_a_tenant_that_no_host_ever_took(self, sqlite_url: str, tenants: Tenants) -> None:
        await tenants.create("alone", bot_port=4001)
        await tenants.create("stopped", bot_port=4002, running=False)
        await tenants.create("hosted", bot_port=4003)
        await tenants.claim(["hosted"], "host")
        database = Database.open(sqlite_url, "m")
        async with aclosing(EmbeddedRouteWatch(TenantFeed(database)).watch()) as changes:
            assert await anext(changes) == Snapshot(
                {"alone": (Route("alone", "127.0.0.1:4001", "", 0),)}
            )
            await tenants.update("alone", bot_port=4004)
            moved = (Route("alone", "127.0.0.1:4004", "", 0),)
            assert await anext(changes) == RouteChange("alone", moved)
            await tenants.stop("alone")
            assert await anext(changes) == RouteChange("alone", ())
        database.close()
