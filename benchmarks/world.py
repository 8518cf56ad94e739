"""A sandbox mesh with paired tenants, started as a benchmark needs it."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.mesh import BenchError, Manner, Mesh, Started
from benchmarks.processes import ROOT
from botmesh.rpc.datadir import DataDir
from botmesh.sandbox import v1 as phones
from botmesh.up import examples
from botmesh.v1 import CreateTenantRequest, StreamQRRequest
from registry.database import Database
from registry.service import Tenants
from registry.tenant import DesiredState
from sandbox.addresses import Addresses
from sandbox.launch import RunningSandbox
from tests.consul_agent import ConsulAgent
from tests.unpaced import UNPACED

PAIR_LIMIT_S = 60.0
AT_ONCE = 4
EMBEDDED = Manner()
CONSUL = ROOT / ".tools" / "consul" / "usr" / "bin" / "consul"


class World:
    """One data directory for a whole run: tenants are paired once, and serve every benchmark.

    Pacing is off: it would make every send wait as a person does.

    Args:
        folder: where the data directory is, or is made.
        say: told, in words, what goes on.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._name_file = folder / "mesh-name"
        self._say = say
        self._stack = contextlib.ExitStack()
        self._mesh: Mesh | None = None
        self._started: Started | None = None
        self._paired = 0

    @property
    def name(self) -> str:
        """The mesh's name."""
        return self._name()

    @property
    def data(self) -> Path:
        """The mesh's data directory."""
        return self._folder / "data"

    async def mesh(
        self, count: int, manner: Manner = EMBEDDED, *, fresh: bool = False
    ) -> tuple[Mesh, Started]:
        """A running mesh with so many paired tenants, all connected.

        The one that runs is taken if it is like that, unless a `fresh` one is asked for.
        """
        ids = [tenant_id(number) for number in range(count)]
        mesh = self._mesh
        if mesh is None or fresh or not _is_like(mesh, ids, manner):
            await self.stop()
            await self._pair(count)
            await self._want(ids)
            mesh = await self._start(ids, manner)
        assert self._started is not None
        return mesh, self._started

    async def prepare(self, count: int) -> None:
        """Pair so many tenants, where that has not been done."""
        await self._pair(count)

    @asynccontextmanager
    async def sandbox(self, count: int) -> AsyncIterator[Addresses]:
        """The sandbox alone, with so many paired tenants that do not run."""
        await self.stop()
        await self._pair(count)
        with RunningSandbox(self.data / "sandbox") as running:
            yield running.addresses

    async def stop(self) -> float:
        """Stop what runs; how long it took in seconds."""
        mesh, self._mesh = self._mesh, None
        try:
            return await mesh.stop() if mesh is not None else 0.0
        finally:
            self._stack.close()

    async def _start(self, ids: Sequence[str], manner: Manner) -> Mesh:
        environment: dict[str, str] = {**UNPACED}
        more = {}
        if manner.discovery == "consul":
            agent = self._stack.enter_context(_consul(self._folder / "consul"))
            environment["CONSUL_HTTP_ADDR"] = agent.address
            more["Consul"] = agent.pid
        how = ", ".join(filter(None, (manner.discovery, manner.spawn)))
        self._say(f"starting a mesh of {len(ids)} tenants ({how})")
        mesh = Mesh(self.data, self._name(), ids, manner, environment, more)
        self._mesh = mesh
        self._started = await mesh.start()
        return mesh

    def _name(self) -> str:
        """The mesh's name, of its own for each data directory."""
        if not self._name_file.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._name_file.write_text(f"bench-{secrets.token_hex(4)}")
            data = DataDir.open(self.data, self._name_file.read_text(), sandbox=True)
            (data.path / examples.MARK).touch(mode=0o600)  # no tenants but ours
        return self._name_file.read_text()

    # -- pairing

    async def _pair(self, count: int) -> None:
        """Have as many tenants paired as are asked for."""
        if count <= self._paired:
            return
        known = await self._known()
        self._paired = len(known)
        if count <= self._paired:
            return
        numbers = range(self._paired, count)
        self._say(f"pairing {len(numbers)} tenants, {AT_ONCE} at a time")
        await self._want([])
        mesh = await self._start([], EMBEDDED)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await pair(mesh, tenant_id(number), phone(number))

        async with asyncio.TaskGroup() as tasks:
            for number in numbers:
                tasks.create_task(one(number))
        self._paired = count
        # What has just paired keeps what it needed for that: nobody's tenants do for long.
        await self.stop()

    async def _known(self) -> list[str]:
        with self._registry() as tenants:
            page = await tenants.list(page_size=1000)
        return [t.tenant_id for t in page.tenants if t.account and is_ours(t.tenant_id)]

    async def _want(self, ids: Sequence[str]) -> None:
        """Have these run at the next start, and no others; while nothing runs."""
        with self._registry() as tenants:
            for tenant in (await tenants.list(page_size=1000)).tenants:
                wanted = tenant.tenant_id in ids
                if wanted != (tenant.desired_state is DesiredState.RUNNING):
                    change = tenants.start if wanted else tenants.stop
                    await change(tenant.tenant_id)

    @contextmanager
    def _registry(self) -> Iterator[Tenants]:
        name = self._name()
        database = Database.open(DataDir.open(self.data, name).registry_url, name)
        try:
            yield Tenants(database)
        finally:
            database.close()


async def pair(mesh: Mesh, tenant: str, number: str) -> None:
    """Create a tenant and have a phone scan what it shows."""
    await mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id=tenant), timeout=PAIR_LIMIT_S)
    steps = mesh.bots.StreamQR(StreamQRRequest(tenant_id=tenant), timeout=PAIR_LIMIT_S)
    async for step in steps:
        if step.HasField("code"):
            scan = phones.ScanRequest(phone=number, code=step.code.code)
            await mesh.phones.Scan(scan, timeout=PAIR_LIMIT_S)
        elif step.HasField("paired"):
            return
    raise BenchError(f"{tenant} was not paired")


def tenant_id(number: int) -> str:
    """The id of the n-th paired tenant."""
    return f"shop-{number:03}"


def is_ours(name: str) -> bool:
    """Whether it is one of those that are paired for all benchmarks."""
    return name.startswith("shop-")


def phone(number: int) -> str:
    """The number of the n-th paired tenant's phone."""
    return f"+52155100{number:05}"


def customer(number: int) -> str:
    """The number of somebody who writes to tenants."""
    return f"+52155876{number:05}"


def has_consul() -> bool:
    """Whether there is a Consul to measure with."""
    return CONSUL.exists() or shutil.which("consul") is not None


@contextmanager
def _consul(folder: Path) -> Iterator[ConsulAgent]:
    """An agent with its UI that keeps all in memory, as ``botmesh up`` starts one for itself."""
    shutil.rmtree(folder, ignore_errors=True)
    agent = ConsulAgent(folder)
    try:
        yield agent.start()
    finally:
        agent.kill()


def _is_like(mesh: Mesh, ids: Sequence[str], manner: Manner) -> bool:
    return mesh.is_running and list(mesh.tenant_ids) == list(ids) and mesh.manner == manner
