"""What can be done with tenants, on a real database."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from botmesh.errors import MeshError, Reason
from registry.database import Database
from registry.observation import Observation, Observed
from registry.pacing import Pacing
from registry.ports import WELL_KNOWN_PORTS
from registry.service import Tenants
from registry.tenant import DesiredState, ObservedState


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url, "m")
    yield database
    database.close()


@pytest.fixture
def tenants(database: Database) -> Tenants:
    return Tenants(database, clock=Clock())


async def refusal(work) -> MeshError:  # noqa: ANN001 - any coroutine
    with pytest.raises(MeshError) as caught:
        await work
    return caught.value


async def test_create_then_get(tenants: Tenants) -> None:
    created = await tenants.create("mundo-apple", "Mundo Apple")
    assert created == await tenants.get("mundo-apple")
    assert created.bot_port == 3001
    assert created.desired_state is DesiredState.RUNNING
    assert created.observed_state is ObservedState.UNOBSERVED
    assert (created.desired_generation, created.observed_generation) == (1, 0)
    assert created.home is created.account is created.address is None
    assert created.create_time == datetime(2026, 1, 2, 3, 4, 6, 678901, tzinfo=UTC)


async def test_create_makes_an_id_from_the_name_and_a_name_from_the_id(tenants: Tenants) -> None:
    assert (await tenants.create(name="Café Ñandú 2")).tenant_id == "cafe-nandu-2"
    assert (await tenants.create("a1")).name == "a1"
    assert (await refusal(tenants.create())).reason is Reason.INVALID_REQUEST
    assert (await refusal(tenants.create(name="漢字"))).violations[0].field == "tenant_id"


async def test_create_stopped(tenants: Tenants) -> None:
    created = await tenants.create("a", running=False)
    assert created.desired_state is DesiredState.STOPPED


async def test_ports_are_given_out_from_3001_on_and_skip_well_known_ones(tenants: Tenants) -> None:
    await tenants.create("asked", bot_port=3002)
    given = [(await tenants.create(f"t{i}")).bot_port for i in range(4)]
    assert given == [3001, 3003, 3004, 3005]
    for port in range(3006, 3260):
        await tenants.create(f"p{port}", bot_port=port)
    assert 3260 in WELL_KNOWN_PORTS
    assert (await tenants.create("next")).bot_port == 3261


async def test_a_taken_port_is_typed(tenants: Tenants) -> None:
    await tenants.create("a", bot_port=4001)
    await tenants.create("b")
    for attempt in (tenants.create("c", bot_port=4001), tenants.update("b", bot_port=4001)):
        error = await refusal(attempt)
        assert error.reason is Reason.PORT_TAKEN
        assert error.metadata == {"bot_port": "4001", "tenant_id": "a"}
    assert (await tenants.update("a", bot_port=4001)).bot_port == 4001


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("tenant_id", {"tenant_id": "Not An Id"}),
        ("tenant_id", {"tenant_id": "../etc"}),
        ("name", {"tenant_id": "a", "name": "x" * 201}),
        ("name", {"tenant_id": "a", "name": "a\nb"}),
        ("name", {"tenant_id": "a", "name": "a\0b"}),
        ("bot_port", {"tenant_id": "a", "bot_port": 80}),
        ("bot_port", {"tenant_id": "a", "bot_port": 65536}),
        ("bot_port", {"tenant_id": "a", "bot_port": -1}),
    ],
)
async def test_create_refuses(tenants: Tenants, field: str, arguments: dict) -> None:
    error = await refusal(tenants.create(**arguments))
    assert [violation.field for violation in error.violations] == [field]


async def test_unknown_and_existing_tenants_are_typed(tenants: Tenants) -> None:
    for attempt in (
        tenants.get("none"),
        tenants.update("none", name="x"),
        tenants.start("none"),
        tenants.stop("none"),
        tenants.restart("none"),
        tenants.delete("none"),
    ):
        assert (await refusal(attempt)).reason is Reason.TENANT_NOT_FOUND
    await tenants.create("a")
    assert (await refusal(tenants.create("a"))).reason is Reason.TENANT_EXISTS


async def test_list_gives_pages_in_the_order_of_ids(tenants: Tenants) -> None:
    ids = ["a-b", "a0", "aa", "ab", "b", "b-a"]
    for tenant_id in reversed(ids):
        await tenants.create(tenant_id)
    found, token, pages = [], "", 0
    while pages == 0 or token:
        page = await tenants.list(page_size=2, page_token=token)
        found += [tenant.tenant_id for tenant in page.tenants]
        token, pages = page.next_page_token, pages + 1
    assert (found, pages) == (ids, 3)
    assert len((await tenants.list()).tenants) == 6
    for wrong in ({"page_size": -1}, {"page_token": "!"}, {"page_token": "Li4v"}):
        assert (await refusal(tenants.list(**wrong))).reason is Reason.INVALID_REQUEST


async def test_verbs_raise_the_generation_when_they_change_what_is_wanted(tenants: Tenants) -> None:
    await tenants.create("a")
    steps = [
        (tenants.start, DesiredState.RUNNING, 1),
        (tenants.stop, DesiredState.STOPPED, 2),
        (tenants.stop, DesiredState.STOPPED, 2),
        (tenants.start, DesiredState.RUNNING, 3),
        (tenants.start, DesiredState.RUNNING, 3),
        (tenants.restart, DesiredState.RUNNING, 4),
        (tenants.restart, DesiredState.RUNNING, 5),
    ]
    for verb, state, generation in steps:
        tenant = await verb("a")
        assert (tenant.desired_state, tenant.desired_generation) == (state, generation)
    renamed = await tenants.update("a", name="New", bot_port=4001)
    assert (renamed.name, renamed.bot_port, renamed.desired_generation) == ("New", 4001, 5)


@pytest.mark.parametrize("state", [ObservedState.FAILED, ObservedState.BACKING_OFF])
async def test_start_tries_a_tenant_again_that_cannot_run(
    tenants: Tenants, state: ObservedState
) -> None:
    await tenants.create("a")
    await tenants.claim(["a"], "h")
    await tenants.observe("h", [Observation("a", Observed(observed_state=state))])
    assert (await tenants.start("a")).desired_generation == 2


async def test_a_change_that_changes_nothing_is_none(tenants: Tenants) -> None:
    created = await tenants.create("a", "A")
    assert await tenants.update("a", name="A") == created
    assert await tenants.start("a") == created


async def test_delete(tenants: Tenants) -> None:
    await tenants.create("a")
    await tenants.claim(["a"], "h")
    first = await tenants.delete("a")
    assert first.desired_state is DesiredState.DELETED
    assert first.observed_state is ObservedState.DELETING
    assert not first.delete_data
    second = await tenants.delete("a", delete_data=True)
    assert (second.delete_data, second.desired_generation) == (True, first.desired_generation)
    assert (await tenants.delete("a")).delete_data
    for attempt in (tenants.start("a"), tenants.restart("a"), tenants.update("a", name="x")):
        assert (await refusal(attempt)).reason is Reason.TENANT_NOT_FOUND
    assert "still being deleted" in str(await refusal(tenants.create("a")))
    assert not await tenants.remove("a", "another-host")
    assert await tenants.remove("a", "h")
    assert not await tenants.remove("a", "h")
    assert (await tenants.create("a")).bot_port == 3001


async def test_a_tenant_that_is_wanted_is_not_removed(tenants: Tenants) -> None:
    await tenants.create("a")
    await tenants.claim(["a"], "h")
    assert not await tenants.remove("a", "h")


async def test_a_home_is_claimed_once(tenants: Tenants) -> None:
    for tenant_id in ("a", "b", "c"):
        await tenants.create(tenant_id)
    assert await tenants.claim(["b"], "h2") == {"b"}
    claims = await asyncio.gather(
        *(tenants.claim(["a", "b", "c", "none"], host) for host in ("h1", "h2", "h3"))
    )
    homes = {t.tenant_id: t.home for t in (await tenants.list()).tenants}
    assert homes["b"] == "h2"
    for host, mine in zip(("h1", "h2", "h3"), claims, strict=True):
        assert mine == {tenant_id for tenant_id, home in homes.items() if home == host}


class TestObserve:
    async def test_only_by_its_home(self, tenants: Tenants) -> None:
        await tenants.create("a")
        await tenants.claim(["a"], "h")
        running = Observation("a", Observed(observed_state=ObservedState.RUNNING, pid=7))
        await tenants.observe("other", [running])
        assert (await tenants.get("a")).pid is None
        await tenants.observe("h", [running, Observation("gone", Observed(pid=1))])
        assert (await tenants.get("a")).observed_state is ObservedState.RUNNING

    async def test_in_order_in_one_transaction(self, tenants: Tenants) -> None:
        await tenants.create("a")
        before = (await tenants.claim(["a"], "h")) and (await tenants.get("a"))
        await tenants.observe("h", [Observation("a", Observed(pid=pid)) for pid in (1, 2, 3)])
        after = await tenants.get("a")
        assert (after.pid, after.updated_seq) == (3, before.updated_seq + 1)
        await tenants.observe("h", [Observation("a", Observed(pid=3))])
        assert await tenants.get("a") == after

    async def test_the_generation_never_falls(self, tenants: Tenants) -> None:
        await tenants.create("a")
        await tenants.claim(["a"], "h")
        for generation in (3, 2):
            await tenants.observe("h", [Observation("a", Observed(observed_generation=generation))])
        assert (await tenants.get("a")).observed_generation == 3

    async def test_a_tenant_being_deleted_stays_so(self, tenants: Tenants) -> None:
        await tenants.create("a")
        await tenants.claim(["a"], "h")
        await tenants.delete("a")
        await tenants.observe(
            "h", [Observation("a", Observed(observed_state=ObservedState.RUNNING))]
        )
        assert (await tenants.get("a")).observed_state is ObservedState.DELETING


CREATE = """
import asyncio, json, sys
from registry.database import Database
from registry.service import Tenants

