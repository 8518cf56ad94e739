"""The gateway as a server and as a process: health, reflection, garbage, start and stop."""

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from far_side import FarSide, eventually
from gateway_harness import GatewayUnderTest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from botmesh.errors import Reason, from_rpc_error
from botmesh.rpc.interceptors import ErrorInterceptor
from botmesh.rpc.lifecycle import StopSignal
from botmesh.rpc.server import bind, create_server
from botmesh.v1 import (
    BotServiceStub,
    CreateGroupRequest,
    GroupServiceStub,
    bot_pb2,
    tenant_pb2,
    tenant_pb2_grpc,
)
from gateway import bot_servicer
from gateway.app import SERVICES, Gateway, run
from gateway.bot_servicer import BotServicer
from gateway.channels import Channels
from gateway.credentials import Credentials
from gateway.drain import Drain
from gateway.forwarder import Forwarder
from gateway.policy import POLICIES
from gateway.resolver import Resolver
from gateway.settings import GatewaySettings
from gateway.streams import StreamForwarder
from gateway.uploads import UploadForwarder
from registry.discovery.port import Snapshot

ROOT = Path(__file__).resolve().parents[3]
ASKING = bot_pb2.GetSessionRequest(tenant_id="a")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def _health(channel: grpc.aio.Channel, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    return int((await stub.Check(request, timeout=5)).status)


@pytest.mark.parametrize("service", ["", *SERVICES])
async def test_health(mesh: GatewayUnderTest, service: str) -> None:
    watch = health_pb2_grpc.HealthStub(mesh.channel).Watch(
        health_pb2.HealthCheckRequest(service=service), timeout=10
    )
    while (await watch.read()).status != SERVING:
        pass
    assert await _health(mesh.channel, service) == SERVING


async def test_not_serving_before_the_registry_was_read(
    make_gateway: Callable[[], Gateway],
) -> None:
    gateway = make_gateway()
    held = asyncio.Event()

    async def hold(feed: object) -> None:
        await held.wait()

    gateway.resolver.follow_tenants = hold
    server = create_server([])
    port = bind(server, "127.0.0.1", 0)
    async with gateway.serving(server), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert await _health(channel) == NOT_SERVING
        gateway.resolver.set_routes({})
        gateway.resolver.set_tenants([])
        stub = health_pb2_grpc.HealthStub(channel)
        async for update in stub.Watch(health_pb2.HealthCheckRequest(), timeout=5):
            if update.status == SERVING:
                break


async def test_reflection_lists_both_services(mesh: GatewayUnderTest) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(mesh.channel)
    call = stub.ServerReflectionInfo(timeout=5)
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    listed = {service.name for service in answer.list_services_response.service}
    assert set(SERVICES) <= listed
    for symbol in SERVICES:
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol))
        assert (await call.read()).file_descriptor_response.file_descriptor_proto
    await call.done_writing()


def test_every_method_of_the_contract_is_served() -> None:
    resolver, channels = Resolver(), Channels()
    credentials = Credentials(mesh="test", secret="")
    servicer = BotServicer(
        Forwarder(resolver, channels, credentials),
        StreamForwarder(resolver, channels, credentials),
        UploadForwarder(resolver, channels, credentials),
        Drain(),
        mesh="test",
    )
    handlers: Any = servicer.handlers()
    for service, handler in zip(bot_servicer.SERVICES, handlers, strict=True):
        for method in service.methods:
            details: Any = type("Details", (), {"method": f"/{service.full_name}/{method.name}"})
            found = handler.service(details)
            assert found.response_streaming == method.server_streaming
            assert found.request_streaming == method.client_streaming
    missing = {name: policy for name, policy in POLICIES.items() if name != "LogOut"}
    with pytest.raises(KeyError):
        servicer.handlers(missing)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4096,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" * 3,
        os.urandom(65536),
        b"",
    ],
)
async def test_garbage_on_the_port_harms_nobody(
    mesh: GatewayUnderTest, far: FarSide, garbage: bytes
) -> None:
    for _ in range(10):
        _, writer = await asyncio.open_connection("127.0.0.1", mesh.port)
        writer.write(garbage)
        writer.transport.abort()
    answer = await mesh.bot.GetSession(ASKING, timeout=10)
    assert answer.session.tenant_id == "a"


async def test_a_method_that_the_contract_does_not_have(mesh: GatewayUnderTest) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await mesh.channel.unary_unary("/botmesh.v1.BotService/Dance")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@asynccontextmanager
async def _stopping(
    make_gateway: Callable[[], Gateway],
) -> AsyncIterator[tuple[grpc.aio.Channel, Callable[[], Awaitable[None]], Gateway]]:
    """A channel to a gateway of its own, and what stops that."""
    gateway = make_gateway()
    server = create_server([ErrorInterceptor()])
    port = bind(server, "127.0.0.1", 0)
    stop = asyncio.Event()

    async def run() -> None:
        async with gateway.serving(server):
            await gateway.resolver.ready.wait()
            await stop.wait()

    running = asyncio.create_task(run())

    async def stop_it() -> None:
        stop.set()
        await running

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel, stop_it, gateway
        await stop_it()


async def _reason(call: Awaitable[object]) -> Reason | None:
    """The reason that a call ends with; None if it succeeds."""
    try:
        await call
    except grpc.aio.AioRpcError as failed:
        error = from_rpc_error(failed)
        if error is None:
            raise
        return error.reason
    return None


