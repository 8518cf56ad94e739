"""Proxies with a password on the way to a sandbox, as providers have them: HTTP and SOCKS5."""

import asyncio
import base64
import contextlib
import threading
from typing import Any, Self
from urllib.parse import urlsplit

USER = "ana"
PASSWORD = "s3cr3t-p@ss"
LOGIN = f"{USER}:s3cr3t-p%40ss"


class Proxies:
    """Both proxies, on a thread; they take anything on to the sandbox's own.

    Attributes:
        asked: what each tunnel was asked for, in words: the kind of proxy, and the place.
        refused: how many callers had another password.
    """

    def __init__(self, sandbox_proxy: str) -> None:
        far = urlsplit(sandbox_proxy)
        self._far = (far.hostname or "", far.port or 0)
        self.asked: list[str] = []
        self.refused = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self.http = self._listen(self._serve_http)
        self.socks5 = self._listen(self._serve_socks5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, scheme: str, login: str = LOGIN) -> str:
        """The address of one of them."""
        return f"{scheme}://{login}@127.0.0.1:{getattr(self, scheme)}"

    def _listen(self, serve: Any) -> int:
        listening = asyncio.start_server(serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(5)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        verb, place, _ = head[0].split()
        assert verb == "CONNECT"
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if f"Proxy-Authorization: Basic {wanted}" not in head:
            self.refused += 1
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            writer.close()
            return
        self.asked.append(f"http {place}")
        far = await self._reach(place)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await self._pass_on((reader, writer), far)

    async def _serve_socks5(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """RFC 1928, and RFC 1929 for the password."""
        _, count = await reader.readexactly(2)
        assert 2 in await reader.readexactly(count)
        writer.write(b"\x05\x02")
        _, size = await reader.readexactly(2)
        user = await reader.readexactly(size)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        if (user.decode(), password.decode()) != (USER, PASSWORD):
            self.refused += 1
            writer.write(b"\x01\x01")
            writer.close()
            return
        writer.write(b"\x01\x00")
        *_, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = ".".join(str(byte) for byte in await reader.readexactly(4))
        place = f"{host}:{int.from_bytes(await reader.readexactly(2), 'big')}"
        self.asked.append(f"socks5 {place}")
        far = await self._reach(place)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await self._pass_on((reader, writer), far)

    async def _reach(self, place: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._far)
        if place != "{}:{}".format(*self._far):
            writer.write(f"CONNECT {place} HTTP/1.1\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    async def _pass_on(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._writers += [near[1], far[1]]
        await asyncio.gather(_pump(near[0], far[1]), _pump(far[0], near[1]))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
