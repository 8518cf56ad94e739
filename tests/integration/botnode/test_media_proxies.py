"""Media goes through the tenant's proxy: http, https and socks5, with and without a password."""

import asyncio
import base64
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from botmesh.errors import MeshError, Reason
from botnode.media_ports import MediaKind, MediaReference, Uploaded
from botnode.media_transfer import MediaMover
from botnode.whatsapp_media import Ticket
from sandbox import authority
from sandbox.faults import Disturbance, DisturbMedia, Faults
from sandbox.media_auth import MediaAuth
from sandbox.media_host import MediaHost
from sandbox.state.store import Store
from sandbox.unknown import Unknown

HOST = "mmg.whatsapp.net"
# A name that the certificate is good for, and that is on this machine.
PROXY_HOST = "proxy.whatsapp.net"


class Asked:
    """A library that gives tickets."""

    def __init__(self, auth: MediaAuth) -> None:
        self._auth = auth
        self.times = 0

    async def ask(self, _question: Any, *, timeout_s: float = 0) -> Any:
        assert timeout_s
        self.times += 1
        return Ticket(HOST, self._auth.grant("5215550001"))


class World:
    """A media host behind proxies, which note who asked for what."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "sandbox.db")
        self.context = authority.tls_context(folder)
        self.auth = MediaAuth(self.store.database)
        self.faults = Faults()
        self.host = MediaHost(self.store.media, self.auth, self.faults, Unknown())
        self.asked: list[str] = []

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split()[1]
        login = ""
        for line in head.split("\r\n"):
            if line.lower().startswith("proxy-authorization: basic "):
                login = base64.b64decode(line.split()[2]).decode()
        self.asked.append(f"{login} {target}")
        if login == "wrong:wrong":
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            writer.close()
            return
        if login == "echo:echo":
            writer.write(f"HTTP/1.1 502 {' '.join(self.asked)} wrong\r\n\r\n".encode())
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await self.tunnel(reader, writer)

    async def socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        login = ""
        if 2 in methods:
            writer.write(b"\x05\x02")
            (_, size) = await reader.readexactly(2)
            user = await reader.readexactly(size)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            login = f"{user.decode()}:{password.decode()}"
            writer.write(b"\x01\x00")
        else:
            writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        assert kind == 3, "the proxy looks the name up"
        name = await reader.readexactly((await reader.readexactly(1))[0])
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append(f"{login} {name.decode()}:{port}")
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await self.tunnel(reader, writer)

    async def tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def pump(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
            try:
                while data := await one.read(65536):
                    other.write(data)
                    await other.drain()
            except (ConnectionError, ssl.SSLError):
                pass
            finally:
                other.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    port = 0


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    world = World(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: look_up(
            "127.0.0.1" if host == PROXY_HOST else host, *rest, **more
        ),
    )
    server = await asyncio.start_server(world.host.serve, "127.0.0.1", 0, ssl=world.context)
    world.port = server.sockets[0].getsockname()[1]
    yield world
    server.close()
    world.store.close()


@pytest.mark.parametrize(
    ("scheme", "login"),
    [
        ("http", ""),
        ("http", "ana:p%40ss"),
        ("https", "ana:p%40ss"),
        ("socks5", ""),
        ("socks5", "ana:p%40ss"),
    ],
)
async def test_media_goes_through_it(world: World, tmp_path: Path, scheme: str, login: str) -> None:
    handler = world.socks if scheme == "socks5" else world.http
    context = world.context if scheme == "https" else None
    proxy = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    port = proxy.sockets[0].getsockname()[1]
    who = f"{login}@" if login else ""
    asked = Asked(world.auth)
    mover = MediaMover(asked, f"{scheme}://{who}{PROXY_HOST}:{port}")
    data = os.urandom(300_000)
    (tmp_path / "out").write_bytes(data)
    sent = await mover.upload(tmp_path / "out", MediaKind.DOCUMENT)
    await mover.upload(tmp_path / "out", MediaKind.DOCUMENT)
    assert asked.times == 1
    size = await mover.download(_reference(sent), tmp_path / "in", len(data))
    assert (size, (tmp_path / "in").read_bytes()) == (len(data), data)
    assert set(world.asked) == {f"{'ana:p@ss' if login else ''} {HOST}:443"}
    proxy.close()


async def test_a_proxy_that_refuses_is_blamed_and_not_named(world: World, tmp_path: Path) -> None:
    proxy = await asyncio.start_server(world.http, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    tls_proxy = await asyncio.start_server(world.http, "127.0.0.1", 0, ssl=world.context)
    tls_port = tls_proxy.sockets[0].getsockname()[1]
    (tmp_path / "out").write_bytes(b"words")
    for url, says in (
        (f"http://wrong:wrong@127.0.0.1:{port}", "user name and password"),
        (f"http://echo:echo@127.0.0.1:{port}", "does not take us to the media host; it answered 5"),
        (f"https://wrong:wrong@127.0.0.1:{tls_port}", "not to be trusted: IP address mismatch"),
        ("http://127.0.0.1:1", "the proxy cannot be reached: Connection refused"),
        ("socks5://127.0.0.1:1", "the proxy cannot be reached: Connection refused"),
        (f"socks5h://wrong:wrong@127.0.0.1:{port}", "not http, https or socks5"),
        (f"ftp://127.0.0.1:{port}", "not http, https or socks5"),
        (f"127.0.0.1:{port}", "not http, https or socks5"),
        (f"http://127.0.0.1:{port}0000", "is none"),
    ):
        mover = MediaMover(Asked(world.auth), url)
        with pytest.raises(MeshError) as refused:
            await mover.upload(tmp_path / "out", MediaKind.DOCUMENT)
        assert refused.value.reason is Reason.MEDIA_TRANSFER_FAILED
        text = refused.value.message
        assert says in text
        assert not [word for word in ("wrong", "127.0.0.1", str(port)) if word in text]
    tls_proxy.close()
    proxy.close()


async def test_a_transfer_that_is_given_up_ends(world: World, tmp_path: Path) -> None:
    proxy = await asyncio.start_server(world.http, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    mover = MediaMover(Asked(world.auth), f"http://127.0.0.1:{port}")
    (tmp_path / "out").write_bytes(b"words" * 1_000_000)
    fault = world.faults.set(DisturbMedia(Disturbance.HOLD, bytes=1000))
    moving = asyncio.create_task(mover.upload(tmp_path / "out", MediaKind.IMAGE))
    await world.faults.wait(fault, 1, 10)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "media")
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    async with asyncio.timeout(10):
        while thread.is_alive() and thread.name == "media":  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    world.faults.clear()
    proxy.close()


def _reference(sent: Uploaded) -> MediaReference:
    return MediaReference(
        MediaKind.DOCUMENT,
        sent.url,
        sent.direct_path,
        sent.media_key,
        sent.file_sha256,
        sent.file_enc_sha256,
        sent.file_length,
    )
