"""TenantService through the port, on a real registry."""

from collections.abc import Awaitable
from typing import Any

import grpc.aio
import pytest
from far_side import eventually
from gateway_harness import HOST, GatewayUnderTest
from google.protobuf.message import Message

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.v1 import bot_pb2, session_pb2, tenant_pb2
from registry.observation import Observation, Observed
from registry.pacing import Pacing
from registry.tenant import ObservedState


async def _error(call: Awaitable[object]) -> MeshError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


async def _create(mesh: GatewayUnderTest, **fields: object) -> tenant_pb2.Tenant:
    answer = await mesh.tenant.CreateTenant(tenant_pb2.CreateTenantRequest(**fields))
    return answer.tenant


async def test_a_tenants_life(mesh: GatewayUnderTest) -> None:
    made = await _create(mesh, name="Apple Store Norte")
    assert made.tenant_id == "apple-store-norte"
    assert made.name == "Apple Store Norte"
    assert made.bot_port == 3001
    assert made.desired_state == tenant_pb2.DESIRED_STATE_RUNNING
    assert made.observed_state == tenant_pb2.OBSERVED_STATE_UNSPECIFIED
    assert made.desired_generation == 1
    assert made.create_time.seconds > 0

    request = {"tenant_id": made.tenant_id}
    stopped = (await mesh.tenant.StopTenant(tenant_pb2.StopTenantRequest(**request))).tenant
    assert stopped.desired_state == tenant_pb2.DESIRED_STATE_STOPPED
    assert stopped.desired_generation == 2
    started = (await mesh.tenant.StartTenant(tenant_pb2.StartTenantRequest(**request))).tenant
    assert started.desired_state == tenant_pb2.DESIRED_STATE_RUNNING
    again = (await mesh.tenant.StartTenant(tenant_pb2.StartTenantRequest(**request))).tenant
    assert again.desired_generation == started.desired_generation == 3
    renewed = (await mesh.tenant.RestartTenant(tenant_pb2.RestartTenantRequest(**request))).tenant
    assert renewed.desired_generation == 4

    got = (await mesh.tenant.GetTenant(tenant_pb2.GetTenantRequest(**request))).tenant
    assert got == renewed

    for _ in range(2):  # idempotent until it is gone
        going = (await mesh.tenant.DeleteTenant(tenant_pb2.DeleteTenantRequest(**request))).tenant
        assert going.desired_state == tenant_pb2.DESIRED_STATE_DELETED
        assert going.observed_state == tenant_pb2.OBSERVED_STATE_DELETING
        assert going.desired_generation == 5
    await mesh.tenants.claim([made.tenant_id], HOST)
    assert await mesh.tenants.remove(made.tenant_id, HOST)
    for verb in ("Get", "Delete", "Start", "Stop", "Restart", "Update"):
        asking = getattr(tenant_pb2, f"{verb}TenantRequest")(**request)
        error = await _error(getattr(mesh.tenant, f"{verb}Tenant")(asking))
        assert error.reason is Reason.TENANT_NOT_FOUND, verb
        assert error.metadata == request


async def test_what_the_host_saw_is_shown(mesh: GatewayUnderTest) -> None:
    await mesh.add("a")
    changes = Observed(
        observed_state=ObservedState.RUNNING,
        observed_generation=1,
        account="+5215512345678",
        session_state="CONNECTED",
        address="127.0.0.1:3001",
        instance="abcd1234",
        epoch=3,
        pid=77,
        restarts=2,
        last_exit="signal 9",
    )
    await mesh.tenants.observe(HOST, [Observation("a", changes)])
    tenant = (await mesh.tenant.GetTenant(tenant_pb2.GetTenantRequest(tenant_id="a"))).tenant
    assert tenant.observed_state == tenant_pb2.OBSERVED_STATE_RUNNING
    assert tenant.observed_generation == 1
    assert tenant.phone_number == "+5215512345678"
    assert tenant.session_state == session_pb2.SESSION_STATE_CONNECTED
    assert tenant.address == "127.0.0.1:3001"
    assert (tenant.pid, tenant.restarts, tenant.last_exit) == (77, 2, "signal 9")
    assert tenant.home == HOST


