"""What an operator does with a tenant's outbox, typed as operators type it."""

import json
import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from botmesh.sandbox import v1 as sandbox
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

NORTE, MUNDO = EXAMPLES


@pytest.fixture
def customer() -> str:
    """A customer whom no other test writes to."""
    return f"+52155{secrets.randbelow(10**8):08}"


@pytest.fixture
def line_down(mesh: Mesh) -> Iterator[None]:
    """The tenants' lines to WhatsApp are cut until the test ends it or is over."""
    fault = sandbox.Fault(refuse_connections=sandbox.RefuseConnections())
    mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault))
    mesh.phones.DropConnections(sandbox.DropConnectionsRequest())
    eventually(lambda: not mesh.is_connected(MUNDO))
    yield
    _line_up(mesh)


def _line_up(mesh: Mesh) -> None:
    mesh.phones.ClearFaults(sandbox.ClearFaultsRequest())
    eventually(lambda: mesh.is_connected(MUNDO) and mesh.is_connected(NORTE))


def _json(mesh: Mesh, *arguments: str) -> list[Any]:
    return [json.loads(line) for line in mesh.run("--json", *arguments).splitlines()]


def _send(mesh: Mesh, *arguments: str) -> dict[str, Any]:
    (message,) = _json(mesh, "send", MUNDO, *arguments)
    return dict(message)


def _state(mesh: Mesh, message_id: str) -> str:
    (found,) = _json(mesh, "message", message_id, "--tenant", MUNDO)
    return str(found["message"]["state"]).removeprefix("MESSAGE_STATE_")


def test_a_message_waits_for_the_line_and_goes_out_once(
    mesh: Mesh, line_down: None, customer: str
) -> None:
    request_id = str(uuid.uuid4())
    refused = mesh.run("--timeout", "2", "send", MUNDO, customer, "ahora", status=3)
    assert "SESSION_DISCONNECTED" in refused
    assert f"botmesh session {MUNDO}" in refused
    message = _send(mesh, customer, "luego", "--queue", "--request-id", request_id)
    assert message["state"] == "MESSAGE_STATE_QUEUED"
    assert message["delivery"] == "DELIVERY_QUEUE"
    listed = mesh.run("messages", MUNDO, "--state", "queued", "--to", customer)
    assert message["message_id"] in listed
    assert "luego" in listed
    _line_up(mesh)
    (received,) = mesh.inbox(customer, 1)
    assert received.text == "luego"
    eventually(lambda: _state(mesh, request_id) == "DELIVERED")
    shown = mesh.run("message", request_id)  # nobody says whose it is
    states = [line.split()[1] for line in shown.splitlines() if line.startswith("20")]
    assert states == ["QUEUED", "SENDING", "SENT", "DELIVERED"]
    again = _send(mesh, customer, "luego", "--queue", "--request-id", request_id)
    assert again["message_id"] == message["message_id"]
    assert len(mesh.inbox(customer, 1)) == 1


def test_a_message_that_is_taken_back_or_too_old_never_goes_out(
    mesh: Mesh, line_down: None, customer: str
) -> None:
    request_id = str(uuid.uuid4())
    cancelled = _send(mesh, customer, "no", "--queue", "--request-id", request_id)
    late = _send(mesh, customer, "tarde", "--queue", "--expires-in", "1s")
    assert "MESSAGE_CANCELLED" in mesh.run("cancel", MUNDO, request_id)
    assert "MESSAGE_CANCELLED" in mesh.run("cancel", MUNDO, cancelled["message_id"])  # again
    eventually(lambda: _state(mesh, late["message_id"]) == "FAILED")
    listed = _json(mesh, "messages", MUNDO, "--state", "FAILED", "--to", customer)
    assert [message["reason"] for message in listed] == ["MESSAGE_EXPIRED", "MESSAGE_CANCELLED"]
    assert _json(mesh, "messages", MUNDO, "--to", customer, "--before", "1h") == []
    _line_up(mesh)
    _send(mesh, customer, "sí")
    assert [message.text for message in mesh.inbox(customer, 1)] == ["sí"]


def test_a_message_that_whatsapps_library_has_cannot_be_taken_back(
    mesh: Mesh, customer: str
) -> None:
    hold = sandbox.HoldAcknowledgement()
    hold.delay.FromSeconds(3)
    fault = sandbox.Fault(hold_acknowledgement=hold, recipient=customer, times=1)
    mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault))
    request_id = str(uuid.uuid4())
    printed = mesh.run("--timeout", "1", "send", MUNDO, customer, "ya", "--request-id", request_id)
    assert "SENDING" in printed
    assert f"botmesh message {_id_of(mesh, request_id)}" in printed
    refused = mesh.run("cancel", MUNDO, request_id, status=1)
    assert "MESSAGE_NOT_CANCELLABLE" in refused
    eventually(lambda: _state(mesh, request_id) == "DELIVERED")


def test_a_message_of_a_stopped_tenant_is_not_called_missing(mesh: Mesh, customer: str) -> None:
    message_id = _send(mesh, customer, "hola")["message_id"]
    mesh.run("tenant", "stop", MUNDO)
    try:
        said = mesh.run("message", message_id, status=3)
        assert f"{MUNDO} (TENANT_STOPPED)" in said
        said = mesh.run("message", message_id, "--tenant", MUNDO, status=1)
        assert f"botmesh tenant start {MUNDO}" in said
    finally:
        mesh.run("tenant", "start", MUNDO)
        eventually(lambda: mesh.is_connected(MUNDO), LIMIT_S)
    assert message_id in mesh.run("message", message_id)


def test_a_message_that_nobody_has(mesh: Mesh) -> None:
    assert "MESSAGE_NOT_FOUND" in mesh.run("message", str(uuid.uuid4()), status=1)
    assert "MESSAGE_NOT_FOUND" in mesh.run("cancel", MUNDO, str(uuid.uuid4()), status=1)


def _id_of(mesh: Mesh, request_id: str) -> str:
    (found,) = _json(mesh, "message", request_id, "--tenant", MUNDO)
    return str(found["message"]["message_id"])
