"""A whole mesh as users start it: ``botmesh up --sandbox``."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio

from benchmarks import processes
from benchmarks.meter import Span, span
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    BotServiceStub,
    GetSessionRequest,
    ListTenantsRequest,
    Session,
    SessionState,
    StartTenantRequest,
    Tenant,
    TenantServiceStub,
)
from sandbox import addresses

if TYPE_CHECKING:
    from botmesh.sandbox.v1.sandbox_pb2_grpc import SandboxServiceAsyncStub
    from botmesh.v1.bot_pb2_grpc import BotServiceAsyncStub
    from botmesh.v1.tenant_pb2_grpc import TenantServiceAsyncStub

T = TypeVar("T")

CONNECTED = SessionState.SESSION_STATE_CONNECTED
START_LIMIT_S = 180.0
STOP_LIMIT_S = 45.0
CALL_S = 10.0
POLL_S = 0.05
# Between two lists of all tenants while they start: each takes some 8 ms of a processor here and in
# the gateway, which are the starting botnodes' too.
ASK_S = 0.1
MOST_TENANTS = 1000
# A channel that has failed must try again within the time that is measured.
_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 20))
_OPTIONS_OF_FIRST = (
    *_OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
)


class BenchError(Exception):
    """Something did not do what has to be measured."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a mesh is run.

    Attributes:
        discovery: "embedded", or "consul".
        spawn: how the host makes botnodes: "fork", "exec", or as it does by default.
    """

    discovery: str = "embedded"
    spawn: str = ""

    def environment(self) -> dict[str, str]:
        """What the mesh is told."""
        told = {"BOTMESH_DISCOVERY": self.discovery}
        return told | ({"BOTMESH_SPAWN": self.spawn} if self.spawn else {})


@dataclass(frozen=True, slots=True)
class Started:
    """When a mesh was ready, in seconds from the command.

    Attributes:
        answered_s: the gateway's first answer.
        connected_s: all tenants on WhatsApp, as the gateway tells it.
        latencies_s: of the calls in between.
        taken: the processors meanwhile.
    """

    answered_s: float
    connected_s: float
    latencies_s: list[float]
    taken: Span


@dataclass(slots=True)
class Mesh:
    """The processes of a running mesh, and stubs of what answers.

    Attributes:
        folder: its data directory.
        tenant_ids: those that shall run.
        more: other processes that are part of it, by their names.
    """

    folder: Path
    name: str
    tenant_ids: Sequence[str]
    manner: Manner
    environment: Mapping[str, str]
    more: Mapping[str, int] = field(default_factory=dict)
    bots: "BotServiceAsyncStub" = field(init=False)
    tenants: "TenantServiceAsyncStub" = field(init=False)
    phones: "SandboxServiceAsyncStub" = field(init=False)
    address: str = field(init=False, default="")
    _process: "subprocess.Popen[bytes] | None" = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def start(self) -> Started:
        """Start it; return when every tenant is connected. Call `stop` whatever comes of it."""
        port = processes.free_port()
        self.address = f"127.0.0.1:{port}"
        command = [*processes.DIE_WITH_US, sys.executable, "-m", "botmesh", "up", "--sandbox"]
        command += ["--mesh", self.name, "--gateway-port", str(port)]
        command += ["--data-dir", str(self.folder)]
        own = {key: value for key, value in os.environ.items() if not key.startswith("BOTMESH_")}
        env = {**own, "PYTHONPATH": str(processes.ROOT), **self.environment}
        with span(self.parts) as taken:
            began = time.monotonic()
            with self.folder.with_suffix(".out").open("wb") as output:
                self._process = subprocess.Popen(  # noqa: ASYNC220 - a fork is short
                    command,
                    env={**env, **self.manner.environment()},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            channel = await self._channel(self.address, _OPTIONS_OF_FIRST)
            self.bots, self.tenants = BotServiceStub(channel), TenantServiceStub(channel)
            answered = await self._first_answer(began)
            latencies = await self._all_connected(began)
            connected = time.monotonic() - began
        started = Started(answered, connected, latencies, taken)
        control = await eventually(self._control_address, "the sandbox", CALL_S)
        self.phones = sandbox.SandboxServiceStub(await self._channel(control, _OPTIONS))
        return started

    async def grow(self, tenant_ids: Sequence[str]) -> None:
        """Have these run as well, and wait until they are connected."""
        more = [tenant_id for tenant_id in tenant_ids if tenant_id not in self.tenant_ids]
        for tenant_id in more:
            await self.tenants.StartTenant(StartTenantRequest(tenant_id=tenant_id), timeout=CALL_S)
        self.tenant_ids = [*self.tenant_ids, *more]
        await self._all_connected(time.monotonic())

    async def stop(self) -> float:
        """Stop it as Ctrl+C does; how long it took in seconds. Idempotent."""
        await self._stack.aclose()
        process = self._process
        if process is None or process.poll() is not None:
            return 0.0
        below = processes.descendants(process.pid)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:
            if time.monotonic() - began > STOP_LIMIT_S:
                process.kill()
                process.wait()
                raise BenchError(f"the mesh did not stop within {STOP_LIMIT_S:.0f} s")
            await asyncio.sleep(0.01)
        took = time.monotonic() - began
        await eventually(lambda: _none_of(below), "the end of all processes", 10.0)
        return took

    @property
    def is_running(self) -> bool:
        """Whether its command runs."""
        return self._process is not None and self._process.poll() is None

    # -- its processes

    def parts(self) -> dict[str, list[int]]:
        """The processes by part; "host" is without the botnodes, "fork parent" may be empty."""
        if self._process is None:
            return {}
        up = self._process.pid
        found: dict[str, list[int]] = {"botmesh up": [up]}
        for child in processes.descendants(up):
            module = _module_of(child)
            if module in _PARTS and processes.parent(child) == up:
                found[_PARTS[module]] = [child]
        host = found.get("host", [])
        marked = set(self.botnodes().values())
        below = [pid for root in host for pid in processes.descendants(root)]
        found["botnodes"] = [pid for pid in below if pid in marked]
        found["fork parent"] = [pid for pid in below if pid not in marked]
        return found | {name: [pid] for name, pid in self.more.items()}

    def part(self, name: str) -> int:
        """The process of a part that is one."""
        return self.parts()[name][0]

    def botnodes(self) -> dict[str, int]:
        """The processes of the tenants, as the host marked them."""
        found = {}
        for path in (self.folder / "run").glob("*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                found[path.stem] = int(json.loads(path.read_text())["pid"])
        return {tenant: pid for tenant, pid in found.items() if processes.is_alive(pid)}

    def spawned_by(self) -> str:
        """How its botnodes were made: who forks them is a child of the host's that is none."""
        host, botnodes = self.part("host"), self.botnodes().values()
        children = [pid for pid in processes.descendants(host) if processes.parent(pid) == host]
        return "fork" if any(pid not in botnodes for pid in children) else "exec"

    # -- what it says

    async def listed(self) -> list[Tenant]:
        """All tenants, as the gateway lists them."""
        request = ListTenantsRequest(page_size=MOST_TENANTS)
        return list((await self.tenants.ListTenants(request, timeout=CALL_S)).tenants)

    async def session(self, tenant_id: str) -> Session:
        """A tenant's session, asked of its botnode through the gateway."""
        request = GetSessionRequest(tenant_id=tenant_id)
        return (await self.bots.GetSession(request, timeout=CALL_S)).session

    async def until_connected(self, tenant_ids: Sequence[str]) -> None:
        """Wait until each of these says that it is on WhatsApp."""
        for tenant_id in tenant_ids:

            async def connected(tenant_id: str = tenant_id) -> bool:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    return (await self.session(tenant_id)).state == CONNECTED
                return False

            await eventually(connected, f"{tenant_id} on WhatsApp", START_LIMIT_S)

    def secret(self) -> tuple[tuple[str, str], ...]:
        """What a caller of a botnode must send."""
        return (("botmesh-secret", (self.folder / "mesh.secret").read_text().strip()),)

    async def open_channel(self, address: str) -> grpc.aio.Channel:
        """A channel that is closed when the mesh is stopped."""
        return await self._channel(address, _OPTIONS)

    def log(self) -> str:
        """The last words of the command and its parts."""
        lines = []
        for path in [self.folder.with_suffix(".out"), *(self.folder / "logs").glob("_*.log")]:
            with contextlib.suppress(OSError):
                lines += [f"{path.name}: {line}" for line in path.read_text().splitlines()[-4:]]
        return "\n".join(lines)

    async def _channel(self, address: str, options: Sequence[tuple[str, int]]) -> grpc.aio.Channel:
        channel = grpc.aio.insecure_channel(address, options=options)
        self._stack.push_async_callback(channel.close)
        return channel

    async def _first_answer(self, began: float) -> float:
        while True:
            try:
                await self.tenants.ListTenants(ListTenantsRequest(page_size=1), timeout=CALL_S)
            except grpc.aio.AioRpcError as error:
                self._check(began, f"no answer of the gateway: {error.details()}")
                await asyncio.sleep(0.01)
            else:
                return time.monotonic() - began

    async def _all_connected(self, began: float) -> list[float]:
        wanted = set(self.tenant_ids)
        latencies: list[float] = []
        while True:
            asked = time.monotonic()
            found = {t.tenant_id for t in await self.listed() if t.session_state == CONNECTED}
            latencies.append(time.monotonic() - asked)
            if wanted <= found:
                return latencies
            self._check(began, f"only {len(wanted & found)} of {len(wanted)} connected")
            await asyncio.sleep(ASK_S)

    async def _control_address(self) -> str:
        """Where this start's sandbox is told what to do; empty as long as it is not there."""
        with contextlib.suppress(OSError, ValueError):
            found = addresses.read(self.folder / "sandbox")
            return found.control_address if [found.pid] == self.parts().get("sandbox") else ""
        return ""

    def _check(self, began: float, why: str) -> None:
        if not self.is_running:
            raise BenchError(f"botmesh up ended by itself\n{self.log()}")
        if time.monotonic() - began > START_LIMIT_S:
            raise BenchError(f"{why}, after {START_LIMIT_S:.0f} s\n{self.log()}")


_PARTS = {"gateway": "gateway", "sandbox": "sandbox", "botnode.host": "host"}


async def eventually(
    probe: Callable[[], Awaitable[T]], what: str, limit_s: float, every_s: float = POLL_S
) -> T:
    """A probe's first true answer; raises BenchError when there is none in time."""
    deadline = time.monotonic() + limit_s
    while not (found := await probe()):
        if time.monotonic() >= deadline:
            raise BenchError(f"{what} did not come within {limit_s:.0f} s")
        await asyncio.sleep(every_s)
    return found


def _module_of(pid: int) -> str:
    words = processes.command(pid)
    return words[words.index("-m") + 1] if "-m" in words[:-1] else ""


async def _none_of(pids: Sequence[int]) -> bool:
    return not any(map(processes.is_alive, pids))