async def test_a_stopping_gateway_answers_everybody(
    make_gateway: Callable[[], Gateway], mesh: GatewayUnderTest, far: FarSide
) -> None:
    await mesh.add("b")
    hang, going = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(request: bytes, context: Any) -> bytes:
        going.release()
        await hang.wait()
        return await far.usual_LogOut(request, context)

    async def never(request: bytes, context: Any) -> bytes:
        going.release()
        await asyncio.Event().wait()
        return b""

    far.script.update(LogOut=slow, SendMessage=never, GetSession=never, CreateGroup=never)
    async with _stopping(make_gateway) as (channel, stop, gateway):
        bot, groups = BotServiceStub(channel), GroupServiceStub(channel)
        stream = bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a"))
        await stream.read()
        answered = asyncio.ensure_future(_reason(bot.LogOut(bot_pb2.LogOutRequest(tenant_id="a"))))
        sending = bot_pb2.SendMessageRequest(tenant_id="a")
        cut = [
            asyncio.ensure_future(_reason(call))
            for call in (
                bot.SendMessage(sending),
                bot.GetSession(ASKING),
                groups.CreateGroup(CreateGroupRequest(tenant_id="a")),
            )
        ]
        waiting = asyncio.ensure_future(
            _reason(bot.GetSession(bot_pb2.GetSessionRequest(tenant_id="b"), timeout=60))
        )
        for _ in range(4):
            await going.acquire()
        await eventually(lambda: "b" in gateway.resolver._waiting)
        stopped = asyncio.create_task(stop())
        assert await _reason(stream.read()) is Reason.SHUTTING_DOWN
        assert await waiting is Reason.SHUTTING_DOWN
        hang.set()
        assert await answered is None  # it had its time
        assert await asyncio.gather(*cut) == [
            Reason.SEND_OUTCOME_UNKNOWN,
            Reason.SHUTTING_DOWN,
            Reason.WHATSAPP_UNANSWERED,  # whoever repeats it makes a second group
        ]
        await asyncio.wait_for(stopped, 5)


class BrokenWatch:
    """A watch that fails, which none may."""

    async def watch(self) -> AsyncIterator[Any]:
        yield Snapshot({})
        raise RuntimeError("a fault")


async def test_a_gateway_that_cannot_follow_does_not_go_on_blind(
    make_gateway: Callable[[], Gateway],
) -> None:
    gateway = make_gateway()
    gateway._routes = BrokenWatch()
    server = create_server([])
    bind(server, "127.0.0.1", 0)
    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="a fault")):
        async with gateway.serving(server):
            await asyncio.wait_for(asyncio.Event().wait(), 10)


class Process:
    """`python -m gateway` and its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    async def event(self, name: str) -> dict[str, Any]:
        assert self.process.stderr is not None
        while raw := await asyncio.wait_for(self.process.stderr.readline(), 20):
            line = json.loads(raw)
            self.lines.append(line)
            if line["event"] == name:
                return line
        raise AssertionError(f"no {name} in {self.lines}")

    async def exit(self) -> int:
        assert self.process.stderr is not None
        rest = await asyncio.wait_for(self.process.stderr.read(), 20)
        self.lines += [json.loads(line) for line in rest.splitlines() if line.startswith(b"{")]
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def _process(
    data_dir: Path, *, pipe: int | None = None, **environment: str
) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=() if pipe is None else (pipe,),
        env={
            "PATH": os.environ["PATH"],
            "BOTMESH_DATA_DIR": str(data_dir),
            "BOTMESH_GATEWAY_PORT": "0",
            "BOTMESH_LOG_FORMAT": "json",
            **({} if pipe is None else {"BOTMESH_LIVENESS_FD": str(pipe)}),
            **environment,
        },
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_starts_serves_and_stops_clean(tmp_path: Path, number: int) -> None:
    async with _process(tmp_path) as process:
        port = (await process.event("gateway_listening"))["port"]
        await process.event("routing_ready")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            tenants = tenant_pb2_grpc.TenantServiceStub(channel)
            await tenants.CreateTenant(tenant_pb2.CreateTenantRequest(tenant_id="a"), timeout=10)
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            while (await watch.read()).status != SERVING:
                pass
            process.process.send_signal(number)
            assert (await watch.read()).status == NOT_SERVING
            assert await process.exit() == 0
    assert not [line for line in process.lines if line["level"] in ("error", "warning")]


async def test_the_collector_is_kept_from_what_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stop = asyncio.Event(), StopSignal()
    monkeypatch.setattr(gc, "freeze", kept.set)
    settings = GatewaySettings(data_dir=tmp_path, gateway_port=0)
    running = asyncio.create_task(run(settings, stop))
    async with asyncio.timeout(10):
        await kept.wait()
        stop.set()
        await running


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with _process(tmp_path, BOTMESH_GATEWAY_PORT=port) as process:
            assert await process.exit() == 1
    assert any(port in line.get("error", "") for line in process.lines)


@pytest.mark.parametrize(
    "setting",
    [
        {"BOTMESH_GATEWAY_PORT": "many"},
        {"BOTMESH_MESH": "No!"},
        {"BOTMESH_DATABASE_URL": "mysql://somewhere"},
    ],
)
async def test_a_wrong_setting_is_named(tmp_path: Path, setting: dict[str, str]) -> None:
    async with _process(tmp_path, **setting) as process:
        assert process.process.stderr is not None
        text = (await process.process.stderr.read()).decode()
        assert await process.process.wait() == 78
    assert next(iter(setting)) in text


async def test_an_open_gateway_warns(tmp_path: Path) -> None:
    async with _process(tmp_path, BOTMESH_GATEWAY_HOST="0.0.0.0") as process:
        line = await process.event("gateway_open_to_the_network")
        assert line["level"] == "warning"
        process.process.terminate()
        assert await process.exit() == 0


async def test_the_gateway_ends_with_its_parent(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    async with _process(tmp_path, pipe=reader) as process:
        os.close(reader)
        await process.event("gateway_listening")
        os.close(writer)
        assert await process.exit() == 0