@pytest.mark.parametrize("state", list(ObservedState))
async def test_every_observed_state_can_be_shown(
    mesh: GatewayUnderTest, state: ObservedState
) -> None:
    await mesh.add("a")
    await mesh.tenants.observe(HOST, [Observation("a", Observed(observed_state=state))])
    tenant = (await mesh.tenant.GetTenant(tenant_pb2.GetTenantRequest(tenant_id="a"))).tenant
    shown = tenant_pb2.ObservedState.Name(tenant.observed_state).removeprefix("OBSERVED_STATE_")
    assert shown == ("UNSPECIFIED" if state is ObservedState.UNOBSERVED else state)


@pytest.mark.parametrize(
    ("fields", "tenant_id", "name"),
    [
        ({"tenant_id": "shop-1"}, "shop-1", "shop-1"),
        ({"tenant_id": "shop-1", "name": "Café Ñandú"}, "shop-1", "Café Ñandú"),
        ({"name": "Café Ñandú & Hijos (2)"}, "cafe-nandu-hijos-2", "Café Ñandú & Hijos (2)"),
        ({"name": "x" * 200}, "x" * 63, "x" * 200),
    ],
)
async def test_ids_and_names(
    mesh: GatewayUnderTest, fields: dict[str, str], tenant_id: str, name: str
) -> None:
    made = await _create(mesh, **fields)
    assert (made.tenant_id, made.name) == (tenant_id, name)


async def test_a_tenant_made_stopped(mesh: GatewayUnderTest) -> None:
    made = await _create(mesh, tenant_id="a", stopped=True, bot_port=4567)
    assert made.desired_state == tenant_pb2.DESIRED_STATE_STOPPED
    assert made.bot_port == 4567
    error = await _error(mesh.bot.GetSession(bot_pb2.GetSessionRequest(tenant_id="a"), timeout=9))
    assert error.reason is Reason.TENANT_STOPPED


async def test_ports_are_given_out_and_kept_apart(mesh: GatewayUnderTest) -> None:
    assert [(await _create(mesh, tenant_id=tenant_id)).bot_port for tenant_id in "abc"] == [
        3001,
        3002,
        3003,
    ]
    taken = tenant_pb2.CreateTenantRequest(tenant_id="d", bot_port=3002)
    error = await _error(mesh.tenant.CreateTenant(taken))
    assert error.reason is Reason.PORT_TAKEN
    assert error.metadata["tenant_id"] == "b"
    moving = tenant_pb2.UpdateTenantRequest(tenant_id="a", bot_port=3002)
    assert (await _error(mesh.tenant.UpdateTenant(moving))).reason is Reason.PORT_TAKEN


async def test_a_tenant_is_made_once(mesh: GatewayUnderTest) -> None:
    await _create(mesh, tenant_id="a")
    error = await _error(mesh.tenant.CreateTenant(tenant_pb2.CreateTenantRequest(name="A")))
    assert error.reason is Reason.TENANT_EXISTS


