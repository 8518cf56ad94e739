"""One mesh on two machines: a Consul server, and on each machine a client agent and a host.

The machines are network namespaces. One file stands for the registry's shared database; WhatsApp
(the sandbox) stays reachable for both, whatever becomes of the network between them.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from consul_agent import consul_binary

from botmesh.rpc.datadir import DataDir
from botmesh.sandbox import v1 as sandbox
from sandbox.launch import RunningSandbox
from tests.e2e.machines.network import Machine, Network, require_namespaces
from tests.e2e.mesh.harness import eventually
from tests.unpaced import UNPACED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MESH = "machines"
SHOPS = {"uno": "+5215512350001", "dos": "+5215512350002"}
CUSTOMER = "+5215587650099"
RELAY = Path(__file__).with_name("relay.py")
# The usual gossip needs ten seconds to be sure that a machine is gone.
GOSSIP = {"probe_interval": "200ms", "probe_timeout": "150ms", "suspicion_mult": 3}
# An agent looks for those it lost every 30 s, whenever it was that it lost them, and that cannot be
# configured (ReconnectInterval of Serf, which Consul's gossip is made of).
REJOINED_S = 75.0


class Mesh:
    """The server, the two machines, and the sandbox that both reach."""

    def __init__(self, network: Network, running: RunningSandbox, folder: Path) -> None:
        self.folder = folder
        self.sandbox = running
        self.server = network.machine("s")
        self.here = network.machine("a")
        self.there = network.machine("b")
        self._relays = folder / "whatsapp.sock"
        self._hosts: dict[str, subprocess.Popen[bytes]] = {}
        self._outside: list[subprocess.Popen[bytes]] = []
        for machine in (self.here, self.there):
            DataDir.open(folder / machine.name, MESH, sandbox=True)
        # One mesh has one secret: whoever sets up a second machine copies it.
        shutil.copy(folder / "a" / "mesh.secret", folder / "b" / "mesh.secret")

    def start(self) -> None:
        """Start everything; `uno` lives here, `dos` there."""
        command = [sys.executable, str(RELAY), f"unix:{self._relays}", f"tcp:{self._proxy}"]
        self._outside.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        self._agent(self.server, server=True)
        self.start_machine(self.there)
        self._start(self.here, "gateway")
        self._create("dos")
        there = self._hosts[self.there.name]
        there.send_signal(signal.SIGSTOP)  # so that the other one takes the next tenant
        self.start_machine(self.here)
        self._create("uno")
        there.send_signal(signal.SIGCONT)

    def start_machine(self, machine: Machine) -> None:
        """What runs on a machine with tenants."""
        command = [sys.executable, str(RELAY), f"tcp:{self._proxy}", f"unix:{self._relays}"]
        machine.start(command, self.folder / "relay.log")
        self._agent(machine, server=False)
        self._hosts[machine.name] = self._start(machine, "botnode.host")

    def command(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """The command, typed on the machine with the gateway; its last line of JSON."""
        call = [sys.executable, "-m", "botmesh", "--json", *arguments]
        with self.here.popen(call, self._environment(self.here)) as process:
            printed, _ = process.communicate(timeout=60)
        assert process.returncode == status, printed
        found: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return found

    def pair(self, tenant_id: str, phone: str, phones: sandbox.SandboxServiceStub) -> None:
        """Scan the code that the command shows."""
        call = [sys.executable, "-m", "botmesh", "--json", "qr", tenant_id]
        with self.here.popen(call, self._environment(self.here)) as process:
            assert process.stdout is not None
            for line in process.stdout:
                step = json.loads(line)
                if "code" in step:
                    code = step["code"]["code"]
                    phones.Scan(sandbox.ScanRequest(phone=phone, code=code), timeout=30)
        assert process.returncode == 0

    def send(self, tenant_id: str, text: str) -> None:
        """Send from a tenant to the customer."""
        self.command("send", tenant_id, CUSTOMER, text)

    def is_reached(self, tenant_id: str) -> bool:
        """Whether the gateway reaches the tenant's botnode, and that is connected."""
        call = [sys.executable, "-m", "botmesh", "session", tenant_id]
        with self.here.popen(call, self._environment(self.here)) as process:
            printed, _ = process.communicate(timeout=60)
        return "CONNECTED" in printed

    def _create(self, tenant_id: str) -> None:
        eventually(lambda: self._try_create(tenant_id))
        eventually(lambda: self.command("tenant", "show", tenant_id).get("pid"))

    def _try_create(self, tenant_id: str) -> bool:
        call = [sys.executable, "-m", "botmesh", "tenant", "add", tenant_id]
        with self.here.popen(call, self._environment(self.here)) as process:
            process.communicate(timeout=60)
        return process.returncode == 0

    def _start(self, machine: Machine, module: str) -> Any:
        log = self.folder / f"{machine.name}-{module}.log"
        command = [sys.executable, "-m", module]
        return machine.start(command, log, self._environment(machine))

    def _agent(self, machine: Machine, *, server: bool) -> None:
        command = [consul_binary(), "agent", f"-node=machine-{machine.name}"]
        command += [f"-data-dir={self.folder / f'consul-{machine.name}'}", "-log-level=warn"]
        command += [
            f"-bind={machine.address}",
            "-client=127.0.0.1",
            "-hcl",
            "disable_update_check=true",
        ]
        gossip = " ".join(f"{key}={json.dumps(value)}" for key, value in GOSSIP.items())
        command += ["-hcl", f"gossip_lan {{ {gossip} }}"]
        if server:
            command += ["-server", "-bootstrap-expect=1", "-hcl", "performance {raft_multiplier=1}"]
        else:
            command += [f"-retry-join={self.server.address}", "-retry-interval=1s"]
        machine.start(command, self.folder / f"{machine.name}-consul.log")

    @property
    def _proxy(self) -> str:
        return self.sandbox.addresses.proxy_url.removeprefix("http://")

    def close(self) -> None:
        """End what runs outside of the machines."""
        for process in self._outside:
            process.kill()
            process.wait()

    def _environment(self, machine: Machine) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "BOTMESH_MESH": MESH,
            "BOTMESH_DATA_DIR": str(self.folder / machine.name),
            "BOTMESH_DATABASE_URL": f"sqlite:///{self.folder / 'registry.db'}",
            "BOTMESH_DISCOVERY": "consul",
            "BOT_API_HOST": machine.address,
            "BOTMESH_TIMEOUT": "5",
            **UNPACED,
            **self.sandbox.environment(),
        }


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A mesh on two machines, both tenants paired."""
    require_namespaces()
    consul_binary()
    network = Network()
    try:
        with RunningSandbox(tmp_path / "sandbox") as running:
            mesh = Mesh(network, running, tmp_path)
            try:
                mesh.start()
                yield mesh
            finally:
                mesh.close()
                network.remove()
    except BaseException:
        for log in sorted(tmp_path.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-3000:]}")
        raise


def test_a_machine_is_cut_off_healed_killed_and_started_again(mesh: Mesh) -> None:
    control = mesh.sandbox.addresses.control_address
    with grpc.insecure_channel(control) as channel:
        phones = sandbox.SandboxServiceStub(channel)
        for tenant_id, phone in SHOPS.items():
            mesh.pair(tenant_id, phone, phones)
        homes = {tenant_id: mesh.command("tenant", "show", tenant_id) for tenant_id in SHOPS}
        assert homes["uno"]["address"].startswith(mesh.here.address)
        assert homes["dos"]["address"].startswith(mesh.there.address)
        for tenant_id in SHOPS:
            mesh.send(tenant_id, "hola")
        logins = _logins(phones)

        mesh.there.cut_off()
        mesh.send("uno", "sigo")
        assert mesh.command("session", "dos", status=3)["error"]["reason"] == "BOTNODE_UNAVAILABLE"
        mesh.there.heal()
        eventually(lambda: mesh.is_reached("dos"), REJOINED_S)
        mesh.send("dos", "otra vez")
        assert _logins(phones) == logins  # WhatsApp never noticed

        mesh.there.kill()
        mesh.send("uno", "sigo")
        assert mesh.command("session", "dos", status=3)["error"]["reason"] == "BOTNODE_UNAVAILABLE"
        mesh.start_machine(mesh.there)
        eventually(lambda: mesh.is_reached("dos"), REJOINED_S)
        mesh.send("dos", "de vuelta")
        assert _logins(phones) == {**logins, SHOPS["dos"]: logins[SHOPS["dos"]] + 1}

        request = sandbox.ListMessagesRequest(phone=CUSTOMER)
        texts = [message.text for message in phones.ListMessages(request).messages]
        assert sorted(texts) == ["de vuelta", "hola", "hola", "otra vez", "sigo", "sigo"]


def _logins(phones: sandbox.SandboxServiceStub) -> dict[str, int]:
    devices = phones.ListDevices(sandbox.ListDevicesRequest()).devices
    return {device.phone: device.logins for device in devices}
