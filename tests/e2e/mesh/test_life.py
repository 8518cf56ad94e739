"""A mesh from its first start to its end: what stays, what comes back, what is left behind."""

import os
import signal

import grpc
import psutil
import pytest

from botmesh.v1 import (
    CreateTenantRequest,
    DeleteTenantRequest,
    ObservedState,
    RestartTenantRequest,
    StartTenantRequest,
    StopTenantRequest,
)
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = pytest.mark.e2e

CUSTOMER = "+5215587654321"
NORTE, MUNDO = EXAMPLES


def test_everything_stops_and_the_next_start_needs_no_qr(mesh: Mesh) -> None:
    printed = mesh.output.read_text()
    discovery = "Consul at" if mesh.consul else "embedded"
    for words in (
        f"Discovery: {discovery}",
        mesh.address,
        *EXAMPLES,
        "sandbox scan",
        "grpcurl",
    ):
        assert words in printed
    assert mesh.stop(signal.SIGINT) == 0
    assert mesh.processes() == []
    mesh.start()
    for tenant_id in EXAMPLES:
        eventually(lambda tenant_id=tenant_id: _connected(mesh, tenant_id))
    assert mesh.send(MUNDO, CUSTOMER, "otra vez").whatsapp_id


def test_a_second_mesh_on_the_same_port_says_so(mesh: Mesh, new_mesh: Mesh) -> None:
    printed = new_mesh.run(
        "up", "--sandbox", "--gateway-port", str(mesh.port), "--mesh", new_mesh.name, status=1
    )
    assert f"cannot listen on 127.0.0.1:{mesh.port}" in printed
    assert new_mesh.processes() == []


def test_messages_go_both_ways(mesh: Mesh) -> None:
    phone = "+5215587650001"
    mesh.send(MUNDO, phone, "¿Qué tal? 🙂")
    (message,) = mesh.inbox(phone, 1)
    assert (message.text, message.sender) == ("¿Qué tal? 🙂", mesh.tenant(MUNDO).phone_number)
    mesh.run("sandbox", "write", phone, message.sender, "Bien, gracias")
    eventually(lambda: "Bien, gracias" in mesh.run("events", MUNDO))


def test_a_killed_botnode_is_back_and_nobody_else_notices(mesh: Mesh) -> None:
    phone = "+5215587650002"
    other = mesh.tenant(NORTE)
    killed = mesh.tenant(MUNDO).pid
    os.kill(killed, signal.SIGKILL)
    message = mesh.send(MUNDO, phone, "sigo aquí", timeout=LIMIT_S)  # one call, held meanwhile
    assert message.whatsapp_id
    assert [m.text for m in mesh.inbox(phone, 1)] == ["sigo aquí"]
    again = mesh.tenant(MUNDO)
    assert again.pid != killed
    assert again.restarts >= 1
    assert "signal 9" in again.last_exit
    assert (mesh.tenant(NORTE).pid, mesh.tenant(NORTE).restarts) == (other.pid, other.restarts)


def test_a_killed_host_is_replaced_and_no_botnode_is_orphaned(mesh: Mesh) -> None:
    (host,) = mesh.processes_of("botnode.host")
    botnodes = mesh.botnodes()
    host.kill()
    eventually(lambda: not [p for p in botnodes if psutil.pid_exists(p)])
    for tenant_id in EXAMPLES:
        eventually(lambda tenant_id=tenant_id: _connected(mesh, tenant_id))
    assert len(mesh.botnodes()) == 2


def test_a_killed_gateway_is_replaced(mesh: Mesh) -> None:
    (gateway,) = mesh.processes_of("gateway")
    gateway.kill()
    eventually(lambda: _connected(mesh, MUNDO))


def test_verbs_take_effect_while_the_host_runs(mesh: Mesh) -> None:
    def state() -> int:
        found = mesh.tenant("tienda")
        current = found.observed_generation >= found.desired_generation
        return found.observed_state if current else 0

    mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id="tienda", name="Tienda"))
    eventually(lambda: state() == ObservedState.OBSERVED_STATE_RUNNING)
    mesh.tenants.StopTenant(StopTenantRequest(tenant_id="tienda"))
    eventually(lambda: state() == ObservedState.OBSERVED_STATE_STOPPED)
    with pytest.raises(grpc.RpcError) as caught:
        mesh.send("tienda", CUSTOMER, "nadie")
    assert "TENANT_STOPPED" in str(caught.value.trailing_metadata())
    mesh.tenants.StartTenant(StartTenantRequest(tenant_id="tienda"))
    eventually(lambda: state() == ObservedState.OBSERVED_STATE_RUNNING)
    before = mesh.tenant("tienda").pid
    mesh.tenants.RestartTenant(RestartTenantRequest(tenant_id="tienda"))
    eventually(lambda: mesh.tenant("tienda").pid not in (0, before))
    folder = mesh.folder / "tenants" / "tienda"
    assert folder.is_dir()
    mesh.run("tenant", "rm", "tienda", "--yes")
    assert folder.is_dir()
    mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id="tienda", name="Tienda"))
    eventually(lambda: state() == ObservedState.OBSERVED_STATE_RUNNING)
    mesh.tenants.DeleteTenant(DeleteTenantRequest(tenant_id="tienda", delete_data=True))
    eventually(lambda: not folder.exists())


def test_nothing_is_left_when_up_itself_is_killed(mesh: Mesh) -> None:
    """The last test of the file: it ends the mesh that the others share."""
    assert len(mesh.botnodes()) >= len(EXAMPLES)
    mesh.process.kill()
    mesh.process.wait()
    eventually(lambda: not mesh.processes())


def _connected(mesh: Mesh, tenant_id: str) -> bool:
    try:
        return mesh.is_connected(tenant_id)
    except grpc.RpcError:
        return False
