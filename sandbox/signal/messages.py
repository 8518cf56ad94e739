"""The two kinds of Signal message as bytes: a version byte, protobuf fields, and a MAC.

A normal message carries ratchet key 1, counter 2, previous counter 3 and ciphertext 4, then the
first 8 bytes of an HMAC over both identities and all of that. A pre-key message wraps one, with
pre-key id 1, base key 2, identity 3, registration id 5 and signed pre-key id 6 beside it at 4.

Source: libsignal's WhisperTextProtocol.proto.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

VERSION: Final = 3
VERSION_BYTE: Final = bytes((VERSION << 4 | VERSION,))
_MAC_SIZE: Final = 8
_VARINT: Final = 0
_BYTES: Final = 2
_MORE: Final = 0x80


class SignalError(Exception):
    """A message that cannot be read, or is not meant for us, or was read before."""


class NoSessionError(SignalError):
    """A message in a session, or with a sender key, that is not there."""


@dataclass(frozen=True, slots=True)
class SignalMessage:
    """One step of the ratchet. Keys are 33 bytes, the curve's type first."""

    ratchet: bytes
    counter: int
    previous: int
    ciphertext: bytes
    raw: bytes = b""

    def seal(self, mac_key: bytes, sender: bytes, receiver: bytes) -> bytes:
        """The message as bytes, with its MAC."""
        body = VERSION_BYTE + fields(
            (1, self.ratchet), (2, self.counter), (3, self.previous), (4, self.ciphertext)
        )
        return body + _mac(mac_key, sender, receiver, body)

    def check(self, mac_key: bytes, sender: bytes, receiver: bytes) -> None:
        """Raise SignalError unless the MAC is right."""
        expected = _mac(mac_key, sender, receiver, self.raw[:-_MAC_SIZE])
        if not hmac.compare_digest(expected, self.raw[-_MAC_SIZE:]):
            raise SignalError("a message with a wrong MAC")


@dataclass(frozen=True, slots=True)
class PreKeyMessage:
    """A first message: a normal one with what its reader needs to build the session."""

    registration_id: int
    pre_key_id: int | None
    signed_pre_key_id: int
    base_key: bytes
    identity: bytes
    message: bytes

    def seal(self) -> bytes:
        """The message as bytes."""
        pre_key = () if self.pre_key_id is None else ((1, self.pre_key_id),)
        return VERSION_BYTE + fields(
            (5, self.registration_id),
            *pre_key,
            (6, self.signed_pre_key_id),
            (2, self.base_key),
            (3, self.identity),
            (4, self.message),
        )


def read_message(raw: bytes) -> SignalMessage:
    """Read a normal message; raises SignalError."""
    found = read(raw[:-_MAC_SIZE])
    return SignalMessage(
        bytes_of(found, 1), number_of(found, 2), number_of(found, 3), bytes_of(found, 4), raw
    )


def read_pre_key_message(raw: bytes) -> PreKeyMessage:
    """Read a pre-key message; raises SignalError."""
    found = read(raw)
    return PreKeyMessage(
        registration_id=number_of(found, 5),
        pre_key_id=number_of(found, 1) if 1 in found else None,
        signed_pre_key_id=number_of(found, 6),
        base_key=bytes_of(found, 2),
        identity=bytes_of(found, 3),
        message=bytes_of(found, 4),
    )


def _mac(key: bytes, sender: bytes, receiver: bytes, body: bytes) -> bytes:
    return hmac.digest(key, sender + receiver + body, "sha256")[:_MAC_SIZE]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _MORE:
        out.append(value & (_MORE - 1) | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(*values: tuple[int, int | bytes]) -> bytes:
    """Protobuf fields by number, in the given order."""
    out = bytearray()
    for number, value in values:
        if isinstance(value, bytes):
            out += _varint(number << 3 | _BYTES) + _varint(len(value)) + value
        else:
            out += _varint(number << 3 | _VARINT) + _varint(value)
    return bytes(out)


def read(raw: bytes) -> dict[int, int | bytes]:
    """The fields after the version byte; raises SignalError."""
    if not raw or raw[0] >> 4 != VERSION:
        raise SignalError("a message of another version")
    found: dict[int, int | bytes] = {}
    at = 1
    try:
        while at < len(raw):
            key, at = _read_varint(raw, at)
            value, at = _read_varint(raw, at)
            if key & 7 == _VARINT:
                found[key >> 3] = value
            elif key & 7 == _BYTES and at + value <= len(raw):
                found[key >> 3] = raw[at : at + value]
                at += value
            else:
                raise SignalError("a message with a broken field")
    except IndexError as error:
        raise SignalError("a message that ends too early") from error
    return found


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & (_MORE - 1)) << shift
        shift += 7
        if byte < _MORE:
            return value, at


def bytes_of(found: dict[int, int | bytes], number: int) -> bytes:
    """A field that must be there and hold bytes; raises SignalError."""
    value = found.get(number)
    if not isinstance(value, bytes):
        raise SignalError(f"a message without field {number}")
    return value


def number_of(found: dict[int, int | bytes], number: int) -> int:
    """A field that holds a number, 0 if it is not there; raises SignalError."""
    value = found.get(number, 0)
    if not isinstance(value, int):
        raise SignalError(f"a message whose field {number} is no number")
    return value
