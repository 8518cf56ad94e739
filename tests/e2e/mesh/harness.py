"""A whole mesh as users start it: ``botmesh up --sandbox`` in a folder of its own."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import psutil
from consul_agent import ConsulAgent

from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    BotServiceStub,
    GetSessionRequest,
    GetTenantRequest,
    MediaServiceStub,
    MessageContent,
    SendMessageRequest,
    Session,
    SessionState,
    StreamQRRequest,
    Tenant,
    TenantServiceStub,
    TextContent,
)
from botnode.host.runfile import RunFiles
from sandbox import addresses
from tests.spawning import SPAWNING
from tests.unpaced import UNPACED

T = TypeVar("T")
LIMIT_S = 30.0
EXAMPLES = ("apple-store-norte", "mundo-apple")


def eventually(probe: Callable[[], T], limit_s: float = LIMIT_S) -> T:
    """The first true answer of a probe; fails with the last one."""
    deadline = time.monotonic() + limit_s
    while not (found := probe()):
        assert time.monotonic() < deadline, f"not within {limit_s} s; last answer: {found!r}"
        time.sleep(0.02)
    return found


# A test run that is killed leaves no mesh behind. Not in the child before it is replaced: gRPC's
# threads in this process do not outlive a fork.
END_WITH_THE_TESTS = ("setpriv", "--pdeathsig", "TERM")


class Mesh:
    """A running ``botmesh up --sandbox`` and stubs of everything in it."""

    def __init__(self, folder: Path, consul: ConsulAgent | None = None) -> None:
        """With an agent, the mesh finds its botnodes in it; without one, in the registry."""
        self.folder = folder
        self.consul = consul
        self.name = f"t{secrets.token_hex(4)}"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._channels: list[grpc.Channel] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.output = folder.with_name(f"{folder.name}.out")
        self.env = {
            key: value for key, value in os.environ.items() if not key.startswith("BOTMESH_")
        } | {"BOTMESH_DATA_DIR": str(folder), "BOTMESH_GATEWAY": self.address}
        self.env |= UNPACED | SPAWNING
        if consul is None:
            self.env["BOTMESH_DISCOVERY"] = "embedded"
        else:
            self.env["CONSUL_HTTP_ADDR"] = consul.address

    def start(self) -> None:
        """Start it and wait until the gateway answers and every wanted botnode runs."""
        command = [*END_WITH_THE_TESTS, sys.executable, "-m", "botmesh", "up"]
        command += ["--sandbox", "--mesh", self.name]
        command += ["--gateway-port", str(self.port)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env=self.env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually(self._is_up)
        self.control_address = addresses.read(self.folder / "sandbox").control_address
        self.bots = BotServiceStub(self.channel(self.address))
        self.media = MediaServiceStub(self.channel(self.address))
        self.tenants = TenantServiceStub(self.channel(self.address))
        self.phones = sandbox.SandboxServiceStub(self.channel(self.control_address))

    def channel(self, address: str) -> grpc.Channel:
        channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self._channels.append(channel)
        return channel

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it as Ctrl+C or a process manager does; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        self._channels.clear()
        if self.process is not None and self.process.poll() is None:
            self.stop()
        for process in self.processes():
            process.kill()

    def processes(self) -> list[psutil.Process]:
        """Every process of this mesh, wherever it hangs in the tree."""
        return [p for p in psutil.process_iter() if self._is_ours(p)]

    def processes_of(self, module: str) -> list[psutil.Process]:
        """Those that run a module, e.g. ``botnode.host``."""
        return [p for p in self.processes() if module in p.cmdline()]

    def botnodes(self) -> set[int]:
        """The process ids of the botnodes that run, as their host marked them."""
        marks = RunFiles(self.folder / "run").read().values()
        return {mark.pid for mark in marks if mark is not None and mark.is_running()}

    def run(self, *arguments: str, status: int = 0, given: str = "") -> str:
        """Run the command against this mesh; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "botmesh", *arguments],
            env=self.env,
            input=given,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def pair(self, tenant_id: str, phone: str) -> None:
        """Have a phone scan the tenant's code."""
        steps = self.bots.StreamQR(StreamQRRequest(tenant_id=tenant_id), timeout=LIMIT_S)
        for step in steps:
            if step.HasField("code"):
                self.phones.Scan(sandbox.ScanRequest(phone=phone, code=step.code.code))
            elif step.HasField("paired"):
                assert step.paired.phone_number == phone

    def send(self, tenant_id: str, to: str, text: str, timeout: float = 10, **more: Any) -> Any:
        request = SendMessageRequest(
            tenant_id=tenant_id, to=to, content=MessageContent(text=TextContent(body=text)), **more
        )
        return self.bots.SendMessage(request, timeout=timeout).message

    def inbox(self, phone: str, count: int) -> list[sandbox.Message]:
        """A phone's messages once there are so many."""
        request = sandbox.ListMessagesRequest(phone=phone, wait_count=count)
        return list(self.phones.ListMessages(request, timeout=LIMIT_S).messages)

    def tenant(self, tenant_id: str) -> Tenant:
        return self.tenants.GetTenant(GetTenantRequest(tenant_id=tenant_id), timeout=5).tenant

    def session(self, tenant_id: str) -> Session:
        return self.bots.GetSession(GetSessionRequest(tenant_id=tenant_id), timeout=5).session

    def is_connected(self, tenant_id: str) -> bool:
        return self.session(tenant_id).state == SessionState.SESSION_STATE_CONNECTED

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return bool(re.search(r"^Try, in another terminal", self.output.read_text(), re.MULTILINE))

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("BOTMESH_MESH") == self.name
        except psutil.Error:
            return False


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
