"""The ways of a call that the hop is measured on."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio

from benchmarks import processes, references
from benchmarks.mesh import Mesh
from benchmarks.protocol_mesh import protocol_mesh
from benchmarks.references import MissingError
from botmesh.v1 import (
    BotServiceStub,
    GetSessionRequest,
    MessageContent,
    SendMessageRequest,
    TextContent,
)

TENANT = "bench-0"
TO = "+5215587654321"
BODY = "Su pedido ya va en camino.".ljust(120, ".")
LIMIT_S = 60.0
# A field that nobody knows: it makes a request as long as another one.
_UNKNOWN_FIELD = b"\xaa\x7d"
_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Way:
    """A way from a caller to a callee.

    Attributes:
        name: how tables call it.
        call: one call.
        pids: the processes of what stands between the two.
    """

    name: str
    call: Call
    pids: tuple[int, ...] = ()


@dataclass(slots=True)
class Ways:
    """All that can be measured here, and why the rest cannot."""

    found: list[Way] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def all_ways(mesh: Mesh, folder: Path) -> AsyncIterator[Ways]:
    """Start what answers at once and what stands before it.

    Args:
        mesh: one with a paired tenant, for the calls that a real botnode answers.
        folder: for what has to be written.
    """
    ways = Ways()
    async with AsyncExitStack() as stack:
        await _add_stub(ways, stack, folder)
        await _add_express(ways, stack)
        await _add_botnode(ways, mesh)
        yield ways


async def _add_stub(ways: Ways, stack: AsyncExitStack, folder: Path) -> None:
    mesh = await stack.enter_async_context(protocol_mesh(folder / "hop", 1))
    (callee,) = mesh.tenants.values()
    direct, channel = await _channel(stack, callee), await _channel(stack, mesh.address)
    ways.found.append(Way("stub", _send(direct)))
    ways.found.append(Way("gateway to stub", _send(channel), (mesh.gateway_pid,)))
    try:
        proxy = stack.enter_context(references.nginx(folder / "nginx", callee))
    except MissingError as why:
        ways.missing["nginx"] = str(why)
    else:
        pids = (proxy.pid, *processes.descendants(proxy.pid))
        call = _send(await _channel(stack, proxy.address))
        ways.found.append(Way("nginx to stub", call, pids))
        ways.versions["nginx"] = f"nginx {proxy.version}"


async def _add_express(ways: Ways, stack: AsyncExitStack) -> None:
    try:
        old = stack.enter_context(references.express())
    except MissingError as why:
        ways.missing["Express"] = str(why)
        return
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=600)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    ways.found.append(Way("Express bot", _post(session, old.bot_url)))
    ways.found.append(
        Way("Express and axios to bot", _post(session, old.gateway_url), (old.gateway_pid,))
    )
    ways.versions["Express"] = old.versions


async def _add_botnode(ways: Ways, mesh: Mesh) -> None:
    tenant = (await mesh.listed())[0]
    direct = BotServiceStub(await mesh.open_channel(tenant.address))
    through = BotServiceStub(await mesh.open_channel(mesh.address))
    request = GetSessionRequest(tenant_id=tenant.tenant_id)
    missing = _message(tenant.tenant_id).ByteSize() - request.ByteSize()
    padding = bytes(missing - len(_UNKNOWN_FIELD) - 1 - (missing > 130))  # noqa: PLR2004 - a length takes two bytes from there on
    request.MergeFromString(_UNKNOWN_FIELD + _varint(len(padding)) + padding)
    secret = mesh.secret()
    ways.found.append(
        Way("botnode", lambda: direct.GetSession(request, metadata=secret, timeout=LIMIT_S))
    )
    ways.found.append(
        Way(
            "gateway to botnode",
            lambda: through.GetSession(request, timeout=LIMIT_S),
            (mesh.part("gateway"),),
        )
    )


def _message(tenant_id: str) -> SendMessageRequest:
    return SendMessageRequest(
        tenant_id=tenant_id,
        request_id=str(uuid.uuid4()),
        to=TO,
        content=MessageContent(text=TextContent(body=BODY)),
    )


def _send(channel: grpc.aio.Channel) -> Call:
    stub = BotServiceStub(channel)
    return lambda: stub.SendMessage(_message(TENANT), timeout=LIMIT_S)


def _post(session: aiohttp.ClientSession, url: str) -> Call:
    async def call() -> Any:
        body = {
            "tenant_id": TENANT,
            "request_id": str(uuid.uuid4()),
            "to": TO,
            "content": {"text": {"body": BODY}},
        }
        async with session.post(url, json=body) as answer:
            answer.raise_for_status()
            return await answer.json()

    return call


async def _channel(stack: AsyncExitStack, address: str) -> grpc.aio.Channel:
    return await stack.enter_async_context(grpc.aio.insecure_channel(address, options=_OPTIONS))


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])  # noqa: PLR2004 - protobuf's varint
