"""The answering side of ``Noise_XX_25519_AESGCM_SHA256`` as WhatsApp Web speaks it.

The pattern's name is padded with four NULs to 32 bytes, which are at once the first hash, salt
and key; the connection header is mixed in first. Order: e; ee; own static; es; certificate chain;
then the client's static; se; the client's payload. Counters start again with every mixed key.

Source: whatsmeow's socket/noisehandshake.go and handshake.go.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PATTERN: Final = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"


class NoiseError(Exception):
    """The other side does not hold the keys it should, or frames got lost."""


class Cipher:
    """One direction of an open line: AES-GCM with a counter as its nonce."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._count = 0

    def seal(self, plain: bytes) -> bytes:
        """Encrypt the next frame."""
        return self._aead.encrypt(self._nonce(), plain, None)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt the next frame; raises NoiseError."""
        try:
            return self._aead.decrypt(self._nonce(), sealed, None)
        except InvalidTag as error:
            raise NoiseError("a frame that does not decrypt") from error

    def _nonce(self) -> bytes:
        nonce = self._count.to_bytes(12, "big")
        self._count += 1
        return nonce


class Handshake:
    """The handshake's running hash, salt and key."""

    def __init__(self, header: bytes) -> None:
        self._hash = _PATTERN
        self._salt = _PATTERN
        self._key = AESGCM(_PATTERN)
        self._count = 0
        self.mix_hash(header)

    def mix_hash(self, data: bytes) -> None:
        """Add what went over the line to the hash."""
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix_shared(self, private: X25519PrivateKey, public: bytes) -> None:
        """Add a Diffie-Hellman secret to salt and key."""
        secret = private.exchange(X25519PublicKey.from_public_bytes(public))
        self._salt, key = _two_keys(self._salt, secret)
        self._key = AESGCM(key)
        self._count = 0

    def encrypt(self, plain: bytes) -> bytes:
        """Seal a part of the handshake and mix it into the hash."""
        sealed = self._key.encrypt(self._nonce(), plain, self._hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        """Open a part of the handshake and mix it into the hash; raises NoiseError."""
        try:
            plain = self._key.decrypt(self._nonce(), sealed, self._hash)
        except InvalidTag as error:
            raise NoiseError("a handshake that does not decrypt") from error
        self.mix_hash(sealed)
        return plain

    def finish(self) -> tuple[Cipher, Cipher]:
        """The ciphers of the open line: from the client, to the client."""
        first, second = _two_keys(self._salt, b"")
        return Cipher(first), Cipher(second)

    def _nonce(self) -> bytes:
        nonce = self._count.to_bytes(12, "big")
        self._count += 1
        return nonce


def _two_keys(salt: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """HKDF-SHA256 without info, 64 bytes in two halves."""
    extracted = hmac.digest(salt, secret, "sha256")
    first = hmac.digest(extracted, b"\x01", "sha256")
    second = hmac.digest(extracted, first + b"\x02", "sha256")
    return first, second
