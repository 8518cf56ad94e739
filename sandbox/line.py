"""One client's line: Noise over WebSocket frames, nodes in and out.

A client's first bytes are a header of four (W, A, 6, dictionary version); then everything, both
ways, is frames with a big-endian length of three bytes. The server sends exactly one whole frame
per WebSocket message.

Source: whatsmeow's socket/framesocket.go and noisesocket.go.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog
from google.protobuf.message import DecodeError

from sandbox import protobufs
from sandbox.authority import NoiseAuthority
from sandbox.signal.keys import KEY_SIZE, KeyPair
from sandbox.state.devices import Device
from sandbox.wire import binary, tokens
from sandbox.wire.node import Node
from sandbox.wire.noise import Cipher, Handshake, NoiseError

_HEADER: Final = b"WA\x06" + bytes((tokens.DICTIONARY_VERSION,))
_LENGTH_SIZE: Final = 3
_log = structlog.get_logger()


class Transport(Protocol):
    """What carries a line's bytes."""

    def send(self, message: bytes) -> None:
        """Send one WebSocket message."""

    def close(self) -> None:
        """Close in good order."""

    def reset(self) -> None:
        """Cut at once, with a TCP reset."""

    def freeze(self) -> None:
        """Read nothing and write nothing any more, and stay open."""


class Stage(enum.Enum):
    """How far a line has come."""

    HEADER = enum.auto()
    HELLO = enum.auto()
    FINISH = enum.auto()
    OPEN = enum.auto()


class Line:
    """A connection from a client, from its first byte on."""

    def __init__(
        self,
        transport: Transport,
        authority: NoiseAuthority,
        opened: Callable[[Line, Any], None],
        received: Callable[[Line, Node], None],
        defer: Callable[[Callable[[], None]], None],
    ) -> None:
        self._transport = transport
        self._authority = authority
        self._opened = opened
        self._received = received
        self._defer = defer
        self._stage = Stage.HEADER
        self._buffer = bytearray()
        self._handshake = Handshake(_HEADER)
        self._ephemeral = KeyPair()
        self._incoming: Cipher | None = None
        self._outgoing: Cipher | None = None
        self.client_key = b""
        self.device: Device | None = None
        self.active = False
        self.silent = False
        self.deaf = False
        self.ended = False
        self.closed = False
        self.sent_up_to = 0
        self.since = time.time()

    @property
    def name(self) -> str:
        """Who is at the other end, for logs."""
        return str(self.device.jid) if self.device else "unpaired"

    def feed(self, data: bytes) -> None:
        """Take the bytes of one WebSocket message; raises NoiseError for nonsense."""
        self._buffer += data
        if self._stage is Stage.HEADER:
            if len(self._buffer) < len(_HEADER):
                return
            if not self._buffer.startswith(_HEADER):
                raise NoiseError(f"an unknown connection header {self._buffer[:4].hex()}")
            del self._buffer[: len(_HEADER)]
            self._stage = Stage.HELLO
        while not self.closed and len(self._buffer) >= _LENGTH_SIZE:
            end = _LENGTH_SIZE + int.from_bytes(self._buffer[:_LENGTH_SIZE], "big")
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_LENGTH_SIZE:end])
            del self._buffer[:end]
            self._take(frame)

    def send(self, node: Node) -> None:
        """Send a node once what led to it is stored, unless the line is closed or silenced."""
        withheld = self.deaf and node.tag != "iq"
        if not (self.closed or self.ended or self.silent or withheld):
            self._defer(lambda: self._send_now(node))

    def close(self) -> None:
        """Close in good order."""
        self.closed = True
        self._transport.close()

    def reset(self) -> None:
        """Cut the line without a word."""
        self.closed = True
        self._transport.reset()

    def freeze(self) -> None:
        """Let nothing pass any more, and stay open."""
        self._transport.freeze()

    def _take(self, frame: bytes) -> None:
        if self._incoming is not None:
            plain = self._incoming.open(frame)
            if not (self.silent or self.ended):
                self._received(self, binary.decode(plain))
        elif self._stage is Stage.HELLO:
            self._answer_hello(_handshake_message(frame).clientHello.ephemeral)
        else:
            self._finish(_handshake_message(frame).clientFinish)

    def _answer_hello(self, client_ephemeral: bytes) -> None:
        if len(client_ephemeral) != KEY_SIZE:
            raise NoiseError("a client hello without a key")
        shake = self._handshake
        shake.mix_hash(client_ephemeral)
        shake.mix_hash(self._ephemeral.public)
        shake.mix_shared(self._ephemeral.private, client_ephemeral)
        static = shake.encrypt(self._authority.static.public)
        shake.mix_shared(self._authority.static.private, client_ephemeral)
        message = protobufs.wa6.HandshakeMessage()
        message.serverHello.ephemeral = self._ephemeral.public
        message.serverHello.static = static
        message.serverHello.payload = shake.encrypt(self._authority.chain)
        self._send_frame(message.SerializeToString())
        self._stage = Stage.FINISH

    def _finish(self, finish: Any) -> None:
        self.client_key = self._handshake.decrypt(finish.static)
        self._handshake.mix_shared(self._ephemeral.private, self.client_key)
        payload = self._handshake.decrypt(finish.payload)
        self._incoming, self._outgoing = self._handshake.finish()
        self._stage = Stage.OPEN
        try:
            parsed = protobufs.wa6.ClientPayload.FromString(payload)
        except DecodeError as error:
            raise NoiseError("a client payload that cannot be read") from error
        self._opened(self, parsed)

    def _send_now(self, node: Node) -> None:
        if self._outgoing is not None and not self.closed:
            self._send_frame(self._outgoing.seal(binary.encode(node)))

    def _send_frame(self, frame: bytes) -> None:
        self._transport.send(len(frame).to_bytes(_LENGTH_SIZE, "big") + frame)


def _handshake_message(frame: bytes) -> Any:
    try:
        return protobufs.wa6.HandshakeMessage.FromString(frame)
    except DecodeError as error:
        raise NoiseError("a handshake that cannot be read") from error