async def main(url, name, count):
    tenants = Tenants(Database.open(url, "m"))
    sys.stdin.read()
    made = await asyncio.gather(*(tenants.create(f"{name}-{i}") for i in range(count)))
    print(json.dumps([[t.tenant_id, t.bot_port, t.updated_seq] for t in made]))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def test_processes_that_create_at_once_get_different_ports(
    database_url: str, together: Callable[..., list[bytes]]
) -> None:
    Database.open(database_url, "m").close()
    output = together(CREATE, *[[database_url, f"p{number}", "15"] for number in range(4)])
    made = [row for line in output for row in json.loads(line)]
    assert sorted(port for _, port, _ in made) == list(range(3001, 3061))
    # One counter: every creation has a number of its own, and none is missing.
    assert sorted(seq for _, _, seq in made) == list(range(1, 61))


async def test_another_pace_starts_the_botnode_anew(tenants: Tenants) -> None:
    await tenants.create("a", pacing=Pacing(messages_per_minute=5))
    assert (await tenants.get("a")).pacing == Pacing(messages_per_minute=5)
    same = await tenants.update("a", pacing=Pacing(messages_per_minute=5), name="A")
    assert same.desired_generation == 1
    other = await tenants.update("a", pacing=Pacing(new_chats_per_day=0))
    assert (other.pacing, other.desired_generation) == (Pacing(new_chats_per_day=0), 2)
    await tenants.stop("a")
    stopped = await tenants.update("a", pacing=Pacing())
    assert (stopped.desired_state, stopped.desired_generation) == (DesiredState.STOPPED, 3)


