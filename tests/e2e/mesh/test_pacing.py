"""A tenant's pace, set as operators set it, kept by its botnode."""

import json
import re
import secrets
from collections.abc import Iterator

import grpc
import pytest

from botmesh.errors import Reason, from_rpc_error
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import Delivery, MessageState
from tests.e2e.mesh.harness import EXAMPLES, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

QUEUE = Delivery.DELIVERY_QUEUE
TENANT = EXAMPLES[0]


@pytest.fixture
def customers() -> list[str]:
    return [f"+52155{secrets.randbelow(10**8):08}" for _ in range(4)]


@pytest.fixture(autouse=True)
def as_before(mesh: Mesh) -> Iterator[None]:
    yield
    mesh.run("tenant", "update", TENANT, "--usual-pace")


def update(mesh: Mesh, *options: str) -> None:
    """Change the pace, and wait for the botnode that keeps to it."""
    before = mesh.session(TENANT).instance
    mesh.run("tenant", "update", TENANT, *options)
    eventually(lambda: mesh.session(TENANT).instance != before)
    eventually(lambda: mesh.is_connected(TENANT))


def write(mesh: Mesh, phone: str, to: str) -> None:
    request = sandbox.WriteMessageRequest(phone=phone, to=to, text="buenas")
    mesh.phones.WriteMessage(request, timeout=10)


def reason_of(mesh: Mesh, to: str) -> tuple[Reason, float]:
    """Why a message that is to go out now is refused, and for how many seconds."""
    with pytest.raises(grpc.RpcError) as caught:
        mesh.send(TENANT, to, "now")
    error = from_rpc_error(caught.value)
    assert error is not None
    assert error.retry_after is not None
    return error.reason, error.retry_after.total_seconds()


def test_messages_a_minute(mesh: Mesh, customers: list[str]) -> None:
    update(mesh, "--messages-per-minute", "3", "--pause", "0", "0.1")
    assert "3 messages a minute, pauses of 0 to 0.1 s" in mesh.run("tenant", "show", TENANT)
    for customer in customers[:3]:
        sent = mesh.send(TENANT, customer, "hola", delivery=QUEUE)
        assert sent.state >= MessageState.MESSAGE_STATE_SENT
    # The caller of one that has to wait is let go at once.
    waiting = mesh.send(TENANT, customers[3], "later", timeout=60, delivery=QUEUE)
    assert waiting.state == MessageState.MESSAGE_STATE_QUEUED
    reason, wait_s = reason_of(mesh, customers[0])
    assert reason is Reason.RATE_LIMITED
    assert 40 < wait_s <= 60
    shown = mesh.run("session", TENANT)
    assert re.search(r"pace\s+3 messages a minute; nothing before 20", shown)
    update(mesh, "--messages-per-minute", "0")
    assert [m.text for m in mesh.inbox(customers[3], 1)] == ["later"]


def test_new_chats(mesh: Mesh, customers: list[str]) -> None:
    first, second, third, fourth = customers
    begun = mesh.session(TENANT).pacing.new_chats
    update(mesh, "--new-chats-per-day", str(begun + 1))
    mesh.send(TENANT, first, "begins a chat")
    waiting = mesh.send(TENANT, second, "waits for them", timeout=60, delivery=QUEUE)
    assert waiting.state == MessageState.MESSAGE_STATE_QUEUED
    assert reason_of(mesh, third)[0] is Reason.RATE_LIMITED
    mesh.send(TENANT, first, "goes on")
    pacing = json.loads(mesh.run("--json", "session", TENANT))["pacing"]
    assert (pacing["new_chats"], pacing["new_chats_reason"]) == (begun + 1, "RATE_LIMITED")
    assert "new_chats_resume_time" in pacing
    number = mesh.session(TENANT).phone_number
    write(mesh, second, number)  # whoever wrote first is answered
    assert mesh.inbox(second, 2)[-1].text == "waits for them"
    write(mesh, fourth, number)
    eventually(lambda: _goes(mesh, fourth))


def _goes(mesh: Mesh, to: str) -> bool:
    """Whether a message goes out: what they wrote may be on its way still."""
    try:
        mesh.send(TENANT, to, "an answer")
    except grpc.RpcError:
        return False
    return True