async def test_update_changes_what_is_given(mesh: GatewayUnderTest) -> None:
    await _create(mesh, tenant_id="a", name="A")
    for fields in ({"name": "B"}, {"bot_port": 5678}, {}):
        answer = await mesh.tenant.UpdateTenant(
            tenant_pb2.UpdateTenantRequest(tenant_id="a", **fields)
        )
    assert answer.tenant.name == "B"
    assert answer.tenant.bot_port == 5678
    assert answer.tenant.desired_generation == 1


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (tenant_pb2.CreateTenantRequest(), ["name"]),
        (tenant_pb2.CreateTenantRequest(name="  "), ["name"]),
        (tenant_pb2.CreateTenantRequest(name="¿?"), ["tenant_id"]),
        (tenant_pb2.CreateTenantRequest(name="x" * 201), ["name"]),
        (tenant_pb2.CreateTenantRequest(name="a\nb"), ["name"]),
        (tenant_pb2.CreateTenantRequest(tenant_id="Shop"), ["tenant_id"]),
        (tenant_pb2.CreateTenantRequest(tenant_id="a" * 64), ["tenant_id"]),
        (tenant_pb2.CreateTenantRequest(tenant_id="a", bot_port=1023), ["bot_port"]),
        (tenant_pb2.CreateTenantRequest(tenant_id="a", bot_port=65536), ["bot_port"]),
        (tenant_pb2.CreateTenantRequest(tenant_id="a", bot_port=-1), ["bot_port"]),
        (
            tenant_pb2.CreateTenantRequest(tenant_id="A", name="\0", bot_port=1),
            ["bot_port", "name", "tenant_id"],
        ),
        (tenant_pb2.UpdateTenantRequest(), ["tenant_id"]),
        (
            tenant_pb2.UpdateTenantRequest(tenant_id="A", name="", bot_port=0),
            ["bot_port", "name", "tenant_id"],
        ),
        (tenant_pb2.GetTenantRequest(), ["tenant_id"]),
        (tenant_pb2.DeleteTenantRequest(tenant_id="../a"), ["tenant_id"]),
        (tenant_pb2.StartTenantRequest(tenant_id="a-"), ["tenant_id"]),
        (tenant_pb2.StopTenantRequest(tenant_id="a b"), ["tenant_id"]),
        (tenant_pb2.RestartTenantRequest(tenant_id="é"), ["tenant_id"]),
        (tenant_pb2.ListTenantsRequest(page_size=-1), ["page_size"]),
        (tenant_pb2.ListTenantsRequest(page_token="!"), ["page_token"]),
        (tenant_pb2.ListTenantsRequest(page_token="YSBi"), ["page_token"]),
    ],
    ids=str,
)
async def test_violations_name_every_field(
    mesh: GatewayUnderTest, request_: Message, fields: list[str]
) -> None:
    verb = type(request_).__name__.removesuffix("Request")
    error = await _error(getattr(mesh.tenant, verb)(request_))
    assert error.reason is Reason.INVALID_REQUEST
    assert sorted(violation.field for violation in error.violations) == fields
    assert all(violation.description for violation in error.violations)


async def test_bytes_that_are_no_request(mesh: GatewayUnderTest) -> None:
    call = mesh.channel.unary_unary("/botmesh.v1.TenantService/GetTenant")
    assert (await _error(call(b"\xff\xff", timeout=5))).reason is Reason.INVALID_REQUEST


async def test_pages(mesh: GatewayUnderTest) -> None:
    ids = [f"t{number:02}" for number in range(7)]
    for tenant_id in reversed(ids):
        await _create(mesh, tenant_id=tenant_id)
    found: list[list[str]] = []
    token = ""
    while True:
        request = tenant_pb2.ListTenantsRequest(page_size=3, page_token=token)
        page = await mesh.tenant.ListTenants(request)
        found.append([tenant.tenant_id for tenant in page.tenants])
        token = page.next_page_token
        if not token:
            break
    assert found == [ids[:3], ids[3:6], ids[6:]]
    everything = await mesh.tenant.ListTenants(tenant_pb2.ListTenantsRequest(page_size=5000))
    assert [tenant.tenant_id for tenant in everything.tenants] == ids


async def test_a_change_reaches_another_gateway_by_the_feed(mesh: GatewayUnderTest) -> None:
    await mesh.tenants.create("elsewhere")  # as another gateway would
    await eventually(lambda: "elsewhere" in mesh.gateway.resolver._tenants, within_s=1)


