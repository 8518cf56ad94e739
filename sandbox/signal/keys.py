"""Curve25519 key pairs that agree on secrets and sign.

Signal signs with its X25519 keys (XEdDSA). A private key made from an Ed25519 seed,
``clamp(SHA-512(seed)[:32])``, is the very scalar that Ed25519 signs with, so a plain Ed25519
signature serves; the sign bit of the Edwards point, which a Montgomery key does not have, travels
in the top bit of the signature's last byte. Verifying goes the other way: y = (u - 1) / (u + 1).
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

DJB_TYPE: Final = b"\x05"
KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
_PRIME: Final = 2**255 - 19
_SIGN_BIT: Final = 0x80


class KeyPair:
    """A key pair, made anew or from its 32-byte seed."""

    __slots__ = ("_private", "public", "seed")

    def __init__(self, seed: bytes | None = None) -> None:
        self.seed = seed or secrets.token_bytes(32)
        scalar = bytearray(hashlib.sha512(self.seed).digest()[:32])
        scalar[0] &= 248
        scalar[31] = scalar[31] & 127 | 64
        self._private = X25519PrivateKey.from_private_bytes(bytes(scalar))
        self.public = self._private.public_key().public_bytes_raw()

    @property
    def private(self) -> X25519PrivateKey:
        """The private half, for the Noise handshake."""
        return self._private

    @property
    def typed(self) -> bytes:
        """The public half with the byte that names the curve before it."""
        return DJB_TYPE + self.public

    def agree(self, public: bytes) -> bytes:
        """The shared secret with the holder of another key."""
        return self._private.exchange(X25519PublicKey.from_public_bytes(public))

    def sign(self, message: bytes) -> bytes:
        """An XEdDSA signature, 64 bytes."""
        signer = Ed25519PrivateKey.from_private_bytes(self.seed)
        edwards = signer.public_key().public_bytes_raw()
        signature = bytearray(signer.sign(message))
        signature[63] |= edwards[31] & _SIGN_BIT
        return bytes(signature)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature over the message was made with the key's private half."""
    if len(signature) != SIGNATURE_SIZE or len(public) != KEY_SIZE:
        return False
    u = int.from_bytes(public, "little") & (1 << 255) - 1
    if (u + 1) % _PRIME == 0:
        return False
    y = (u - 1) * pow(u + 1, -1, _PRIME) % _PRIME
    edwards = bytearray(y.to_bytes(32, "little"))
    edwards[31] |= signature[63] & _SIGN_BIT
    plain = signature[:63] + bytes((signature[63] & ~_SIGN_BIT & 0xFF,))
    try:
        Ed25519PublicKey.from_public_bytes(bytes(edwards)).verify(plain, message)
    except InvalidSignature:
        return False
    return True
