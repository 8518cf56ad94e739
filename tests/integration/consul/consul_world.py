"""Botnodes around a Consul agent, in this process and in others, and a watch on their routes."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from consul_agent import ROOT, ConsulAgent
from grpc_health.v1 import health_pb2

from botmesh.rpc.server import add_health_and_reflection, bind, create_server
from registry.discovery.consul_client import ConsulClient
from registry.discovery.consul_entry import ConsulEntry
from registry.discovery.consul_lease import ConsulLease
from registry.discovery.consul_registration import ConsulRegistration
from registry.discovery.consul_service import Botnode, EntryTiming
from registry.discovery.consul_settings import ConsulSettings
from registry.discovery.consul_watch import ConsulRouteWatch
from registry.discovery.port import ALIVE_SERVICE, Announcement, Route, RouteChange, Snapshot

FAKE_BOTNODE = Path(__file__).with_name("fake_botnode.py")
PATIENCE_S = 15.0


async def eventually(condition: Callable[[], Any], limit_s: float = PATIENCE_S) -> Any:
    """Wait until a condition, a coroutine function or a plain one, gives something true."""
    deadline = time.monotonic() + limit_s
    while True:
        result = condition()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {limit_s} s"
        await asyncio.sleep(0.01)


class Member:
    """A botnode in this process: its lease and its registration."""

    def __init__(self, client: ConsulClient, botnode: Botnode, timing: EntryTiming) -> None:
        self.botnode = botnode
        self.entry = ConsulEntry(client, botnode, timing)
        self.lease = ConsulLease(self.entry)
        self.registration = ConsulRegistration(client, botnode.mesh, self.entry)
        self.lost: list[str] = []
        self.lease.on_lost(self.lost.append)

    async def join(
        self, epoch: int = 1, state: str = "CONNECTED", number: str | None = "+5215512345678"
    ) -> "Member":
        """Take the lease and announce."""
        async with asyncio.timeout(PATIENCE_S):
            await self.lease.acquire()
        node = self.botnode
        await self.registration.register(
            Announcement(
                node.tenant_id,
                node.tenant_name,
                node.address,
                node.instance,
                epoch,
                node.version,
                state,
                number,
            )
        )
        return self

    async def leave(self) -> None:
        """What a stop does."""
        await self.registration.deregister()
        await self.lease.release()


class Process:
    """A botnode in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log
        self.killed_at = 0.0

    def said(self, event: str) -> bool:
        """Whether it told of that already."""
        lines = self._log.read_text().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return any(line.get("event") == event for line in told)

    async def until(self, event: str) -> None:
        """Wait until it tells of something."""
        await eventually(lambda: self.said(event))

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)
        self.killed_at = time.monotonic()

    async def end(self) -> int:
        """Its exit status."""
        return await asyncio.to_thread(self.process.wait, PATIENCE_S)


class Picture:
    """What a gateway's watch tells, and when."""

    def __init__(self) -> None:
        self.routes: dict[str, tuple[Route, ...]] = {}
        self.snapshots = 0
        self.losses: list[str] = []
        self._changed_at = 0.0

    def take(self, change: Snapshot | RouteChange) -> None:
        """Take in what the watch told."""
        self._changed_at = time.monotonic()
        told = (
            {t: tuple(r) for t, r in change.routes.items()}
            if isinstance(change, Snapshot)
            else {change.tenant_id: tuple(change.routes)}
        )
        if isinstance(change, Snapshot):
            self.snapshots += 1
            self.losses += self.routes.keys() - told.keys()
            self.routes = {}
        for tenant_id, routes in told.items():
            self.routes.pop(tenant_id, None)
            if routes:
                self.routes[tenant_id] = routes
            else:
                self.losses.append(tenant_id)

    def instances(self, tenant_id: str) -> list[str]:
        """The instances that a tenant has routes to."""
        return [route.instance for route in self.routes.get(tenant_id, ())]


_INSTANCES = itertools.count(1)


class World:
    """One agent, one mesh, and what a test puts there."""

    def __init__(self, agent: ConsulAgent, folder: Path, stack: AsyncExitStack) -> None:
        self.agent = agent
        self._folder = folder
        self._stack = stack
        self._count = itertools.count(1)
        self._address: str | None = None

    def client(self, **settings: Any) -> ConsulClient:
        """A client that is closed with the test."""
        client = ConsulClient(ConsulSettings(**{"address": self.agent.address, **settings}))
        self._stack.push_async_callback(client.close)
        return client

    async def serving(self) -> str:
        """The address of a server that says that it is alive."""
        if self._address is None:
            server = create_server([])
            health = await add_health_and_reflection(server, [])
            self._address = f"127.0.0.1:{bind(server, '127.0.0.1', 0)}"
            await server.start()
            await health.servicer.set(ALIVE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
            self._stack.push_async_callback(server.stop, 0)
        return self._address

    async def member(
        self,
        tenant_id: str = "shop",
        *,
        mesh: str = "m",
        timing: EntryTiming | None = None,
        client: ConsulClient | None = None,
        name: str = "",
    ) -> Member:
        """A botnode in this process that has not joined yet."""
        botnode = Botnode(
            mesh=mesh,
            tenant_id=tenant_id,
            tenant_name=name or tenant_id.title(),
            instance=f"inst{next(_INSTANCES):04d}",
            address=await self.serving(),
            version="1.2.3",
            host="here",
        )
        member = Member(client or self.client(), botnode, timing or EntryTiming())
        self._stack.push_async_callback(member.entry.remove)
        return member

    def process(self, tenant_id: str = "shop", epoch: int = 1, *, hosted: bool = False) -> Process:
        """A botnode in a process of its own."""
        number = next(self._count)
        how = {
            "address": self.agent.address,
            "mesh": "m",
            "tenant": tenant_id,
            "instance": f"proc{number:04d}",
            "epoch": epoch,
            "hosted": hosted,
        }
        log = self._folder / f"botnode-{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(FAKE_BOTNODE), json.dumps(how)],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
            )

        def end() -> None:
            process.kill()
            process.send_signal(signal.SIGCONT)
            process.wait()

        self._stack.callback(end)
        return Process(process, log)

    async def watch(self, mesh: str = "m", **options: Any) -> Picture:
        """A watch that runs until the test ends, and has told its first snapshot."""
        picture = self.watch_unstarted(mesh, **options)
        await eventually(lambda: picture.snapshots)
        return picture

    def watch_unstarted(self, mesh: str = "m", **options: Any) -> Picture:
        """A watch of which nothing is known yet."""
        picture = Picture()
        watch = ConsulRouteWatch(self.client(), mesh, **options)

        async def follow() -> None:
            changes: AsyncIterator[Snapshot | RouteChange]
            async with aclosing(watch.watch()) as changes:
                async for change in changes:
                    picture.take(change)

        task = asyncio.create_task(follow())

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled(), task.exception()

        self._stack.push_async_callback(end)
        return picture
