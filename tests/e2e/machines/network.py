"""Machines in network namespaces, joined by a bridge."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

SUBNET = "10.77.0"


def require_namespaces() -> None:
    """Skip without the right to make namespaces; fail instead where CI is set."""
    probe = f"bm{secrets.token_hex(3)}"
    why = "network namespaces need root and iproute2"
    if shutil.which("ip") and os.geteuid() == 0:
        made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False)
        if made.returncode == 0:
            subprocess.run(["ip", "netns", "delete", probe], check=True)
            return
        why = made.stderr.decode().strip()
    assert "CI" not in os.environ, why
    pytest.skip(why)


class Machine:
    """A namespace with a loopback of its own and one address on the network."""

    def __init__(self, network: "Network", name: str, number: int) -> None:
        self.name = name
        self.address = f"{SUBNET}.{number}"
        self.space = f"{network.name}{name}"
        self._port = f"{network.name}p{number}"
        self._processes: list[subprocess.Popen[bytes]] = []
        inner = f"{network.name}i{number}"
        _ip("netns", "add", self.space)
        _ip("link", "add", self._port, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", self.space)
        _ip("link", "set", self._port, "master", network.bridge, "up")
        self.run("ip", "address", "add", f"{self.address}/24", "dev", inner)
        self.run("ip", "link", "set", inner, "up")
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command on the machine; what it printed."""
        done = subprocess.run(
            self._on(command), env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(
        self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a process on the machine."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self._on(command), env=env, stdout=output, stderr=output, start_new_session=True
            )
        self._processes.append(process)
        return process

    def popen(self, command: Sequence[str], env: Mapping[str, str]) -> "subprocess.Popen[str]":
        """Start a process on the machine whose output is read."""
        return subprocess.Popen(self._on(command), env=env, stdout=subprocess.PIPE, text=True)

    def cut_off(self) -> None:
        """Pull the plug."""
        _ip("link", "set", self._port, "down")

    def heal(self) -> None:
        """Put it in again."""
        _ip("link", "set", self._port, "up")

    def kill(self) -> None:
        """End every process on the machine, as a loss of power does."""
        pids = _ip("netns", "pids", self.space).split()
        if pids:
            subprocess.run(["kill", "-9", *pids], stderr=subprocess.DEVNULL, check=False)
        for process in self._processes:
            process.wait()
        self._processes.clear()

    def remove(self) -> None:
        """End it for good."""
        self.kill()
        _ip("netns", "delete", self.space)

    def _on(self, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.space, *command]


class Network:
    """A bridge and the machines on it."""

    def __init__(self) -> None:
        self.name = f"bm{secrets.token_hex(2)}"
        self.bridge = f"{self.name}b"
        self._machines: list[Machine] = []
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("link", "set", self.bridge, "up")

    def machine(self, name: str) -> Machine:
        """A new machine on the bridge."""
        machine = Machine(self, name, len(self._machines) + 1)
        self._machines.append(machine)
        return machine

    def remove(self) -> None:
        """End all machines and the bridge."""
        for machine in self._machines:
            machine.remove()
        _ip("link", "delete", self.bridge)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout
