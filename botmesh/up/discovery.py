"""Which discovery ``botmesh up`` uses, and the Consul agent that it starts for itself."""

import asyncio
import os
import shutil
import socket
from dataclasses import dataclass, field
from typing import Literal

from registry.discovery.consul_settings import ConsulSettings

Choice = Literal["auto", "consul", "embedded"]

DEFAULT_PORT = 8500
POLL_S = 0.1
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found.

    Attributes:
        name: what the mesh's processes are told.
        headline: one line for people that says which and why.
        agent: the command line of an agent to start first; empty if none is to be started.
        env: what the mesh's processes need to find it.
    """

    name: Literal["consul", "embedded"]
    headline: str
    agent: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


async def choose(choice: Choice, settings: ConsulSettings, mesh: str) -> Discovery:
    """What a mesh on this machine shall use.

    That is the agent that the environment names or that answers at its usual place; else one of
    our own, if the binary is there; else none.
    """
    if choice == "embedded":
        return Discovery("embedded", "embedded (this machine only), as told")
    running = Discovery("consul", f"Consul at {settings.url}, its UI at {settings.url}/ui")
    # It may come later; until then the gateway says in its health that it waits for it.
    awaited = Discovery("consul", f"Consul at {settings.url}, which does not answer yet")
    answered = await _answers(settings, mesh)
    if answered or os.environ.get("CONSUL_HTTP_ADDR"):
        return running if answered else awaited
    binary = shutil.which("consul")
    if binary is not None:
        return _own_agent(binary)
    if choice == "consul":
        return awaited
    return Discovery("embedded", "embedded (this machine only): no Consul agent, and no binary")


async def running(mesh: str) -> Literal["consul", "embedded"]:
    """What a mesh uses that runs on this machine already, and goes on without `botmesh up`.

    An agent that ``botmesh up`` started for itself ends with it, and does not count.
    """
    choice = os.environ.get("BOTMESH_DISCOVERY", "")
    if choice in {"consul", "embedded"}:
        return "consul" if choice == "consul" else "embedded"
    if os.environ.get("CONSUL_HTTP_ADDR") or await _answers(ConsulSettings.load(), mesh):
        return "consul"
    return "embedded"


async def answering(settings: ConsulSettings, mesh: str) -> None:
    """Return when the agent answers."""
    while not await _answers(settings, mesh):  # noqa: ASYNC110 - another process's state
        await asyncio.sleep(POLL_S)


async def _answers(settings: ConsulSettings, mesh: str) -> bool:
    from registry.discovery.consul import ConsulDiscovery  # noqa: PLC0415 - slow, and often unused

    discovery = ConsulDiscovery(settings, mesh)
    try:
        return await discovery.answers()
    finally:
        await discovery.close()


def _own_agent(binary: str) -> Discovery:
    """An agent in development mode: in memory, on loopback, its UI on."""
    http, lan, server = _free_ports(DEFAULT_PORT)
    address = f"{LOOPBACK}:{http}"
    command = (
        *(binary, "agent", "-dev", "-ui", "-log-level=warn"),
        *(f"-bind={LOOPBACK}", f"-client={LOOPBACK}", f"-http-port={http}"),
        *(f"-serf-lan-port={lan}", f"-server-port={server}", "-serf-wan-port=-1"),
        *("-dns-port=-1", "-grpc-port=-1"),
        # Every botnode keeps a connection to it; the usual limit is 200 for one address.
        *("-hcl", "limits { http_max_conns_per_client = 2000 }"),
    )
    headline = f"Consul, started here in development mode, its UI at http://{address}/ui"
    return Discovery("consul", headline, command, {"CONSUL_HTTP_ADDR": address})


def _free_ports(wanted: int) -> tuple[int, int, int]:
    """Three free ports, the first being the wanted one if it is free."""
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        try:
            first.bind((LOOPBACK, wanted))
        except OSError:
            first.bind((LOOPBACK, 0))
        second.bind((LOOPBACK, 0))
        third.bind((LOOPBACK, 0))
        http, lan, server = (int(s.getsockname()[1]) for s in (first, second, third))
    return http, lan, server
