"""A botnode on a real gRPC server and a real store, with a WhatsApp that tests play."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from botmesh.errors import MeshError, from_rpc_error
from botmesh.rpc.interceptors import ErrorInterceptor, SecretInterceptor
from botmesh.rpc.server import bind, create_server
from botmesh.v1 import bot_pb2, bot_pb2_grpc, message_pb2, session_pb2
from botnode.clock import now
from botnode.folder import TenantFolder
from botnode.hearing import Doubts
from botnode.identity import Identity
from botnode.line import Process, Timing
from botnode.media_fetcher import FetchLimit
from botnode.ownership import take
from botnode.pacing import Pace
from botnode.ports import Account, Connected, Inbox
from botnode.services import Services
from botnode.session import SessionMachine
from botnode.states import SessionState
from botnode.tenant import MediaWays, Tenant
from tests.integration.botnode.fake_transfer import FakeTransfer
from tests.integration.botnode.fake_whatsapp import ACCOUNT, FakeWhatsApp

SECRET = "a-secret-of-the-mesh"
PATIENCE_S = 5.0
# As the real ones, only shorter.
TIMING = Timing(
    login_s=0.3,
    first_code_s=0.5,
    code_slack_s=0.1,
    doubts=Doubts(answer_s=0.05),
    reconnect_s=0.3,
    backoff_first_s=0.01,
    backoff_most_s=0.05,
    replaced_least_s=0.01,
    replaced_most_s=0.02,
    ban_unknown_s=0.05,
    outdated_s=0.05,
    log_out_s=0.2,
    poll_s=0.005,
)


def text_content(text: str) -> message_pb2.MessageContent:
    """A text."""
    return message_pb2.MessageContent(text=message_pb2.TextContent(body=text))


class Node:
    """A botnode in this process, and a client of it."""

    def __init__(self, path: Path, tenant_id: str = "shop", mesh: str = "test") -> None:
        self.folder = TenantFolder(path / "tenants" / tenant_id)
        self.folder.path.parent.mkdir(parents=True, exist_ok=True)
        self.folder.create()
        self.identity = Identity(tenant_id, "Shop", mesh, "abcd1234", "1.0", now())
        self.said: list[str] = []
        self.moves: list[SessionState] = []
        self.holds_lease = True
        self.transfer = FakeTransfer()
        self.limit = FetchLimit()
        self.metadata: tuple[tuple[str, str], ...] = (("botmesh-secret", SECRET),)

    async def _confirm_lease(self) -> bool:
        return self.holds_lease

    async def start(
        self, account: Account | None = None, timing: Timing = TIMING, pace: Pace | None = None
    ) -> "Node":
        """Take the folder and serve it; with an account, connected."""
        self.machine = SessionMachine()
        self.machine.observe(lambda session: self.moves.append(session.state))
        owned = take(self.folder.node_db, self.identity, sandbox=True)
        self.machine.adopt(account)
        self.whatsapp: FakeWhatsApp

        def make(inbox: Inbox, _: asyncio.AbstractEventLoop) -> FakeWhatsApp:
            self.whatsapp = FakeWhatsApp(inbox, stored=account)
            if account is not None:
                self.whatsapp.login.append(Connected(account))
            return self.whatsapp

        process = Process(
            confirm_lease=self._confirm_lease,
            renew=lambda: self.said.append("renew"),
            fail=lambda why: self.said.append(f"fail: {why}"),
            crash=lambda: self.said.append("crash"),
            lose=lambda why: self.said.append(f"lost: {why}"),
        )
        self.tenant = Tenant(
            self.identity,
            self.machine,
            self.folder,
            owned,
            make_whatsapp=make,
            process=process,
            timing=timing,
            pace=pace,
            media=MediaWays(make_transfer=lambda _: self.transfer, limit=self.limit),
        )
        await self.tenant.open()
        self.services = Services(self.identity, self.machine)
        self.server = create_server([ErrorInterceptor(), SecretInterceptor(SECRET)])
        self.services.add_to(self.server)
        port = bind(self.server, "127.0.0.1", 0)
        await self.server.start()
        self.address = f"127.0.0.1:{port}"
        self.channel = grpc.aio.insecure_channel(self.address)
        self.stub = bot_pb2_grpc.BotServiceStub(self.channel)
        self.services.serve(self.tenant)
        self.tenant.start(unlinked=False)
        if account is not None:
            await self.until(SessionState.CONNECTED)
        return self

    async def stop(self, drain_s: float = 0.2) -> None:
        """Stop in good order."""
        self.services.stop()
        await self.tenant.stop(drain_s)
        await self.server.stop(0.2)
        await self.channel.close()

    async def crash(self) -> None:
        """End as a kill would: nothing more is written."""
        self.tenant._store._closing = True
        await self.channel.close()
        await self.server.stop(0)
        for task in list(self.tenant._tasks):
            task.cancel()

    async def until(self, state: SessionState) -> None:
        found = await self.machine.wait_for(lambda session: session.state is state, PATIENCE_S)
        assert found, f"{self.machine.current} is not {state}"

    async def flush(self) -> None:
        """Return when everything that was written is on disk."""
        await self.tenant._store.write(lambda _: None)

    async def send(
        self, text: str = "hola", to: str = "+525512345678", **more: Any
    ) -> message_pb2.Message:
        metadata = self.metadata + tuple(more.pop("metadata", {}).items())
        timeout = more.pop("timeout", PATIENCE_S)
        request = bot_pb2.SendMessageRequest(
            tenant_id=more.pop("tenant_id", self.identity.tenant_id),
            to=to,
            content=more.pop("content", None) or text_content(text),
            **more,
        )
        with typed_errors():
            answer = await self.stub.SendMessage(request, metadata=metadata, timeout=timeout)
        return answer.message

    async def session(self, **metadata: str) -> session_pb2.Session:
        request = bot_pb2.GetSessionRequest(tenant_id=self.identity.tenant_id)
        sent = self.metadata + tuple(metadata.items())
        with typed_errors():
            return (await self.stub.GetSession(request, metadata=sent)).session

    async def stream_qr(self) -> AsyncIterator[bot_pb2.StreamQRResponse]:
        request = bot_pb2.StreamQRRequest(tenant_id=self.identity.tenant_id)
        call = self.stub.StreamQR(request, metadata=self.metadata)
        try:
            with typed_errors():
                async for step in call:
                    yield step
        finally:
            call.cancel()

    async def request_code(
        self, number: str = "+5215512345678", timeout_s: float = PATIENCE_S
    ) -> bot_pb2.RequestPairingCodeResponse:
        request = bot_pb2.RequestPairingCodeRequest(
            tenant_id=self.identity.tenant_id, phone_number=number
        )
        with typed_errors():
            return await self.stub.RequestPairingCode(
                request, metadata=self.metadata, timeout=timeout_s
            )

    async def log_out(self, *, force: bool = False) -> session_pb2.Session:
        request = bot_pb2.LogOutRequest(tenant_id=self.identity.tenant_id, force=force)
        with typed_errors():
            return (await self.stub.LogOut(request, metadata=self.metadata, timeout=5)).session

    async def events(self, count: int) -> list[Any]:
        """The first events of the log."""
        request = bot_pb2.StreamEventsRequest(tenant_id=self.identity.tenant_id)
        request.oldest.SetInParent()
        call = self.stub.StreamEvents(request, metadata=self.metadata, timeout=PATIENCE_S)
        found = []
        with typed_errors():
            async for item in call:
                if item.HasField("event"):
                    found.append(item.event)
                if len(found) == count:
                    break
        call.cancel()
        return found


@contextlib.contextmanager
def typed_errors() -> Any:
    """Turns an RpcError with a typed error into that error."""
    try:
        yield
    except grpc.RpcError as error:
        typed = from_rpc_error(error)
        if typed is None:
            raise
        raise typed from error


async def error_of(call: Awaitable[Any]) -> MeshError:
    """The typed error that a call fails with."""
    try:
        found = await call
    except MeshError as error:
        return error
    raise AssertionError(f"it did not fail: {found}")


async def eventually(what: Callable[[], Any]) -> Any:
    """Wait until something is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := what()):  # noqa: ASYNC110 - anything may be waited for
            await asyncio.sleep(0.005)
    return found


@pytest.fixture
async def make_node(tmp_path: Path) -> AsyncIterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def make(**identity: str) -> Node:
        nodes.append(Node(tmp_path, **identity))
        return nodes[-1]

    yield make
    for node in nodes:
        with contextlib.suppress(Exception):
            await node.stop(0)


@pytest.fixture
async def unpaired(make_node: Callable[..., Node]) -> Node:
    """Serves a tenant without an account."""
    node = await make_node().start()
    await node.until(SessionState.UNPAIRED)
    return node


@pytest.fixture
async def node(make_node: Callable[..., Node]) -> Node:
    """Serves a connected tenant."""
    return await make_node().start(dataclasses.replace(ACCOUNT))
