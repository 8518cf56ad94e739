"""Real Consul agents for tests, each on ports and data of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
START_LIMIT_S = 20.0
MISSING = (
    "Consul: no binary; set CONSUL_BIN, or run .ci/consul (Debian), or install consul on the PATH"
)


def consul_binary() -> str:
    """The Consul to test with; without one the test is skipped, or fails where CI is set."""
    fetched = ROOT / ".tools" / "consul" / "usr" / "bin" / "consul"
    for candidate in (os.environ.get("CONSUL_BIN"), str(fetched), shutil.which("consul")):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


class ConsulAgent:
    """An agent with its UI: a server that keeps all in memory, or with `keeps_data` on disk.

    With `joins`, the "host:port" of another one's gossip, it is a client of that one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keeps_data: bool = False,
        node: str = "machine-1",
        joins: str | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.node = node
        self.binary = consul_binary()
        self.ports = dict(
            zip(("http", "server", "serf_lan", "serf_wan"), free_ports(4), strict=True)
        )
        self._keeps_data = keeps_data
        self._joins = joins
        self._config = config or {}
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """host:port of its HTTP API."""
        return f"127.0.0.1:{self.ports['http']}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> "ConsulAgent":
        """Start it, on the ports that it had before, if it ran before; wait until it is of use."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "node_name": self.node,
            "bind_addr": "127.0.0.1",
            "ports": {**self.ports, "dns": -1, "grpc": -1, **self._config.get("ports", {})},
            "ui": True,
            "disable_update_check": True,
            "limits": {"http_max_conns_per_client": 2000},
            **{key: value for key, value in self._config.items() if key != "ports"},
        }
        if self._keeps_data:
            settings |= {
                "server": True,
                "bootstrap_expect": 1,
                "data_dir": str(self.folder / "data"),
                # What -dev does as well: an election takes a tenth of the time.
                "performance": {"raft_multiplier": 1},
            }
        if self._joins is not None:
            settings |= {"data_dir": str(self.folder / "data"), "retry_join": [self._joins]}
        config = self.folder / "agent.json"
        config.write_text(json.dumps(settings))
        command = [self.binary, "agent", f"-config-file={config}"]
        if not self._keeps_data and self._joins is None:
            command.append("-dev")
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._until_leading()
        return self

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Have it leave in an orderly way."""
        self._end(signal.SIGTERM)

    def forget(self) -> None:
        """Lose all data, as a machine that was set up anew; while it does not run."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def pause(self) -> None:
        """Let it hang."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it no longer hang."""
        os.kill(self.pid, signal.SIGCONT)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Call its HTTP API; None for what is not there."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://{self.address}{path}", data, method=method)
        for name, value in {"X-Consul-Token": self.token, **headers}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from error
        return json.loads(text) if text else None

    def services(self) -> dict[str, Any]:
        """The services of this agent by their ids."""
        return self.call("GET", "/v1/agent/services") or {}

    def entries(self, service: str = "botnode") -> list[Any]:
        """What the catalog says of a service, checks included."""
        return self.call("GET", f"/v1/health/service/{service}") or []

    def keys(self, prefix: str = "botmesh/") -> dict[str, str | None]:
        """The keys below a prefix, each with the session that holds it."""
        found = self.call("GET", f"/v1/kv/{prefix}?recurse") or []
        return {item["Key"]: item.get("Session") for item in found}

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "agent.log").read_text(errors="replace")

    def _until_leading(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            assert self._process is not None
            assert self._process.poll() is None, self.log()[-2000:]
            try:
                # A session needs the node's health; an agent has that moments after its leader.
                checks = self.call("GET", f"/v1/health/node/{self.node}")
                if checks or self._config.get("acl"):
                    return
            except (OSError, AssertionError):
                pass
            assert time.monotonic() < deadline, self.log()[-2000:]
            time.sleep(0.03)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
