"""A host over real botnodes, in a sandbox."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc

from botmesh.rpc.datadir import DataDir
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.sandbox.v1.sandbox_pb2_grpc import SandboxServiceStub
from botmesh.v1 import bot_pb2
from botmesh.v1.bot_pb2_grpc import BotServiceStub
from registry.database import Database
from registry.repository import TenantRepository
from registry.service import Tenants
from registry.tenant import Tenant
from sandbox.launch import RunningSandbox
from tests.spawning import SPAWNING
from tests.unpaced import UNPACED

ROOT = Path(__file__).parents[3]
LIMIT_S = 20.0


class Hosted:
    """A data directory with its registry, and the host that runs in it."""

    def __init__(self, path: Path, running_sandbox: RunningSandbox) -> None:
        self.data_dir = DataDir.open(path, "e2e-host", sandbox=True)
        self.database = Database.open(self.data_dir.registry_url, "e2e-host")
        self.tenants = Tenants(self.database)
        self._sandbox = running_sandbox
        self._channel = grpc.insecure_channel(running_sandbox.addresses.control_address)
        self._phones = SandboxServiceStub(self._channel)
        self._hosts: list[subprocess.Popen[bytes]] = []

    @property
    def host(self) -> subprocess.Popen[bytes]:
        """The newest host."""
        return self._hosts[-1]

    def start_host(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.data_dir.path),
            "PYTHONPATH": str(ROOT),
            "BOTMESH_MESH": "e2e-host",
            "BOTMESH_DATA_DIR": str(self.data_dir.path),
            **UNPACED,
            **SPAWNING,
            **self._sandbox.environment(),
        }
        with (self.data_dir.path / "host.log").open("ab") as log:
            command = [sys.executable, "-m", "botnode.host"]
            self._hosts.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def kill_host(self) -> None:
        self.host.kill()
        self.host.wait()

    def kill_forkserver(self) -> None:
        """Kill what botnodes are forked from; return once there is a new one."""
        *_, killed = self._forkservers()
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + LIMIT_S
        while self._forkservers()[-1] == killed:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def _forkservers(self) -> list[int]:
        return [line["pid"] for line in self.logged() if line["event"] == "forkserver_started"]

    def stop_host(self) -> int:
        self.host.send_signal(signal.SIGTERM)
        return self.host.wait(6)

    def get(self, tenant_id: str) -> Tenant | None:
        with self.database.reading() as session:
            row = TenantRepository(session).find(tenant_id)
            return None if row is None else row.to_tenant()

    def until(
        self, tenant_id: str, check: Callable[[Tenant], bool], limit_s: float = LIMIT_S
    ) -> Tenant:
        deadline = time.monotonic() + limit_s
        while True:
            tenant = self.get(tenant_id)
            assert tenant is not None
            if check(tenant):
                return tenant
            assert time.monotonic() < deadline, f"not within {limit_s} s: {tenant}\n{self.log()}"
            time.sleep(0.02)

    def until_gone(self, *tenant_ids: str, limit_s: float = LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        while any(map(self.get, tenant_ids)):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def logged(self, name: str = "host.log") -> list[dict[str, Any]]:
        """The lines of a log, without what the library printed in between."""
        lines = self.log(name).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def log(self, name: str = "host.log") -> str:
        return (self.data_dir.path / name).read_text()

    def until_dead(self, pid: int | None, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while is_alive(pid):
            assert time.monotonic() < deadline, f"{pid} lives after {limit_s} s\n{self.log()}"
            time.sleep(0.02)

    def pair(self, tenant_id: str, phone: str) -> Tenant:
        """Let a phone scan the botnode's code."""
        tenant = self.until(tenant_id, lambda t: t.address is not None)
        metadata = (("botmesh-secret", self.data_dir.secret),)
        options = (("grpc.enable_http_proxy", 0),)
        with grpc.insecure_channel(str(tenant.address), options=options) as channel:
            request = bot_pb2.StreamQRRequest(tenant_id=tenant_id)
            call = BotServiceStub(channel).StreamQR(request, metadata=metadata, timeout=LIMIT_S)
            for step in call:
                if step.HasField("code"):
                    scan = sandbox.ScanRequest(phone=phone, code=step.code.code)
                    self._phones.Scan(scan, timeout=LIMIT_S)
        return self.until(tenant_id, is_connected)

    def devices(self, phone: str) -> Sequence[sandbox.Device]:
        request = sandbox.ListDevicesRequest(phone=phone)
        return list(self._phones.ListDevices(request, timeout=5).devices)

    def close(self) -> None:
        for host in self._hosts:
            if host.poll() is None:
                host.send_signal(signal.SIGTERM)
                host.wait(10)
        self._channel.close()
        self.database.close()


def is_connected(tenant: Tenant) -> bool:
    return tenant.session_state == "CONNECTED"


def is_alive(pid: int | None) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
