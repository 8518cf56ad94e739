"""A botnode's life in small, without WhatsApp and without a server: what it runs once has run.

It is the real botnode but for the two, in a data directory that is thrown away.
"""

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from botmesh import __version__
from botmesh.rpc.datadir import DataDir
from botmesh.rpc.lifecycle import StopSignal
from botmesh.v1 import bot_pb2, message_pb2
from botnode import neonize_stand_in
from botnode.app import Botnode
from botnode.folder import TenantFolder
from botnode.forkserver import stand_in_server
from botnode.forkserver.stand_in_server import Server
from botnode.lease import FolderLease
from botnode.neonize_stand_in import ACCOUNT, OTHER, Go
from botnode.session import Session
from botnode.settings import BotnodeSettings
from botnode.states import SessionState
from botnode.tenant import Tenant

TENANT = "rehearsal"
_SERVICE = f"/{bot_pb2.DESCRIPTOR.services_by_name['BotService'].full_name}"
# Linux's: no disk is waited for.
_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it has a name that nobody knows, and is 0700
# How long a life may take.
LIMIT_S = 30.0
_LOOK_S = 0.001


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A data directory that is thrown away, with a tenant that is paired."""
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="botmesh-", dir=memory) as place:
        path = Path(place) / "data"
        tenant = TenantFolder(DataDir.open(path, TENANT, sandbox=False).tenant(TENANT))
        tenant.create()
        with contextlib.closing(sqlite3.connect(tenant.session_db)) as session:
            session.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT)")
            session.execute(
                "INSERT INTO whatsmeow_device VALUES (?, ?)", (ACCOUNT.jid, ACCOUNT.lid)
            )
            session.commit()
        yield path


async def rehearse(data_dir: Path, *, rounds: int) -> None:
    """Live a short life in a data directory.

    Args:
        data_dir: where the tenant is.
        rounds: how often all is asked that is asked again and again.
    """
    status = os.open(os.devnull, os.O_WRONLY)
    settings = BotnodeSettings.read(
        {
            "TENANT_ID": TENANT,
            "BOTMESH_MESH": TENANT,
            "BOTMESH_DATA_DIR": str(data_dir),
            "BOTMESH_DISCOVERY": "embedded",
            "BOTMESH_STATUS_FD": str(status),
            "BOTMESH_PACING_MESSAGES_PER_MINUTE": "0",
            "BOTMESH_PACING_NEW_CHATS_PER_DAY": "0",
            "BOTMESH_PACING_LEAST_PAUSE_S": "0",
            "BOTMESH_PACING_MOST_PAUSE_S": "0",
        }
    )
    server, go = Server(), Go()
    try:
        with stand_in_server.in_place(server), neonize_stand_in.in_place(go):
            async with asyncio.timeout(LIMIT_S):
                await _ShortLived(settings, server, go, rounds).run()
    finally:
        go.hang_up()
        os.close(status)


class _ShortLived(Botnode):
    """A botnode that stops when it has talked a little with itself."""

    def __init__(self, settings: BotnodeSettings, server: Server, go: Go, rounds: int) -> None:
        super().__init__(settings, StopSignal(), __version__)
        self._server = server
        self._go = go
        self._rounds = rounds
        self._lease: FolderLease | None = None
        self._connected = asyncio.Event()
        self._machine.observe(self._see)

    def _see(self, session: Session) -> None:
        if session.state is SessionState.CONNECTED:
            self._connected.set()

    async def _acquire(self, lease: FolderLease, address: str) -> bool:
        self._lease = lease
        return await super()._acquire(lease, address)

    async def _go_online(self, tenant: Tenant) -> None:
        await super()._go_online(tenant)
        await self._connected.wait()
        for _ in range(self._rounds):
            await self._talk()
        while self._go.is_busy:  # noqa: ASYNC110 - a thread's end of work tells nobody
            await asyncio.sleep(_LOOK_S)
        self._stop.set()

    async def _talk(self) -> None:
        content = message_pb2.MessageContent(text=message_pb2.TextContent(body="hello"))
        send = bot_pb2.SendMessageRequest(tenant_id=TENANT, to=OTHER, content=content)
        await self._call("SendMessage", send)
        await self._call("GetSession", bot_pb2.GetSessionRequest(tenant_id=TENANT))
        await self._call("ListMessages", bot_pb2.ListMessagesRequest(tenant_id=TENANT))

    async def _call(self, method: str, request: Message) -> None:
        secret = DataDir.open(self._settings.data_dir, TENANT).secret
        await self._server.call(secret, f"{_SERVICE}/{method}", request)

    async def _shut_down(self, server: Any, health: Any, tenant: Tenant | None) -> bool:
        if tenant is not None:
            # A real client is waited for, until it has brought all that it has.
            setattr(tenant.whatsapp, "close", _at_once)  # noqa: B010 - mypy: a method
        hung_up = await super()._shut_down(server, health, tenant)
        if self._lease is not None:  # it would stay with the process
            self._lease.release()
        return hung_up


async def _at_once() -> None:
    pass
