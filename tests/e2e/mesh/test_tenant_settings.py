"""A tenant's pace and proxy, set as operators set them, kept by its botnode."""

import json
import re
import secrets
from collections.abc import Iterator

import grpc
import pytest

from botmesh.errors import Reason, from_rpc_error
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import Delivery, MessageState
from sandbox import addresses
from tests.e2e.mesh.harness import EXAMPLES, Mesh, eventually
from tests.proxies import USER, Proxies
from tests.spawning import SPAWN

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

NOW, QUEUE = Delivery.DELIVERY_NOW, Delivery.DELIVERY_QUEUE
TENANT = EXAMPLES[0]


@pytest.fixture
def customers() -> list[str]:
    return [f"+52155{secrets.randbelow(10**8):08}" for _ in range(4)]


@pytest.fixture(autouse=True)
def as_before(mesh: Mesh) -> Iterator[None]:
    yield
    update(mesh, "--usual-pace", "--no-proxy")


def update(mesh: Mesh, *options: str, given: str = "") -> None:
    """Change it, and wait for the botnode that keeps to it."""
    mesh.run("tenant", "update", TENANT, *options, given=given)
    eventually(lambda: _is_as_wanted(mesh))
    eventually(lambda: mesh.is_connected(TENANT))


def _is_as_wanted(mesh: Mesh) -> bool:
    tenant = mesh.tenant(TENANT)
    return tenant.observed_generation == tenant.desired_generation


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
    for customer, delivery in zip(customers, (QUEUE, QUEUE, NOW), strict=False):
        sent = mesh.send(TENANT, customer, "hola", delivery=delivery)
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


def test_a_proxy(mesh: Mesh, customers: list[str]) -> None:
    sandbox_proxy = addresses.read(mesh.folder / "sandbox").proxy_url
    with Proxies(sandbox_proxy) as proxies:
        update(mesh, "--proxy", "-", given=proxies.url("http"))
        mesh.send(TENANT, customers[0], "through it")
        assert proxies.asked == ["http web.whatsapp.com:443"]
        shown = f"http://{USER}@127.0.0.1:{proxies.http}"
        assert mesh.tenant(TENANT).proxy_url == shown
        assert re.search(f"proxy +{shown} *$", mesh.run("tenant", "show", TENANT), re.MULTILINE)
        told = {"environment of botnode"} if SPAWN == "exec" else set()
        assert _places_of(mesh, "s3cr3t") == {"registry.db", *told}
        # No other tenant has it.
        assert len(proxies.asked) == 1
        update(mesh, "--no-proxy")
    assert mesh.tenant(TENANT).proxy_url == ""
    mesh.send(TENANT, customers[0], "without it")


def test_a_proxy_elsewhere_is_refused_in_a_sandbox(mesh: Mesh) -> None:
    refused = mesh.run(
        *("tenant", "update", TENANT, "--proxy", "http://ana:s3cr3t@192.0.2.1:1"), status=1
    )
    words = "proxy_url: must be on this machine's loopback in a sandbox (INVALID_REQUEST)"
    assert refused == f"botmesh: {words}\n"
    added = mesh.run("tenant", "add", "new", "--proxy", "-", given="http://a:b@192.0.2.1", status=1)
    assert words in added
    assert mesh.tenant(TENANT).proxy_url == ""


def _places_of(mesh: Mesh, secret: str) -> set[str]:
    """Where a secret stands: in files of the mesh, its output, its processes, its events."""
    found = set()
    for path in [*mesh.folder.rglob("*"), mesh.output]:
        if path.is_file() and secret.encode() in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0, path
            found.add(re.sub(r"-(wal|shm)$", "", path.name))
    for process in mesh.processes():
        module = process.cmdline()[2]
        found |= {f"arguments of {module}" for text in process.cmdline() if secret in text}
        found |= {f"environment of {module}" for v in process.environ().values() if secret in v}
    if secret in mesh.run("--json", "events", TENANT):
        found.add("events")
    return found
