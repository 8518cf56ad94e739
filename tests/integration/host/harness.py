"""A real host process over fake botnodes, and what tests want to know of it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from botmesh.rpc.datadir import DataDir
from registry.database import Database
from registry.service import Tenants
from registry.tenant import ObservedState, Tenant
from tests.spawning import SPAWN

ROOT = Path(__file__).parents[3]
RUN_HOST = Path(__file__).with_name("run_host.py")
# So that a test which waits for them is quick; the real ones are in Timing.
TIMING = {"ping_interval_s": 0.3, "ping_timeout_s": 0.4, "backoff_limit_s": 0.2, "retry_s": 0.2}


async def eventually(condition: Callable[[], Any], limit_s: float = 15.0) -> Any:
    """Wait until a condition, a coroutine function or a plain one, gives something true."""
    deadline = time.monotonic() + limit_s
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {limit_s} s: {condition}"
        await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class Mesh:
    """A data directory, its registry, and a host when one was started."""

    def __init__(self, path: Path, spawn: str = SPAWN) -> None:
        """With `spawn` as BOTMESH_SPAWN."""
        self.spawn = spawn
        self.data_dir = DataDir.open(path, "test")
        self.database = Database.open(self.data_dir.registry_url, "test")
        self.tenants = Tenants(self.database)
        self.fake = self.data_dir.path / "fake"
        self.fake.mkdir(exist_ok=True)
        self.host: subprocess.Popen[bytes] | None = None
        self._hosts: list[subprocess.Popen[bytes]] = []

    def start_host(
        self, *, parallel_starts: int = 0, liveness_fd: int | None = None, **timing: float
    ) -> subprocess.Popen[bytes]:
        """Start a host; its durations are `timing`, then `TIMING`, then the usual ones."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "BOTMESH_MESH": "test",
            "BOTMESH_DATA_DIR": str(self.data_dir.path),
            "BOTMESH_SANDBOX_ROOT_KEY": "00",
            "BOTMESH_SPAWN": self.spawn,
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "SECRET_OF_THE_OPERATOR": "x",
            "BOTMESH_PARALLEL_STARTS": str(parallel_starts),
        }
        if liveness_fd is not None:
            environment["BOTMESH_LIVENESS_FD"] = str(liveness_fd)
        pass_fds = [] if liveness_fd is None else [liveness_fd]
        command = [sys.executable, str(RUN_HOST), json.dumps({**TIMING, **timing})]
        with (self.data_dir.path / "host.log").open("ab") as log:
            self.host = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, pass_fds=pass_fds
            )
        self._hosts.append(self.host)
        return self.host

    def host_log(self) -> list[dict[str, Any]]:
        lines = (self.data_dir.path / "host.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, event: str, tenant_id: str | None = None) -> list[dict[str, Any]]:
        wanted = {"event": event} if tenant_id is None else {"event": event, "tenant_id": tenant_id}
        return [line for line in self.host_log() if wanted.items() <= line.items()]

    def behave(self, tenant_id: str, **how: Any) -> None:
        (self.fake / f"{tenant_id}.json").write_text(json.dumps(how))

    def seen(self, tenant_id: str) -> dict[str, Any]:
        return dict(json.loads((self.fake / f"{tenant_id}.seen").read_text()))

    def pids(self, tenant_id: str = "*") -> list[int]:
        """Every botnode process that ever got as far as its lease."""
        files = self.fake.glob(f"{tenant_id}.pids")
        return [int(pid) for file in files for pid in file.read_text().split()]

    def living(self, tenant_id: str = "*") -> list[int]:
        return [pid for pid in self.pids(tenant_id) if is_alive(pid)]

    async def get(self, tenant_id: str) -> Tenant:
        return await self.tenants.get(tenant_id)

    async def until_gone(self, tenant_id: str, limit_s: float = 15.0) -> None:
        async def gone() -> bool:
            return all(t.tenant_id != tenant_id for t in (await self.tenants.list()).tenants)

        await eventually(gone, limit_s)

    async def until(
        self, tenant_id: str, check: Callable[[Tenant], Any], limit_s: float = 15.0
    ) -> Tenant:
        async def found() -> Tenant | None:
            tenant = await self.get(tenant_id)
            return tenant if check(tenant) else None

        try:
            return await eventually(found, limit_s)
        except AssertionError as error:
            told = (self.data_dir.path / "host.log").read_text()
            raise AssertionError(f"{await self.get(tenant_id)}\n{told}") from error

    async def until_running(self, *tenant_ids: str, limit_s: float = 15.0) -> list[Tenant]:
        return [await self.until(t, is_connected, limit_s) for t in tenant_ids]

    async def stop_host(self, limit_s: float = 6.0) -> int:
        assert self.host is not None
        self.host.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.host.wait, limit_s)

    def clean_up(self) -> None:
        for host in self._hosts:
            if host.poll() is None:
                host.kill()
            host.wait()
        _kill(self.living())
        self.database.close()


def is_connected(tenant: Tenant) -> bool:
    return tenant.observed_state is ObservedState.RUNNING and tenant.session_state == "CONNECTED"


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
