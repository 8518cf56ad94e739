"""What is not WhatsApp, and callers of the control API who err."""

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from botmesh.sandbox.v1 import (
    Fault,
    GetSandboxRequest,
    ListMessagesRequest,
    ListUnknownRequest,
    LogOutDeviceRequest,
    MarkReadRequest,
    RefuseLogin,
    RefuseSend,
    ScanRequest,
    SetFaultRequest,
    SetPhoneRequest,
    ShortQr,
    StreamMessagesRequest,
    UnknownKind,
    WriteMessageRequest,
)

pytestmark = pytest.mark.e2e
WHATSAPP = b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\nHost: web.whatsapp.com:443\r\n\r\n"


async def dial(world: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(world.sandbox.addresses.proxy_url)
    return await asyncio.open_connection(address.hostname, address.port)


async def ask(world: Any, data: bytes) -> bytes:
    """What the proxy answers to some bytes before it closes."""
    reader, writer = await dial(world)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def reported(world: Any) -> list[tuple[int, str]]:
    listed = (await world.api.ListUnknown(ListUnknownRequest(clear=True))).unknown
    return [(item.kind, item.text) for item in listed]


async def test_no_other_host_is_reached(world: Any) -> None:
    for host in ("example.com:443", "notwhatsapp.net:443", "web.whatsapp.com.example.com:443"):
        answer = await ask(world, f"CONNECT {host} HTTP/1.1\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403")
        assert await reported(world) == [(UnknownKind.UNKNOWN_KIND_HOST, f"{host} HTTP/1.1")]


async def test_only_tunnels_are_given(world: Any) -> None:
    answer = await ask(world, b"GET http://web.whatsapp.com/ HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405")
    assert [kind for kind, _ in await reported(world)] == [UnknownKind.UNKNOWN_KIND_REQUEST]


async def tunnel(world: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TLS connection through the proxy, checked against the sandbox's authority."""
    reader, writer = await dial(world)
    writer.write(WHATSAPP)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    context = ssl.create_default_context(cafile=world.sandbox.addresses.ca_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    await writer.start_tls(context, server_hostname="web.whatsapp.com")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() is None
    return reader, writer


async def test_other_requests_in_a_tunnel_are_reported(world: Any) -> None:
    reader, writer = await tunnel(world)
    writer.write(b"POST /mms/image HTTP/1.1\r\nHost: web.whatsapp.com\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 501")
    writer.close()
    assert await reported(world) == [(UnknownKind.UNKNOWN_KIND_REQUEST, "POST /mms/image HTTP/1.1")]


async def test_garbage_in_a_websocket_ends_that_line_alone(world: Any) -> None:
    client, _ = await world.paired()
    reader, writer = await tunnel(world)
    writer.write(
        b"GET /ws/chat HTTP/1.1\r\nHost: web.whatsapp.com\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x82\x84\0\0\0\0" + b"junk")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 10)
    writer.close()
    assert [kind for kind, _ in await reported(world)] == [UnknownKind.UNKNOWN_KIND_FRAME]
    await client.send(world.number(), "still here")


async def test_random_bytes_hurt_nobody(world: Any) -> None:
    for data in (b"\x16\x03\x01" + bytes(300), b"\r\n\r\n", b"x" * 40_000):
        reader, writer = await dial(world)
        writer.write(data)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
    await reported(world)
    assert (await world.api.GetSandbox(GetSandboxRequest())).sandbox.pid


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("Scan", ScanRequest(phone="x", code="y"), "phone"),
        ("WriteMessage", WriteMessageRequest(phone="+5215550001", to="", text="a"), "to"),
        ("WriteMessage", WriteMessageRequest(phone="+5215550001", to="+5215550002"), "text"),
        (
            "WriteMessage",
            WriteMessageRequest(phone="+5215550001", to="+5215550002", text="a", content=b"\x0a\0"),
            "content",
        ),
        (
            "WriteMessage",
            WriteMessageRequest(phone="+5215550001", to="+5215550002", content=b"\xff"),
            "content",
        ),
        ("ListMessages", ListMessagesRequest(phone="+5215550001", page_size=1001), "page_size"),
        ("ListMessages", ListMessagesRequest(phone="+5215550001", wait_count=101), "wait_count"),
        ("SetPhone", SetPhoneRequest(phone="0"), "phone"),
        ("SetFault", SetFaultRequest(), "fault.behaviour"),
        ("SetFault", SetFaultRequest(fault=Fault(refuse_send=RefuseSend())), "refuse_send.code"),
        ("SetFault", SetFaultRequest(fault=Fault(short_qr=ShortQr(codes=7))), "short_qr.codes"),
        (
            "SetFault",
            SetFaultRequest(fault=Fault(refuse_login=RefuseLogin())),
            "refuse_login.reason",
        ),
        (
            "SetFault",
            SetFaultRequest(fault=Fault(refuse_send=RefuseSend(code=1), recipient="?")),
            "fault.recipient",
        ),
    ],
)
async def test_a_wrong_request_names_its_field(
    world: Any, method: str, request_: Any, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(world.api, method)(request_)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"{field}:" in (caught.value.details() or "")


async def test_what_is_not_there_is_not_found(world: Any) -> None:
    for call in (
        world.api.MarkRead(MarkReadRequest(phone=world.number(), message_id="none")),
        world.api.LogOutDevice(LogOutDeviceRequest(phone=world.number(), device=3)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_waiting_for_messages_ends_with_its_time(world: Any) -> None:
    request = ListMessagesRequest(
        phone=world.number(), wait_count=1, wait=Duration(nanos=100_000_000)
    )
    assert not (await world.api.ListMessages(request)).messages


async def test_a_stream_brings_old_messages_and_new_ones(world: Any) -> None:
    first, second = world.number(), world.number()

    async def write(text: str) -> None:
        await world.api.WriteMessage(WriteMessageRequest(phone=first, to=second, text=text))

    await write("old")
    call = world.api.StreamMessages(StreamMessagesRequest(phone=second))
    assert (await call.read()).message.text == "old"
    await write("new")
    newest = (await call.read()).message
    assert newest.text == "new"
    call.cancel()
    after = StreamMessagesRequest(phone=second, after_sequence=newest.sequence)
    call = world.api.StreamMessages(after)
    await write("newest")
    assert (await call.read()).message.text == "newest"
    call.cancel()


async def test_a_note_to_oneself_is_kept_once(world: Any) -> None:
    number = world.number()
    await world.api.WriteMessage(WriteMessageRequest(phone=number, to=number, text="note"))
    assert [item.text for item in await world.chat(number, 1)] == ["note"]
