"""A whole gateway on a real registry, with its port, and the far sides that a test starts."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import grpc.aio
import pytest

from botmesh.rpc.interceptors import ErrorInterceptor
from botmesh.rpc.server import bind, create_server
from gateway import deadline
from gateway.app import Gateway
from registry import feed
from registry.database import Database
from registry.discovery.embedded import EmbeddedRouteWatch
from registry.feed import TenantFeed
from registry.service import Tenants

sys.path.insert(0, str(Path(__file__).parent))

from far_side import MESH, SECRET, FarSide
from gateway_harness import GatewayUnderTest


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry; migrating one for each test would take most of the time."""
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    Database.open(f"sqlite:///{path}", MESH).close()
    return path


@pytest.fixture
def database(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    # No test waits for the changes to be read.
    monkeypatch.setattr(feed, "LEAST_PAUSE_S", 0.01)
    shutil.copy(migrated, tmp_path)
    database = Database.open(f"sqlite:///{tmp_path / migrated.name}", MESH)
    yield database
    database.close()


@pytest.fixture
def make_gateway(database: Database) -> Callable[[], Gateway]:
    def make() -> Gateway:
        return Gateway(
            mesh=MESH,
            secret=SECRET,
            tenants=Tenants(database),
            feed=TenantFeed(database),
            routes=EmbeddedRouteWatch(TenantFeed(database)),
            grace_s=0.3,
        )

    return make


@pytest.fixture
def wide_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway answers long before its callers' deadlines: a busy machine runs tests too."""
    monkeypatch.setattr(deadline, "MARGIN_S", 0.4)
    monkeypatch.setattr(deadline, "MARGIN_SHARE", 0.4)


@pytest.fixture
async def mesh(
    make_gateway: Callable[[], Gateway], database: Database, wide_margin: None
) -> AsyncIterator[GatewayUnderTest]:
    gateway = make_gateway()
    server = create_server([ErrorInterceptor()])
    port = bind(server, "127.0.0.1", 0)
    async with gateway.serving(server):
        await gateway.resolver.ready.wait()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield GatewayUnderTest(gateway, Tenants(database), port, channel)


@pytest.fixture
async def start_far() -> AsyncIterator[Callable[..., Awaitable[FarSide]]]:
    """Starts a botnode; it is stopped with the test."""
    started: list[FarSide] = []

    async def start(tenant_id: str, **settings: object) -> FarSide:
        far = await FarSide(tenant_id, **settings).start()
        started.append(far)
        return far

    yield start
    await asyncio.gather(*(far.stop() for far in started))


@pytest.fixture
async def far(mesh: GatewayUnderTest, start_far: Callable[..., Awaitable[FarSide]]) -> FarSide:
    """The botnode of tenant "a", with a route."""
    await mesh.add("a")
    far = await start_far("a")
    await mesh.route("a", far.address)
    return far
