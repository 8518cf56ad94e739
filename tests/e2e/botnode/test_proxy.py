"""A tenant's own proxy, with the real library."""

from collections.abc import Iterator
from contextlib import closing

import grpc
import pytest

from botmesh.sandbox.v1.sandbox_pb2_grpc import SandboxServiceStub
from botmesh.v1 import message_pb2, session_pb2
from sandbox.launch import RunningSandbox
from tests.e2e.botnode.node import Control, Node, eventually
from tests.proxies import PASSWORD, Proxies

pytestmark = pytest.mark.e2e

PHONE = "+5215512777001"
WRONG = "ana:wr0ng-p%40ss"


@pytest.fixture(scope="module")
def proxies(running_sandbox: RunningSandbox) -> Iterator[Proxies]:
    with Proxies(running_sandbox.addresses.proxy_url) as proxies:
        yield proxies


@pytest.fixture(scope="module")
def node(
    running_sandbox: RunningSandbox, proxies: Proxies, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """A botnode that was paired through the HTTP proxy, and is stopped."""
    folder = tmp_path_factory.mktemp("proxy") / "mesh"
    node = Node(folder, "shop", running_sandbox.environment())
    with closing(node):
        node.start(BOTMESH_PROXY_URL=proxies.url("http"))
        with grpc.insecure_channel(running_sandbox.addresses.control_address) as channel:
            Control(SandboxServiceStub(channel)).pair(node, PHONE)
        node.wait_state("CONNECTED")
        assert set(proxies.asked) == {"http web.whatsapp.com:443"}
        node.terminate()
        yield node


@pytest.fixture(autouse=True)
def stopped(node: Node) -> Iterator[None]:
    yield
    node.terminate()
    log = node.log.read_text()
    for secret in (PASSWORD, "s3cr3t", "wr0ng"):
        assert secret not in log


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_all_goes_through_it(
    node: Node,
    control: Control,
    proxies: Proxies,
    customer: str,
    running_sandbox: RunningSandbox,
    scheme: str,
) -> None:
    proxies.asked.clear()
    node.start(BOTMESH_PROXY_URL=proxies.url(scheme))
    node.wait_state("CONNECTED")
    node.send(customer, "hola")
    assert [m.text for m in control.inbox(customer)] == ["hola"]
    sandbox_proxy = running_sandbox.addresses.proxy_url.removeprefix("http://")
    place = {"http": "web.whatsapp.com:443", "socks5": sandbox_proxy}[scheme]
    assert set(proxies.asked) == {f"{scheme} {place}"}
    document = message_pb2.DocumentContent(
        media=message_pb2.Media(data=scheme.encode()), file_name="lista.txt"
    )
    node.send(customer, message_pb2.MessageContent(document=document))
    assert set(proxies.asked) == {f"{scheme} {place}", f"{scheme} mmg.whatsapp.net:443"}


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_wrong_password_is_told(node: Node, proxies: Proxies, scheme: str) -> None:
    proxies.asked.clear()
    node.start(BOTMESH_PROXY_URL=proxies.url(scheme, WRONG))
    words = "the proxy refuses the tenant's user name and password: "
    session = eventually(lambda: _with_error(node))
    assert session.last_error.startswith(words)
    assert session.state != session_pb2.SESSION_STATE_CONNECTED
    assert proxies.asked == []
    assert proxies.refused
    told = str(session) + "".join(str(event) for event in _first_events(node))
    assert "wr0ng" not in told


def test_a_proxy_that_is_not_there_is_told(node: Node) -> None:
    node.start(BOTMESH_PROXY_URL="http://ana:wr0ng@127.0.0.1:1")
    session = eventually(lambda: _with_error(node))
    assert session.last_error.startswith("the proxy does not take the tenant to WhatsApp: ")
    assert session.last_error.endswith("connection refused")


def test_one_elsewhere_is_refused_in_a_sandbox(node: Node) -> None:
    node.start(until_ready=False, BOTMESH_PROXY_URL="http://ana:wr0ng@192.0.2.1:3128")
    assert node.wait_exit() == 78
    assert "BOTMESH_PROXY_URL does not name a proxy on loopback" in node.tail()


def _with_error(node: Node) -> session_pb2.Session | None:
    session = node.session()
    return session if session.last_error else None


def _first_events(node: Node) -> list[object]:
    found: list[object] = []
    try:
        found.extend(node.events(timeout_s=0.3))
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # noqa: PT017 - events never end
    return found
