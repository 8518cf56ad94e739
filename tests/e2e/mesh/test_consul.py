"""A whole mesh while its Consul agent is away, and when it comes back."""

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from botmesh.errors import Reason, from_rpc_error
from tests.e2e.mesh.harness import EXAMPLES, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["consul"], indirect=True, scope="module"),
]

CUSTOMER = "+5215587659001"
NORTE, MUNDO = EXAMPLES


def test_calls_go_on_without_consul_and_it_is_told_all_when_it_is_back(mesh: Mesh) -> None:
    assert mesh.consul is not None
    before = {tenant_id: mesh.session(tenant_id) for tenant_id in EXAMPLES}
    mesh.consul.kill()
    for tenant_id in EXAMPLES:
        mesh.send(tenant_id, CUSTOMER, "sin Consul")
    for forget in (False, True):
        if forget:
            mesh.consul.kill()
            mesh.consul.forget()
        mesh.consul.start()
        eventually(lambda: _announced(mesh) == set(EXAMPLES), 30)
        mesh.send(MUNDO, CUSTOMER, "con Consul")
    after = {tenant_id: mesh.session(tenant_id) for tenant_id in EXAMPLES}
    for session in (*before.values(), *after.values()):
        session.ClearField("last_heard_time")
        session.ClearField("pacing")
    assert after == before  # the same processes, connected all the time


def test_a_gateway_that_starts_without_consul_says_so_and_recovers(mesh: Mesh) -> None:
    assert mesh.consul is not None
    mesh.consul.kill()
    (gateway,) = mesh.processes_of("gateway")
    gateway.kill()
    eventually(lambda: _health(mesh) == health_pb2.HealthCheckResponse.NOT_SERVING)
    with pytest.raises(grpc.RpcError) as caught:
        mesh.session(MUNDO)
    error = from_rpc_error(caught.value)
    assert error is not None
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    mesh.consul.start()
    eventually(lambda: _health(mesh) == health_pb2.HealthCheckResponse.SERVING, 30)
    eventually(lambda: _reached(mesh), 30)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_up_starts_an_agent_of_its_own_that_ends_with_it(new_mesh: Mesh, how: str) -> None:
    assert new_mesh.consul is not None
    del new_mesh.env["CONSUL_HTTP_ADDR"]
    new_mesh.env["PATH"] += f":{Path(new_mesh.consul.binary).parent}"
    new_mesh.start()
    (line,) = re.findall("^Discovery: .*", new_mesh.output.read_text(), re.MULTILINE)
    url = re.search("http://[0-9.:]+", line)
    assert "started here" in line
    assert url is not None
    with urllib.request.urlopen(f"{url.group()}/ui/", timeout=5) as page:
        assert b"Consul" in page.read()
    new_mesh.pair(MUNDO, "+5215512350009")
    if how == "stopped":
        assert new_mesh.stop() == 0
    else:
        assert new_mesh.process is not None
        new_mesh.process.kill()
        new_mesh.process.wait()
    eventually(lambda: not _answers(f"{url.group()}/ui/"), 10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (OSError, http.client.HTTPException):  # refused, or cut off while it ends
        return False


def _announced(mesh: Mesh) -> set[str]:
    """The tenants whose process passes its check, as Consul's UI shows them."""
    assert mesh.consul is not None
    return {
        entry["Service"]["Meta"]["tenant_id"]
        for entry in mesh.consul.entries()
        if all(check["Status"] == "passing" for check in entry["Checks"])
    }


def _health(mesh: Mesh) -> int:
    with grpc.insecure_channel(mesh.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=2).status)
        except grpc.RpcError:
            return 0


def _reached(mesh: Mesh) -> bool:
    try:
        return mesh.is_connected(MUNDO)
    except grpc.RpcError:
        return False