async def test_another_proxy_starts_the_botnode_anew(tenants: Tenants) -> None:
    made = await tenants.create("a", proxy_url="http://ana:secret@proxy:3128")
    assert made.proxy_url == "http://ana:secret@proxy:3128"
    assert "secret" not in repr(made)
    same = await tenants.update("a", proxy_url="http://ana:secret@proxy:3128", name="A")
    assert (same.proxy_url, same.desired_generation) == (made.proxy_url, 1)
    other = await tenants.update("a", proxy_url="http://ana:other@proxy:3128")
    assert (other.proxy_url, other.desired_generation) == ("http://ana:other@proxy:3128", 2)
    none = await tenants.update("a", proxy_url="")
    assert (none.proxy_url, none.desired_generation) == ("", 3)
    assert (await tenants.update("a", proxy_url="")).desired_generation == 3
    for call in (tenants.create("b", proxy_url="proxy"), tenants.update("a", proxy_url="proxy")):
        with pytest.raises(MeshError, match="must begin with"):
            await call


async def test_a_sandboxs_proxy_is_on_this_machine(tenants: Tenants, database: Database) -> None:
    in_sandbox = Tenants(database, sandbox=True)
    await in_sandbox.create("a", proxy_url="socks5://ana:secret@127.0.0.1:1080")
    for call in (
        in_sandbox.create("b", proxy_url="http://ana:secret@192.0.2.1"),
        in_sandbox.update("a", proxy_url="http://ana:secret@proxy"),
    ):
        with pytest.raises(MeshError, match="loopback") as refused:
            await call
        assert refused.value.reason is Reason.INVALID_REQUEST
        assert [violation.field for violation in refused.value.violations] == ["proxy_url"]
    assert [t.tenant_id for t in (await tenants.list()).tenants] == ["a"]
