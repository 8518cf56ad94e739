"""One sandbox for all, a folder and phones for each test."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from botmesh.sandbox.v1.sandbox_pb2_grpc import SandboxServiceStub
from sandbox.launch import RunningSandbox
from tests.e2e.botnode import long_cases
from tests.e2e.botnode.node import Control, Node

_numbers = itertools.count(1)

# What takes long because WhatsApp's library takes its time goes on beside the other tests.
_LONG = {
    "test_a_half_open_line_is_found_and_mended": long_cases.half_open,
    "test_a_deaf_line_is_found_and_mended": long_cases.deaf,
    "test_the_next_code": long_cases.codes,
    "test_a_cut_send_is_found_out": long_cases.cut_send,
}


@pytest.fixture(scope="session")
def long_running(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    running_sandbox: RunningSandbox,
) -> Iterator[dict[str, "Future[list[None]]"]]:
    """The long cases that were asked for, by the name of their test."""
    asked = {item.name for item in request.session.items} & _LONG.keys()
    address = running_sandbox.addresses.control_address
    with ExitStack() as nodes, ThreadPoolExecutor(len(_LONG)) as threads:
        channel = nodes.enter_context(grpc.insecure_channel(address))
        running = {}
        for name in sorted(asked):
            folder = tmp_path_factory.mktemp(name) / "mesh"
            node = Node(folder, "long", running_sandbox.environment()).start()
            nodes.callback(node.close)
            case = _LONG[name](node, Control(SandboxServiceStub(channel)))
            next(case)
            running[name] = threads.submit(list, case)
        yield running


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def control(running_sandbox: RunningSandbox) -> Iterator[Control]:
    with grpc.insecure_channel(running_sandbox.addresses.control_address) as channel:
        control = Control(SandboxServiceStub(channel))
        yield control
        control.clear()


@pytest.fixture(scope="session")
def shared_phone() -> str:
    """The number of the botnode that tests share."""
    return "+5215512000000"


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory, running_sandbox: RunningSandbox, shared_phone: str
) -> Iterator[Node]:
    """A paired and connected botnode for tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("shared")
    node = Node(folder / "mesh", "shared", running_sandbox.environment()).start()
    with grpc.insecure_channel(running_sandbox.addresses.control_address) as channel:
        Control(SandboxServiceStub(channel)).pair(node, shared_phone)
    yield node
    node.close()


@pytest.fixture
def phone() -> str:
    """A number that no other test uses."""
    return f"+52155123{next(_numbers):05d}"


@pytest.fixture
def customer() -> str:
    """Another number that no other test uses."""
    return f"+52155987{next(_numbers):05d}"


@pytest.fixture
def make_node(tmp_path: Path, running_sandbox: RunningSandbox) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def make(tenant_id: str = "shop", **settings: str) -> Node:
        node = Node(tmp_path / "mesh", tenant_id, running_sandbox.environment(), **settings)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.close()


@pytest.fixture
def node(make_node: Callable[..., Node]) -> Node:
    """A running botnode that is not paired."""
    return make_node().start()


@pytest.fixture
def paired(node: Node, control: Control, phone: str) -> Node:
    """A running botnode that is paired and connected."""
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    return node
