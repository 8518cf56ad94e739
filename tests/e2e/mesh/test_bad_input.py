"""Bad input and bad circumstances: a typed error or a clear end, and everything else goes on."""

import os
import secrets
import signal
import socket
import sqlite3
from pathlib import Path
from typing import Any

import grpc
import pytest

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    BotServiceStub,
    CreateTenantRequest,
    DeleteTenantRequest,
    GetSessionRequest,
    MessageState,
    ObservedState,
    SessionState,
    StopTenantRequest,
    StreamQRRequest,
)
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

PHONE = "+5215587660001"
NORTE, MUNDO = EXAMPLES


@pytest.fixture
def unpaired(mesh: Mesh) -> Any:
    """A tenant of this test alone, running and not paired."""
    tenant_id = f"t-{secrets.token_hex(4)}"
    mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id=tenant_id))
    eventually(lambda: mesh.tenant(tenant_id).session_state == SessionState.SESSION_STATE_UNPAIRED)
    yield tenant_id
    mesh.tenants.DeleteTenant(DeleteTenantRequest(tenant_id=tenant_id, delete_data=True))


def _refused(mesh: Mesh, tenant_id: str, to: str, text: str, **more: Any) -> MeshError:
    with pytest.raises(grpc.RpcError) as caught:
        mesh.send(tenant_id, to, text, **more)
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


@pytest.mark.parametrize(
    ("tenant_id", "to", "text", "reason", "field"),
    [
        ("nobody", PHONE, "hola", Reason.TENANT_NOT_FOUND, None),
        ("", PHONE, "hola", Reason.INVALID_REQUEST, "tenant_id"),
        ("../etc", PHONE, "hola", Reason.INVALID_REQUEST, "tenant_id"),
        (MUNDO, "", "hola", Reason.RECIPIENT_INVALID, "to"),
        (MUNDO, "hello", "hola", Reason.RECIPIENT_INVALID, "to"),
        (MUNDO, "+12", "hola", Reason.RECIPIENT_INVALID, "to"),
        (MUNDO, "5@evil.example", "hola", Reason.RECIPIENT_INVALID, "to"),
        (MUNDO, PHONE, "", Reason.INVALID_REQUEST, "content.text.body"),
        (MUNDO, PHONE, " \n\t", Reason.INVALID_REQUEST, "content.text.body"),
        (MUNDO, PHONE, "x" * 100_000, Reason.INVALID_REQUEST, "content.text.body"),
    ],
)
def test_a_bad_request_names_its_field(
    mesh: Mesh, tenant_id: str, to: str, text: str, reason: Reason, field: str | None
) -> None:
    error = _refused(mesh, tenant_id, to, text)
    assert error.reason is reason
    assert [violation.field for violation in error.violations] == ([field] if field else [])


def test_a_bad_request_id_is_named(mesh: Mesh) -> None:
    error = _refused(mesh, MUNDO, PHONE, "hola", request_id="not-a-uuid")
    assert [violation.field for violation in error.violations] == ["request_id"]


def test_the_longest_text_goes_through(mesh: Mesh) -> None:
    phone = "+5215587660002"
    text = "ñ" * 65_536
    mesh.send(MUNDO, phone, text)
    assert [message.text for message in mesh.inbox(phone, 1)] == [text]


def test_a_number_without_whatsapp_is_told(mesh: Mesh) -> None:
    phone = "+5215587660003"
    mesh.run("sandbox", "set", phone, "--no-on-whatsapp")
    assert _refused(mesh, MUNDO, phone, "hola").reason is Reason.RECIPIENT_NOT_ON_WHATSAPP


def test_an_unpaired_and_a_stopped_tenant_are_told(mesh: Mesh, unpaired: str) -> None:
    assert _refused(mesh, unpaired, PHONE, "hola").reason is Reason.SESSION_NOT_PAIRED
    mesh.tenants.StopTenant(StopTenantRequest(tenant_id=unpaired))
    eventually(lambda: not mesh.tenant(unpaired).pid)
    assert _refused(mesh, unpaired, PHONE, "hola").reason is Reason.TENANT_STOPPED


@pytest.mark.parametrize("whose", ["gateway", "botnode"])
def test_garbage_on_a_port_hurts_nobody(mesh: Mesh, whose: str) -> None:
    address = mesh.address if whose == "gateway" else mesh.tenant(MUNDO).address
    host, _, port = address.rpartition(":")
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, secrets.token_bytes(65536)):
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(garbage)
    assert mesh.is_connected(MUNDO)


def test_a_botnode_takes_no_calls_from_who_lacks_the_secret(mesh: Mesh) -> None:
    stub = BotServiceStub(mesh.channel(mesh.tenant(MUNDO).address))
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetSession(GetSessionRequest(tenant_id=MUNDO), timeout=5)
    error = from_rpc_error(caught.value)
    assert error is not None
    assert error.reason is Reason.UNAUTHENTICATED


