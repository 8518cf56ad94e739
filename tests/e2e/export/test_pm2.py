"""Botnodes under the real PM2, in the host's place."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import psutil
import pytest

from botmesh.rpc.datadir import DataDir
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    BotServiceStub,
    CreateTenantRequest,
    GetSessionRequest,
    SessionState,
    StreamQRRequest,
    TenantServiceStub,
)
from sandbox.launch import RunningSandbox
from tests.e2e.mesh.harness import eventually, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MESH = "pm2-test"
SHOPS = {"mundo": "+5215512340001", "norte": "+5215512340002"}


class Pm2:
    """PM2 with a home of its own."""

    def __init__(self, program: Path, home: Path, env: dict[str, str]) -> None:
        self._program = program
        self._env = env | {"PM2_HOME": str(home)}

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._program), *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pids(self) -> dict[str, int]:
        text = self("jlist")
        return {app["name"]: app["pid"] for app in json.loads(text[text.index("[") :])}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    if shutil.which("npm") is None:
        assert "CI" not in os.environ, "npm must be there in CI"
        pytest.skip("npm is not installed")
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-fund", "--no-audit", "pm2@6"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        assert "CI" not in os.environ, done.stderr
        pytest.skip("pm2 cannot be installed")
    return folder / "node_modules" / ".bin" / "pm2"


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a sandbox mesh without a host."""
    data = DataDir.open(tmp_path / "data", MESH, sandbox=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BOTMESH_")}
    with RunningSandbox(data.path / "sandbox") as running:
        yield (
            clean
            | running.environment()
            | {
                "BOTMESH_MESH": MESH,
                "BOTMESH_DISCOVERY": "embedded",
                "BOTMESH_DATA_DIR": str(data.path),
                "BOTMESH_GATEWAY_PORT": str(free_port()),
                "CONTROL": running.addresses.control_address,
            }
        )


def test_pm2_runs_the_mesh_in_the_hosts_place(
    program: Path, env: dict[str, str], tmp_path: Path
) -> None:
    address = f"127.0.0.1:{env['BOTMESH_GATEWAY_PORT']}"
    ecosystem = tmp_path / "ecosystem.config.js"
    with grpc.insecure_channel(address) as channel, grpc.insecure_channel(env["CONTROL"]) as line:
        _create_and_export(channel, env, address, ecosystem)
        pm2 = Pm2(program, tmp_path / "pm2", env)
        try:
            pm2("start", str(ecosystem))
            bots = BotServiceStub(channel)
            phones = sandbox.SandboxServiceStub(line)
            for tenant_id, phone in SHOPS.items():
                _pair(bots, phones, tenant_id, phone)
            _killed_comes_back(pm2, bots, "mundo")
            running = list(pm2.pids().values())
            assert len(running) == 3
            pm2("stop", "all")
            assert not [pid for pid in running if psutil.pid_exists(pid)]
        finally:
            pm2("kill")


def _create_and_export(
    channel: grpc.Channel, env: dict[str, str], address: str, ecosystem: Path
) -> None:
    gateway = subprocess.Popen(
        [sys.executable, "-m", "gateway"], env=env, stderr=subprocess.DEVNULL
    )
    with gateway:
        try:
            tenants = TenantServiceStub(channel)
            for tenant_id in SHOPS:
                request = CreateTenantRequest(tenant_id=tenant_id, bot_port=free_port())
                tenants.CreateTenant(request, timeout=20, wait_for_ready=True)
            command = [sys.executable, "-m", "botmesh", "--gateway", address, "export", "pm2"]
            subprocess.run([*command, "-o", str(ecosystem)], env=env, check=True)
        finally:
            gateway.terminate()


def _pair(
    bots: BotServiceStub, phones: sandbox.SandboxServiceStub, tenant_id: str, phone: str
) -> None:
    request = StreamQRRequest(tenant_id=tenant_id)
    for step in bots.StreamQR(request, timeout=60, wait_for_ready=True):
        if step.HasField("code"):
            phones.Scan(sandbox.ScanRequest(phone=phone, code=step.code.code), timeout=30)
    assert _is_connected(bots, tenant_id)()


def _killed_comes_back(pm2: Pm2, bots: BotServiceStub, tenant_id: str) -> None:
    name = f"botmesh-botnode-{tenant_id}"
    killed = pm2.pids()[name]
    os.kill(killed, signal.SIGKILL)
    started = time.monotonic()
    eventually(_is_connected(bots, tenant_id), 15)
    assert time.monotonic() - started < 10
    assert pm2.pids()[name] not in (0, killed)


def _is_connected(bots: BotServiceStub, tenant_id: str) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            request = GetSessionRequest(tenant_id=tenant_id)
            state = bots.GetSession(request, timeout=5).session.state
        except grpc.RpcError:
            return False
        return bool(state == SessionState.SESSION_STATE_CONNECTED)

    return asked
