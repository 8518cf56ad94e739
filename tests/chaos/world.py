"""A mesh as its users run it, every part a process of its own that can be killed.

The sandbox, a Consul agent where one is wanted, two gateways and the host run under what `botmesh
up` watches its parts with, so whatever is killed is started again.
"""

import asyncio
import contextlib
import json
import random
import secrets
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio
import psutil

from botmesh.rpc import environment
from botmesh.rpc.datadir import DataDir
from botmesh.rpc.environment import passed_on
from botmesh.sandbox import v1 as sandbox
from botmesh.up.child import Child, Program
from botmesh.v1 import (
    BotServiceStub,
    CreateTenantRequest,
    GetSessionRequest,
    SessionState,
    StreamQRRequest,
    TenantServiceStub,
)
from botnode.forkserver import server
from botnode.host.runfile import RunMark
from sandbox import addresses
from tests.consul_agent import consul_binary
from tests.spawning import SPAWNING
from tests.unpaced import UNPACED

if TYPE_CHECKING:
    from botmesh.sandbox.v1.sandbox_pb2_grpc import SandboxServiceAsyncStub
    from botmesh.v1.bot_pb2_grpc import BotServiceAsyncStub

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
DOORS = ("a", "b")
CUSTOMERS = 4
START_LIMIT_S = 60.0
PAIR_LIMIT_S = 60.0
POLL_S = 0.1
# Below those that Linux gives to outgoing connections: a port that its owner left for a moment
# stays free for it.
PORTS = range(20000, 32000)
_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 500))


@dataclass(frozen=True, slots=True)
class Botnode:
    """A tenant's process."""

    tenant_id: str
    pid: int
    instance: str