async def test_a_tenants_pace(mesh: GatewayUnderTest) -> None:
    pacing = tenant_pb2.Pacing(messages_per_minute=0, least_pause={}, most_pause={"seconds": 2})
    made = await _create(mesh, tenant_id="a", pacing=pacing)
    assert made.pacing == pacing
    request = tenant_pb2.UpdateTenantRequest(tenant_id="a", name="A")
    assert (await mesh.tenant.UpdateTenant(request)).tenant.pacing == pacing
    request.pacing.SetInParent()
    updated = (await mesh.tenant.UpdateTenant(request)).tenant
    assert (updated.pacing, updated.desired_generation) == (tenant_pb2.Pacing(), 2)


@pytest.mark.parametrize(
    ("pacing", "fields"),
    [
        ({"messages_per_minute": 10_001, "new_chats_per_day": -1}, ["messages_per_minute"]),
        ({"new_chats_per_day": 100_001}, ["new_chats_per_day"]),
        ({"least_pause": {"seconds": 2}, "most_pause": {"seconds": 1}}, ["most_pause"]),
        ({"least_pause": {}, "most_pause": {"seconds": 61}}, ["most_pause"]),
        ({"least_pause": {"nanos": -1}, "most_pause": {}}, ["least_pause"]),
        ({"least_pause": {"seconds": 2**62}, "most_pause": {"seconds": 60}}, ["least_pause"]),
        ({"most_pause": {"seconds": 1}}, ["least_pause"]),
    ],
)
async def test_paces_that_cannot_be(
    mesh: GatewayUnderTest, pacing: dict[str, Any], fields: list[str]
) -> None:
    pace = tenant_pb2.Pacing(**pacing)
    await mesh.add("a")
    for call in (
        mesh.tenant.CreateTenant(tenant_pb2.CreateTenantRequest(tenant_id="b", pacing=pace)),
        mesh.tenant.UpdateTenant(tenant_pb2.UpdateTenantRequest(tenant_id="a", pacing=pace)),
    ):
        error = await _error(call)
        assert error.reason is Reason.INVALID_REQUEST
        assert [v.field for v in error.violations][: len(fields)] == [f"pacing.{f}" for f in fields]
    assert (await mesh.tenants.get("a")).pacing == Pacing()


async def test_a_tenants_proxy_is_shown_without_its_password(mesh: GatewayUnderTest) -> None:
    url, shown = "socks5://ana:secret@proxy:1080", "socks5://ana@proxy:1080"
    made = await _create(mesh, tenant_id="a", proxy_url=url)
    named = tenant_pb2.UpdateTenantRequest(tenant_id="a", name="A")
    updated = (await mesh.tenant.UpdateTenant(named)).tenant
    got = (await mesh.tenant.GetTenant(tenant_pb2.GetTenantRequest(tenant_id="a"))).tenant
    (listed,) = (await mesh.tenant.ListTenants(tenant_pb2.ListTenantsRequest())).tenants
    assert {t.proxy_url for t in (made, updated, got, listed)} == {shown}
    assert (await mesh.tenants.get("a")).proxy_url == url
    without = tenant_pb2.UpdateTenantRequest(tenant_id="a", proxy_url="")
    updated = (await mesh.tenant.UpdateTenant(without)).tenant
    assert (updated.proxy_url, updated.desired_generation) == ("", 2)


async def test_a_proxy_that_cannot_be_is_one_violation_among_others(mesh: GatewayUnderTest) -> None:
    await mesh.add("a")
    wrong = {"tenant_id": "a", "bot_port": 1, "proxy_url": "ftp://ana:secret@proxy"}
    for call in (
        mesh.tenant.CreateTenant(tenant_pb2.CreateTenantRequest(**wrong)),
        mesh.tenant.UpdateTenant(tenant_pb2.UpdateTenantRequest(**wrong)),
    ):
        error = await _error(call)
        assert error.reason is Reason.INVALID_REQUEST
        assert [violation.field for violation in error.violations] == ["bot_port", "proxy_url"]
        assert "secret" not in f"{error} {error.violations}"
    assert (await mesh.tenants.get("a")).proxy_url == ""