def test_a_message_never_leaves_from_another_tenants_number(mesh: Mesh) -> None:
    """The registry is made to lie: each tenant's address is the other's."""
    phone = "+5215587660004"
    addresses = {tenant_id: mesh.tenant(tenant_id).address for tenant_id in EXAMPLES}
    _set_addresses(mesh, {NORTE: addresses[MUNDO], MUNDO: addresses[NORTE]})
    eventually(lambda: not _is_reached(mesh, MUNDO))
    error = _refused(mesh, MUNDO, phone, "de mundo", timeout=2)
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    _set_addresses(mesh, addresses)
    message = mesh.send(MUNDO, phone, "de mundo")
    assert message.state >= MessageState.MESSAGE_STATE_SENT
    found = mesh.inbox(phone, 1)
    assert [(m.text, m.sender) for m in found] == [("de mundo", mesh.tenant(MUNDO).phone_number)]


def test_all_who_watch_a_pairing_go_on_when_its_botnode_is_killed(
    mesh: Mesh, unpaired: str
) -> None:
    watch = StreamQRRequest(tenant_id=unpaired)
    streams = [mesh.bots.StreamQR(watch, timeout=LIMIT_S) for _ in range(5)]
    (first,) = {next(stream).code.code for stream in streams}
    os.kill(mesh.tenant(unpaired).pid, signal.SIGKILL)
    (second,) = {next(stream).code.code for stream in streams}
    streams.append(mesh.bots.StreamQR(watch, timeout=LIMIT_S))
    assert first != second == next(streams[-1]).code.code
    mesh.phones.Scan(sandbox.ScanRequest(phone="+5215587660006", code=second))
    assert [step.paired.phone_number for steps in streams for step in steps] == [
        "+5215587660006"
    ] * 6


def test_a_damaged_store_stops_that_tenant_alone(mesh: Mesh, unpaired: str) -> None:
    mesh.pair(unpaired, "+5215587660005")
    mesh.run("tenant", "stop", unpaired)
    store = mesh.folder / "tenants" / unpaired / "auth_info" / "session.db"
    intact = _replace(store, b"this is no database" * 500)
    mesh.run("tenant", "start", unpaired, "--no-wait")
    eventually(lambda: mesh.tenant(unpaired).observed_state == ObservedState.OBSERVED_STATE_FAILED)
    assert "session.db" in mesh.tenant(unpaired).last_exit + _log(mesh, unpaired)
    assert mesh.is_connected(MUNDO)
    _replace(store, intact)
    mesh.run("tenant", "restart", unpaired)
    eventually(lambda: mesh.is_connected(unpaired))


def test_a_taken_port_is_no_obstacle_under_a_host(mesh: Mesh) -> None:
    tenant_id = f"t-{secrets.token_hex(4)}"
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id=tenant_id, bot_port=port))
        eventually(lambda: mesh.tenant(tenant_id).address)
        assert mesh.tenant(tenant_id).address != f"127.0.0.1:{port}"
        assert mesh.session(tenant_id).tenant_id == tenant_id
    mesh.tenants.DeleteTenant(DeleteTenantRequest(tenant_id=tenant_id, delete_data=True))


def test_a_folder_that_cannot_be_written_fails_that_tenant_alone(mesh: Mesh) -> None:
    tenant_id = f"t-{secrets.token_hex(4)}"
    obstacle = mesh.folder / "tenants" / tenant_id
    obstacle.write_text("a file where the folder should be")
    mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id=tenant_id))
    eventually(lambda: mesh.tenant(tenant_id).observed_state == ObservedState.OBSERVED_STATE_FAILED)
    assert mesh.is_connected(MUNDO)
    mesh.tenants.DeleteTenant(DeleteTenantRequest(tenant_id=tenant_id))
    obstacle.unlink()


def test_no_secret_and_no_text_is_in_any_log_or_process_list(mesh: Mesh) -> None:
    marker = f"secreto {secrets.token_hex(8)}"
    mesh.send(MUNDO, PHONE, marker)
    secret = (mesh.folder / "mesh.secret").read_text()
    number = mesh.tenant(MUNDO).phone_number
    for log in (mesh.folder / "logs").iterdir():
        text = log.read_text()
        for hidden in (marker, secret, number.lstrip("+")):
            assert hidden not in text, log.name
    for process in mesh.processes():
        assert secret not in " ".join(process.cmdline())


def test_a_tenants_files_are_its_users_alone(mesh: Mesh) -> None:
    for path in mesh.folder.rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o077 == 0, path


def _is_reached(mesh: Mesh, tenant_id: str) -> bool:
    try:
        request = GetSessionRequest(tenant_id=tenant_id)
        return bool(mesh.bots.GetSession(request, timeout=0.2).session.tenant_id)
    except grpc.RpcError:
        return False


def _set_addresses(mesh: Mesh, addresses: dict[str, str]) -> None:
    with sqlite3.connect(mesh.folder / "registry.db", timeout=10) as database:
        for tenant_id, address in addresses.items():
            database.execute("UPDATE registry SET updated_seq = updated_seq + 1")
            database.execute(
                "UPDATE tenants SET address = ?, updated_seq = (SELECT updated_seq FROM registry)"
                " WHERE tenant_id = ?",
                (address, tenant_id),
            )
    database.close()


def _replace(path: Path, content: bytes) -> bytes:
    before = path.read_bytes()
    path.write_bytes(content)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return before


def _log(mesh: Mesh, tenant_id: str) -> str:
    return (mesh.folder / "logs" / f"{tenant_id}.log").read_text()
