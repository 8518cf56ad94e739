"""Starts the parts of a mesh in order and stops them in reverse."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from botmesh.rpc import environment
from botmesh.rpc.datadir import DataDir
from botmesh.rpc.environment import passed_on
from botmesh.up.child import Child, Program
from botmesh.up.discovery import Discovery, answering
from botmesh.up.settings import UpSettings
from registry.discovery.consul_settings import ConsulSettings
from sandbox import addresses
from sandbox.addresses import Addresses

START_LIMIT_S = 30.0
POLL_S = 0.02
STOP_LIMIT_S = 8.0
LIVENESS_VARIABLE = "BOTMESH_LIVENESS_FD"
# Botnodes get 8 s to stop before the host kills them; the host itself needs a little more.
HOST_STOP_LIMIT_S = 12.0


class Mesh:
    """The processes of one mesh: Consul and the sandbox if wanted, the gateway, and the host."""

    def __init__(
        self,
        settings: UpSettings,
        data: DataDir,
        discovery: Discovery,
        notify: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._discovery = discovery
        self._data = data
        self._notify = notify
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Start everything. Call `stop` afterwards, whatever came of it.

        Raises:
            StartError: a part ended or did not answer in time.
        """
        # Launched in this order, and stopped in reverse; but they get ready side by side. Callers
        # come at once, so the gateway is before those that take longer anyway.
        agent = await self._launch_agent() if self._discovery.agent else None
        gateway = await self._start("gateway", env=passed_on(("BOTMESH_GATEWAY_GRACE_S",)))
        sandbox = await self._launch_sandbox() if self._settings.sandbox else None
        if agent is not None:
            await self._agent_answers(agent)
        network = passed_on(environment.NETWORK)
        if sandbox is not None:
            network = (await self._sandbox_answers(sandbox)).environment()
        own = passed_on((*environment.HOST, *environment.BOTNODE, *environment.GO))
        host = await self._start("botnode.host", env=own | network, stop_limit_s=HOST_STOP_LIMIT_S)
        await gateway.until_ready(START_LIMIT_S)
        gateway.keep_running()
        host.keep_running()

    @property
    def _sandbox_folder(self) -> Path:
        return self._data.path / "sandbox"

    async def stop(self) -> None:
        """Stop everything, the host and its botnodes first."""
        await self._stack.aclose()

    async def _launch_agent(self) -> Child:
        # It knows nothing of our pipe.
        return await self._run("consul", self._discovery.agent, env={}, dies_with_us=True)

    async def _agent_answers(self, child: Child) -> None:
        settings = ConsulSettings.load(address=self._discovery.env["CONSUL_HTTP_ADDR"])
        await child.until(answering(settings, self._settings.mesh), START_LIMIT_S)
        child.keep_running()

    async def _launch_sandbox(self) -> Child:
        return await self._start(
            "sandbox",
            env={"BOTMESH_SANDBOX_DATA_DIR": str(self._sandbox_folder)},
            liveness_variable="BOTMESH_SANDBOX_DIE_WITH_FD",
        )

    async def _sandbox_answers(self, child: Child) -> Addresses:
        folder = self._sandbox_folder
        found = await child.until(_written_by(child, folder), START_LIMIT_S)
        child.keep_running()
        return found

    async def _start(
        self,
        module: str,
        *,
        env: Mapping[str, str] | None = None,
        stop_limit_s: float = STOP_LIMIT_S,
        liveness_variable: str = LIVENESS_VARIABLE,
    ) -> Child:
        return await self._run(
            module.rpartition(".")[2],
            (sys.executable, "-m", module),
            env={**self._environment(), **(env or {})},
            stop_limit_s=stop_limit_s,
            liveness_variable=liveness_variable,
        )

    async def _run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        stop_limit_s: float = STOP_LIMIT_S,
        liveness_variable: str = LIVENESS_VARIABLE,
        dies_with_us: bool = False,
    ) -> Child:
        program = Program(
            name=name,
            argv=argv,
            env={**passed_on(environment.SYSTEM), **env},
            # No tenant's id begins so: botnodes have their logs beside it.
            log_path=self._data.logs / f"_{name}.log",
            stop_limit_s=stop_limit_s,
            liveness_variable=liveness_variable,
            dies_with_us=dies_with_us,
        )
        child = Child(program, self._notify)
        self._stack.push_async_callback(child.stop)
        await child.start()
        return child

    def _environment(self) -> dict[str, str]:
        settings = self._settings
        own = {
            "BOTMESH_MESH": settings.mesh,
            "BOTMESH_DATA_DIR": str(self._data.path),
            "BOTMESH_LOG_LEVEL": settings.log_level,
            "BOTMESH_LOG_FORMAT": "json",
            "BOTMESH_GATEWAY_HOST": settings.gateway_host,
            "BOTMESH_GATEWAY_PORT": str(settings.gateway_port),
            "BOTMESH_DISCOVERY": self._discovery.name,
        }
        if settings.database_url:
            own["BOTMESH_DATABASE_URL"] = settings.database_url
        return own | passed_on(environment.CONSUL) | self._discovery.env


async def _written_by(child: Child, folder: Path) -> Addresses:
    """Where the sandbox is, once this very process has written it."""
    while True:
        with contextlib.suppress(OSError, ValueError):
            found = addresses.read(folder)
            if found.pid == child.pid:
                return found
        await asyncio.sleep(POLL_S)