class World:
    """The processes, and stubs of everything that answers.

    Args:
        say: told, in words, when a part ended and was started again.
    """

    def __init__(
        self, folder: Path, tenants: int, discovery: str, say: Callable[[str], None]
    ) -> None:
        self.mesh = f"c{secrets.token_hex(4)}"
        self.data = DataDir.open(folder / "data", self.mesh, sandbox=True)
        self.tenants = {f"shop-{i}": f"+52155100000{i:02}" for i in range(1, tenants + 1)}
        self.customers = [f"+52155876000{i:02}" for i in range(1, CUSTOMERS + 1)]
        self.parts: dict[str, Child] = {}
        self._discovery = discovery
        self._say = say
        ports = _free_ports(5)
        self._doors = dict(zip(DOORS, ports, strict=False))
        self._consul_ports = ports[2:]
        self._stack = contextlib.AsyncExitStack()
        self.bots: dict[str, BotServiceAsyncStub] = {}
        self.phones: SandboxServiceAsyncStub

    async def start(self) -> None:
        """Start everything, and pair every tenant. Call `stop` whatever comes of it."""
        if self._discovery == "consul":
            await self._start_consul()
        own = self._environment()
        folder = self.data.path / "sandbox"
        started = await self._run(
            "sandbox",
            _module("sandbox"),
            {**own, "BOTMESH_SANDBOX_DATA_DIR": str(folder)},
            liveness_variable="BOTMESH_SANDBOX_DIE_WITH_FD",
        )
        await started.until(_written_by(started, folder), START_LIMIT_S)
        whatsapp = addresses.read(folder)
        for door, port in self._doors.items():
            env = {**own, "BOTMESH_GATEWAY_PORT": str(port), "BOTMESH_GATEWAY_GRACE_S": "2"}
            await self._run(f"gateway-{door}", _module("gateway"), env)
        await self._run("host", _module("botnode.host"), {**own, **whatsapp.environment()}, 12.0)
        for door, port in self._doors.items():
            await self.parts[f"gateway-{door}"].until_ready(START_LIMIT_S)
            self.bots[door] = BotServiceStub(self._channel(f"127.0.0.1:{port}"))
        self.phones = sandbox.SandboxServiceStub(self._channel(whatsapp.control_address))
        tenants = TenantServiceStub(self._channel(f"127.0.0.1:{self._doors['a']}"))
        for tenant_id in self.tenants:
            await tenants.CreateTenant(CreateTenantRequest(tenant_id=tenant_id), timeout=10)
        await asyncio.gather(*map(self._pair, self.tenants))

    async def stop(self) -> None:
        """Stop everything, what was started last first."""
        await self._stack.aclose()

    def botnode(self, tenant_id: str) -> Botnode | None:
        """The process that serves a tenant now, as its host marked it; None between two."""
        try:
            mark = RunMark(**json.loads((self.data.run / f"{tenant_id}.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
        # Not another program that has got this process id since.
        is_running = mark.is_running()
        return Botnode(tenant_id, mark.pid, mark.instance or "") if is_running else None

    def forkserver(self) -> int | None:
        """The process that the host forks botnodes from; None where there is none."""
        pid = self.parts["host"].pid
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(pid).children() if pid is not None else []:
                if child.name() == server.NAME:
                    return int(child.pid)
        return None

    async def is_connected(self, tenant_id: str, door: str) -> bool:
        """Whether a gateway reaches the tenant, and that is on WhatsApp."""
        request = GetSessionRequest(tenant_id=tenant_id)
        try:
            answer = await self.bots[door].GetSession(request, timeout=5)
        except grpc.aio.AioRpcError:
            return False
        return answer.session.state == SessionState.SESSION_STATE_CONNECTED

    async def _pair(self, tenant_id: str) -> None:
        steps = self.bots["a"].StreamQR(StreamQRRequest(tenant_id=tenant_id), timeout=PAIR_LIMIT_S)
        phone = self.tenants[tenant_id]
        async for step in steps:
            if step.HasField("code"):
                scan = sandbox.ScanRequest(phone=phone, code=step.code.code)
                await self.phones.Scan(scan, timeout=PAIR_LIMIT_S)

    async def _start_consul(self) -> None:
        http, lan, server = self._consul_ports
        command = [consul_binary(), "agent", "-dev", "-log-level=warn"]
        command += ["-bind=127.0.0.1", "-client=127.0.0.1", f"-http-port={http}"]
        command += [f"-serf-lan-port={lan}", f"-server-port={server}", "-serf-wan-port=-1"]
        command += ["-dns-port=-1", "-grpc-port=-1"]
        command += ["-hcl", "limits { http_max_conns_per_client = 2000 }"]
        await self._run("consul", command, {}, dies_with_us=True)

    async def _run(
        self,
        name: str,
        command: list[str],
        env: dict[str, str],
        stop_limit_s: float = 8.0,
        *,
        liveness_variable: str = "BOTMESH_LIVENESS_FD",
        dies_with_us: bool = False,
    ) -> Child:
        program = Program(
            name=name,
            argv=command,
            env={**passed_on(environment.SYSTEM), "PYTHONPATH": str(ROOT), **env},
            log_path=self.data.logs / f"_{name}.log",
            stop_limit_s=stop_limit_s,
            liveness_variable=liveness_variable,
            dies_with_us=dies_with_us,
        )
        child = Child(program, self._say)
        self.parts[name] = child
        self._stack.push_async_callback(child.stop)
        await child.start()
        child.keep_running()
        return child

    def _environment(self) -> dict[str, str]:
        own = {
            "BOTMESH_MESH": self.mesh,
            "BOTMESH_DATA_DIR": str(self.data.path),
            "BOTMESH_LOG_FORMAT": "json",
            "BOTMESH_DISCOVERY": self._discovery,
            **UNPACED,
            **SPAWNING,
        }
        if self._discovery == "consul":
            own["CONSUL_HTTP_ADDR"] = f"127.0.0.1:{self._consul_ports[0]}"
        return own

    def _channel(self, address: str) -> grpc.aio.Channel:
        channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._stack.push_async_callback(channel.close)
        return channel


async def eventually(
    probe: Callable[[], Awaitable[T]], limit_s: float, every_s: float = POLL_S
) -> T | None:
    """A probe's first true answer; None if there was none in time."""
    deadline = time.monotonic() + limit_s
    while not (found := await probe()):
        if time.monotonic() >= deadline:
            return None
        await asyncio.sleep(every_s)
    return found


async def _written_by(child: Child, folder: Path) -> None:
    while True:
        with contextlib.suppress(OSError, ValueError):
            if addresses.read(folder).pid == child.pid:
                return
        await asyncio.sleep(POLL_S)


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            break
    return found
