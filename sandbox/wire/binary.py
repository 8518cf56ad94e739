"""Nodes to bytes and back: WhatsApp's binary XML.

A list header counts tag, attribute names, attribute values and content. Words of the dictionaries
take one or two bytes, digits and capital hex are packed two to a byte, everything else is written
as it is with its length. JIDs are values of their own kind: the client ignores an address that
comes as text. A flag byte goes before the whole; bit 2 says that zlib packed the rest.

Source: whatsmeow's binary/encoder.go, decoder.go and unpack.go.
"""

from __future__ import annotations

import zlib
from typing import Final

from sandbox.wire import tokens
from sandbox.wire.jid import LID_SERVER, PHONE_SERVER, Jid
from sandbox.wire.node import Content, Node

EMPTY: Final = 0
AD_JID: Final = 247
LIST_8: Final = 248
LIST_16: Final = 249
JID_PAIR: Final = 250
HEX_8: Final = 251
BINARY_8: Final = 252
BINARY_20: Final = 253
BINARY_32: Final = 254
NIBBLE_8: Final = 255

PACKED_MAX: Final = 127
_BYTE_RANGE: Final = 256
_COMPRESSED: Final = 2
_NIBBLES: Final = frozenset("0123456789-.")
_HEX: Final = frozenset("0123456789ABCDEF")
_TO_NIBBLE: Final = str.maketrans("-.\0", "abf")
_DOMAINS: Final = {PHONE_SERVER: 0, LID_SERVER: 1}
_SERVERS: Final = {domain: server for server, domain in _DOMAINS.items()}


class MalformedNodeError(ValueError):
    """Bytes that are no node."""


def encode(node: Node) -> bytes:
    """The node as a frame's content, uncompressed."""
    out = bytearray(1)
    _write_node(out, node)
    return bytes(out)


def decode(frame: bytes) -> Node:
    """The node in a frame; raises MalformedNodeError."""
    if not frame:
        raise MalformedNodeError("an empty frame")
    try:
        data = zlib.decompress(frame[1:]) if frame[0] & _COMPRESSED else frame[1:]
        return _Reader(data).node()
    except (IndexError, zlib.error, UnicodeDecodeError, RecursionError) as error:
        raise MalformedNodeError(f"a truncated or broken node: {error}") from error


def _write_node(out: bytearray, node: Node) -> None:
    _write_list_size(out, 2 * len(node.attrs) + 1 + (node.content is not None))
    _write_text(out, node.tag)
    for key, value in node.attrs.items():
        _write_text(out, key)
        if isinstance(value, Jid):
            _write_jid(out, value)
        else:
            _write_text(out, value)
    if isinstance(node.content, bytes):
        _write_raw(out, node.content)
    elif node.content is not None:
        _write_list_size(out, len(node.content))
        for child in node.content:
            _write_node(out, child)


def _write_list_size(out: bytearray, size: int) -> None:
    if size == 0:
        out.append(EMPTY)
    elif size < _BYTE_RANGE:
        out += bytes((LIST_8, size))
    else:
        out.append(LIST_16)
        out += size.to_bytes(2, "big")


def _write_text(out: bytearray, text: str) -> None:
    code = tokens.CODE.get(text)
    if code is not None:
        out += code
    elif text and len(text) <= PACKED_MAX and _NIBBLES.issuperset(text):
        _write_packed(out, NIBBLE_8, text.translate(_TO_NIBBLE))
    elif text and len(text) <= PACKED_MAX and _HEX.issuperset(text):
        _write_packed(out, HEX_8, text)
    else:
        _write_raw(out, text.encode())


def _write_packed(out: bytearray, kind: int, digits: str) -> None:
    odd = len(digits) % 2
    filler = "f" if kind == NIBBLE_8 else "0"
    out += bytes((kind, (len(digits) + odd) // 2 | odd << 7))
    out += bytes.fromhex(digits + filler * odd)


def _write_raw(out: bytearray, data: bytes) -> None:
    size = len(data)
    if size < _BYTE_RANGE:
        out += bytes((BINARY_8, size))
    elif size < 1 << 20:
        out.append(BINARY_20)
        out += size.to_bytes(3, "big")
    else:
        out.append(BINARY_32)
        out += size.to_bytes(4, "big")
    out += data


def _write_jid(out: bytearray, jid: Jid) -> None:
    if jid.device:
        out += bytes((AD_JID, _DOMAINS[jid.server], jid.device))
        _write_text(out, jid.user)
        return
    out.append(JID_PAIR)
    if jid.user:
        _write_text(out, jid.user)
    else:
        out.append(EMPTY)
    _write_text(out, jid.server)


class _Reader:
    """A cursor over one unpacked node."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def node(self) -> Node:
        size = self._list_size(self._byte())
        tag = self._value()
        if size == 0 or not isinstance(tag, str) or not tag:
            raise MalformedNodeError("a node without a tag")
        node = Node(tag)
        for _ in range((size - 1) // 2):
            key = self._value()
            value = self._value()
            if not isinstance(key, str):
                raise MalformedNodeError("an attribute whose name is no text")
            node.attrs[key] = value if isinstance(value, Jid) else value or ""
        if size % 2 == 0:
            node.content = self._content()
        return node

    def _content(self) -> Content:
        kind = self._byte()
        if kind == EMPTY:
            return None
        if kind in (LIST_8, LIST_16):
            return [self.node() for _ in range(self._list_size(kind))]
        size = self._binary_size(kind)
        if size is not None:
            return self._take(size)
        value = self._value(kind)
        return str(value).encode()

    def _value(self, kind: int | None = None) -> str | Jid | None:  # noqa: PLR0911 - one a kind
        kind = self._byte() if kind is None else kind
        if kind == EMPTY:
            return None
        if kind < tokens.FIRST_DICTIONARY:
            return tokens.SINGLE[kind]
        if kind < tokens.FIRST_DICTIONARY + len(tokens.DOUBLE):
            return tokens.DOUBLE[kind - tokens.FIRST_DICTIONARY][self._byte()]
        if kind in (NIBBLE_8, HEX_8):
            return self._packed(kind)
        if kind == JID_PAIR:
            return Jid(str(self._value() or ""), str(self._value() or ""))
        if kind == AD_JID:
            server = _SERVERS.get(self._byte(), PHONE_SERVER)
            device = self._byte()
            return Jid(str(self._value() or ""), server, device)
        size = self._binary_size(kind)
        if size is None:
            raise MalformedNodeError(f"an unknown kind of value: {kind}")
        return self._take(size).decode()

    def _packed(self, kind: int) -> str:
        head = self._byte()
        digits = self._take(head & 127).hex()
        if head & 128:
            digits = digits[:-1]
        return digits.upper() if kind == HEX_8 else digits.replace("a", "-").replace("b", ".")

    def _binary_size(self, kind: int) -> int | None:
        width = {BINARY_8: 1, BINARY_20: 3, BINARY_32: 4}.get(kind)
        return None if width is None else int.from_bytes(self._take(width), "big")

    def _list_size(self, kind: int) -> int:
        if kind == EMPTY:
            return 0
        if kind == LIST_8:
            return self._byte()
        if kind == LIST_16:
            return int.from_bytes(self._take(2), "big")
        raise MalformedNodeError(f"an unknown kind of list: {kind}")

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise MalformedNodeError("a node that ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken
