"""The way in: a CONNECT proxy that ends TLS itself and passes WebSocket messages on.

A client is started with ``HTTPS_PROXY`` naming this server. It asks for a tunnel to
``web.whatsapp.com``, gets one that leads nowhere but here, speaks TLS with us, and opens a
WebSocket at ``/ws/chat``; or it asks for one to a host that media is at. Every other host is
refused and reported. The WebSocket protocol itself is that of the library ``websockets``, used
without its input and output.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final, Protocol, cast

import structlog
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from sandbox.authority import is_whatsapp
from sandbox.line import Transport
from sandbox.tcp import reset
from sandbox.unknown import Kind, Unknown
from sandbox.wire.binary import MalformedNodeError
from sandbox.wire.noise import NoiseError

_HEAD_MAX: Final = 16 * 1024
_MESSAGE_MAX: Final = 1 << 24
_CHAT: Final = b"GET /ws/chat"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
_log = structlog.get_logger()


class Receiver(Protocol):
    """What takes the WebSocket messages of one client."""

    def feed(self, data: bytes) -> None:
        """Take one message; raises ValueError or NoiseError to have the client cut off."""

    def lost(self) -> None:
        """The connection is gone."""


class Proxy:
    """Everything that connections share."""

    def __init__(
        self,
        context: ssl.SSLContext,
        unknown: Unknown,
        refused: Callable[[], bool],
        receive: Callable[[Transport], Receiver],
        media: tuple[Collection[str], Serve],
    ) -> None:
        """Make it; ``media`` are the hosts that media is at, and what serves them."""
        self.context = context
        self.unknown = unknown
        self.refused = refused
        self.receive = receive
        self._media_hosts, self._serve_media = media
        self.doors: set[asyncio.Transport] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def door(self) -> asyncio.Protocol:
        """The protocol of a fresh connection."""
        return _Door(self)

    def start_tls(self, transport: asyncio.Transport, host: str) -> None:
        """Go on in TLS on a connection whose tunnel to a host was granted."""
        is_media = host in self._media_hosts
        going_on = self._carry_media(transport) if is_media else self._start_tls(transport)
        task = asyncio.get_running_loop().create_task(going_on)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_media(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_HEAD_MAX)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            inner = await loop.start_tls(transport, protocol, self.context, server_side=True)
        except (OSError, ssl.SSLError) as error:
            _log.warning("tls_failed", error=str(error))
            transport.abort()
            return
        if inner is None:
            return
        protocol.connection_made(inner)
        self.doors.add(inner)
        try:
            writer = asyncio.StreamWriter(inner, protocol, reader, loop)
            await self._serve_media(reader, writer)
        finally:
            self.doors.discard(inner)

    async def _start_tls(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        web = _Web(self)
        try:
            inner = await loop.start_tls(transport, web, self.context, server_side=True)
        except (OSError, ssl.SSLError) as error:
            _log.warning("tls_failed", error=str(error))
            transport.abort()
            return
        if inner is not None:
            web.connection_made(inner)

    def close(self) -> None:
        """Cut every connection."""
        for task in self._tasks:
            task.cancel()
        for transport in list(self.doors):
            transport.abort()


class _Door(asyncio.Protocol):
    """A connection before its tunnel."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._proxy.doors.add(self._transport)
        if self._proxy.refused():
            reset(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's port
        self._proxy.doors.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head:
            if len(self._head) > _HEAD_MAX:
                self._transport.abort()
            return
        line, _, _ = self._head.partition(b"\r\n")
        verb, _, rest = line.decode("latin-1").partition(" ")
        host, _, _ = rest.partition(" ")[0].rpartition(":")
        if verb != "CONNECT":
            self._refuse("405 Method Not Allowed", Kind.REQUEST, line.decode("latin-1"))
        elif not is_whatsapp(host):
            self._refuse("403 Forbidden", Kind.HOST, rest)
        else:
            self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._proxy.start_tls(self._transport, host)

    def _refuse(self, status: str, kind: Kind, text: str) -> None:
        self._proxy.unknown.report(kind, "", text)
        self._transport.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        self._transport.close()


class _Web(asyncio.Protocol):
    """What is spoken inside a tunnel: one WebSocket.

    The client may speak before the loop has told us of the finished TLS handshake.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._protocol = ServerProtocol(max_size=_MESSAGE_MAX)
        self._receiver: Receiver | None = None
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._message = b""
        self._frozen = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._proxy.doors.add(self._transport)
        early, self._head = self._head, b""
        if early:
            self.data_received(early)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's port
        if self._transport is not None:
            self._proxy.doors.discard(self._transport)
        if self._receiver is not None:
            self._receiver.lost()

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:
            self._head += data
            if self._transport is None or b"\r\n\r\n" not in self._head:
                return
            data = self._head
            if not data.startswith(_CHAT):
                self._refuse(data)
                return
        self._protocol.receive_data(data)
        self._handle_events()
        self._flush()

    def eof_received(self) -> None:
        self._protocol.receive_eof()

    def send(self, message: bytes) -> None:
        """Send one WebSocket message."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(message)
            self._flush()

    def close(self) -> None:
        """Close in good order."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Cut at once, with a TCP reset."""
        if self._transport is not None:
            reset(self._transport)

    def freeze(self) -> None:
        """Read nothing and write nothing any more, and stay open."""
        self._frozen = True
        if self._transport is not None:
            self._transport.pause_reading()

    def _handle_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                response = self._protocol.accept(event)
                self._protocol.send_response(response)
                if self._protocol.handshake_exc is None:
                    self._receiver = self._proxy.receive(self)
            elif isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT):
                self._message += event.data
                if event.fin:
                    message, self._message = self._message, b""
                    self._deliver(self._receiver, message)

    def _deliver(self, receiver: Receiver | None, message: bytes) -> None:
        """Hand a message over; whatever fails in it ends this line and no other."""
        if receiver is None:
            return
        try:
            receiver.feed(message)
        except (NoiseError, MalformedNodeError) as error:
            self._proxy.unknown.report(Kind.FRAME, "", str(error))
            self.reset()
        except Exception as error:  # noqa: BLE001 - logged; one line must not end all
            _log.exception("line_failed")
            self._proxy.unknown.report(Kind.FRAME, "", f"the sandbox failed: {error!r}")
            self.reset()

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing() or self._frozen:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def _refuse(self, head: bytes) -> None:
        line = head.partition(b"\r\n")[0].decode("latin-1")
        self._proxy.unknown.report(Kind.REQUEST, "", line)
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n")
            self._transport.close()
