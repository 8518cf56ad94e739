"""The phone's side of the arithmetic of linking by code.

Device and phone each wrap an ephemeral key with the code, which only the phone's user carries from
one to the other: 32 bytes of salt, 16 of counter, 32 of key under AES-CTR with
PBKDF2-SHA256(code). The secret that the ephemeral keys agree on seals the bundle in which the
device sends both identities and a random part: 32 bytes of salt, 12 of nonce, then AES-GCM. Who
had another code cannot open it.

Source: whatsmeow's pair-code.go.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.signal.keys import KEY_SIZE, KeyPair
from sandbox.signal.session import derive

ALPHABET: Final = frozenset("123456789ABCDEFGHJKLMNPQRSTVWXYZ")
CODE_SIZE: Final = 8
WRAPPED_SIZE: Final = 80
_ROUNDS: Final = 2 << 16
_SALT_SIZE: Final = 32
_COUNTER_SIZE: Final = 16
_NONCE_SIZE: Final = 12
_BUNDLE_INFO: Final = b"link_code_pairing_key_bundle_encryption_key"
_SECRET_INFO: Final = b"adv_secret"


class WrongCodeError(Exception):
    """The device has another code."""


def normal(code: str) -> str:
    """A code as it is computed with; raises ValueError for what is none."""
    text = code.replace("-", "").strip().upper()
    if len(text) != CODE_SIZE or not set(text) <= ALPHABET:
        raise ValueError("a code of eight letters and digits is expected, as ABCD-EFGH")
    return text


def wrap(key: bytes, code: str) -> bytes:
    """An ephemeral key, wrapped with a code."""
    salt, counter = secrets.token_bytes(_SALT_SIZE), secrets.token_bytes(_COUNTER_SIZE)
    return salt + counter + _crypt(key, code, salt, counter)


def unwrap(wrapped: bytes, code: str) -> bytes:
    """The ephemeral key; another one if it was wrapped with another code."""
    salt, counter = wrapped[:_SALT_SIZE], wrapped[_SALT_SIZE : _SALT_SIZE + _COUNTER_SIZE]
    return _crypt(wrapped[_SALT_SIZE + _COUNTER_SIZE :], code, salt, counter)


def shared_secret(
    ephemeral: KeyPair, device_ephemeral: bytes, identity: KeyPair, device: bytes, bundle: bytes
) -> bytes:
    """The secret by which the device knows its phone.

    Args:
        ephemeral: the phone's.
        device_ephemeral: the device's, unwrapped.
        identity: the phone's Signal identity.
        device: the device's Signal identity, as it told the server.
        bundle: what the device sent, sealed.

    Raises:
        WrongCodeError: the bundle cannot be opened, or names other identities.
    """
    try:
        agreed = ephemeral.agree(device_ephemeral)
        salt, sealed = bundle[:_SALT_SIZE], bundle[_SALT_SIZE:]
        cipher = AESGCM(derive(agreed, _BUNDLE_INFO, KEY_SIZE, salt))
        plain = cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], None)
    except (InvalidTag, ValueError) as error:
        raise WrongCodeError from error
    if plain[: 2 * KEY_SIZE] != device + identity.public:
        raise WrongCodeError
    return derive(agreed + identity.agree(device) + plain[2 * KEY_SIZE :], _SECRET_INFO, KEY_SIZE)


def _crypt(data: bytes, code: str, salt: bytes, counter: bytes) -> bytes:
    key = hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _ROUNDS, KEY_SIZE)
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(data)
