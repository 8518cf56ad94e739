"""One sandbox for all, a folder and phones for each test."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from botmesh.sandbox.v1.sandbox_pb2_grpc import SandboxServiceStub
from sandbox.launch import RunningSandbox
from tests.e2e.botnode.node import Control, Node

_numbers = itertools.count(1)


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
