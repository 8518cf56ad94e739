"""A sandbox process: its folder, its ports, its life."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.metadata
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import grpc.aio
import structlog

from botmesh.sandbox.v1 import media_pb2_grpc, people_pb2_grpc, sandbox_pb2_grpc
from sandbox import authority
from sandbox.addresses import Addresses
from sandbox.control import SandboxServicer
from sandbox.media_control import MediaServicer
from sandbox.network import Network
from sandbox.people_control import PeopleServicer
from sandbox.proxy import Proxy
from sandbox.settings import SandboxSettings
from sandbox.state.database import Database
from sandbox.state.media import HOSTS
from sandbox.state.store import Store

HOST: Final = "127.0.0.1"
# Below the range from which Linux picks the local ports of outgoing connections: a port that the
# state remembers should still be free after a restart.
_PICKED_PORTS: Final = range(20000, 32000)
_PICK_TRIES: Final = 50
_BACKLOG: Final = 1024
_STOP_SECONDS: Final = 0.2
_SERVER_OPTIONS: Final = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 1 << 24))
Bound = TypeVar("Bound")
_log = structlog.get_logger()


class StartError(Exception):
    """The sandbox cannot start; the text says why."""


async def run(settings: SandboxSettings) -> None:
    """Serve until told to stop; raises StartError."""
    stop = asyncio.Event()
    _stop_on_signals(stop)
    if settings.die_with_fd is not None:
        _stop_with(settings.die_with_fd, stop)
    with _owned_folder(settings.data_dir) as folder:
        store = Store(folder / "sandbox.db")
        try:
            await _serve(settings, folder, store, stop)
        finally:
            store.close()


async def _serve(
    settings: SandboxSettings, folder: Path, store: Store, stop: asyncio.Event
) -> None:
    network = Network(store)
    proxy = Proxy(
        authority.tls_context(folder),
        network.unknown,
        network.refuses,
        network.connect,
        (HOSTS, network.media_host.serve),
    )
    loop = asyncio.get_running_loop()
    control = grpc.aio.server(options=_SERVER_OPTIONS)

    async def listen(port: int) -> asyncio.Server:
        return await loop.create_server(proxy.door, HOST, port, backlog=_BACKLOG)

    async def listen_for_control(port: int) -> int:
        return int(control.add_insecure_port(f"{HOST}:{port}"))

    control_port, _ = await _bind(
        store.database, "control", settings.control_port, listen_for_control
    )
    proxy_port, server = await _bind(store.database, "proxy", settings.proxy_port, listen)
    addresses = Addresses(
        proxy_url=f"http://{HOST}:{proxy_port}",
        ca_file=str(folder / "ca.pem"),
        root_key=network.authority.root.public.hex(),
        control_address=f"{HOST}:{control_port}",
        data_dir=str(folder),
        pid=os.getpid(),
    )
    servicer = SandboxServicer(network, addresses, _version())
    sandbox_pb2_grpc.add_SandboxServiceServicer_to_server(servicer, control)
    media_pb2_grpc.add_SandboxMediaServiceServicer_to_server(MediaServicer(network), control)
    people_pb2_grpc.add_PeopleServiceServicer_to_server(PeopleServicer(network), control)
    await control.start()
    for phone in store.phones.all():
        network.delivery.wake(phone)
    addresses.write()
    _log.info(
        "sandbox_ready",
        proxy=addresses.proxy_url,
        control=addresses.control_address,
        pid=os.getpid(),
    )
    await stop.wait()
    server.close()
    proxy.close()
    await control.stop(_STOP_SECONDS)
    _log.info("sandbox_stopped")


async def _bind(
    database: Database,
    name: str,
    configured: int,
    listen: Callable[[int], Awaitable[Bound]],
) -> tuple[int, Bound]:
    """Listen at the configured port, or at the one of the last time, or at a new one."""
    if configured:
        try:
            return configured, await listen(configured)
        except (OSError, RuntimeError) as error:
            raise StartError(f"the {name} port {configured} is taken: {error}") from error
    remembered = int(database.get(f"port.{name}") or 0)
    if remembered:
        with contextlib.suppress(OSError, RuntimeError):
            return remembered, await listen(remembered)
        _log.warning("remembered_port_taken", which=name, port=remembered)
    for port in random.sample(_PICKED_PORTS, _PICK_TRIES):
        with contextlib.suppress(OSError, RuntimeError):
            bound = await listen(port)
            database.put(f"port.{name}", str(port).encode())
            return port, bound
    raise StartError(f"no free port was found for the {name}")


@contextlib.contextmanager
def _owned_folder(data_dir: Path) -> Iterator[Path]:
    """The data directory, for this process alone."""
    folder = data_dir.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock = os.open(folder / "sandbox.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StartError(f"the data directory cannot be used: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StartError(f"another sandbox is using {folder}") from error
    try:
        yield folder
    finally:
        os.close(lock)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _stop_with(descriptor: int, stop: asyncio.Event) -> None:
    """Stop when the other end of a pipe is gone, as it is when its holder dies."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(descriptor, 1024):
            loop.remove_reader(descriptor)
            stop.set()

    loop.add_reader(descriptor, read)


def _version() -> str:
    try:
        return importlib.metadata.version("botmesh")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"
