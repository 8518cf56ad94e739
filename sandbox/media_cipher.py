"""How media is encrypted: keys from one media key, AES-CBC, and 10 bytes of a MAC behind it.

Source: whatsmeow's download.go and upload.go.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from typing import IO, Final

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAC_BYTES: Final = 10
_BLOCK_BITS: Final = 128
_CHUNK: Final = 64 * 1024
# By the name of the kind in the media host's addresses; stickers have the keys of pictures.
_KEY_NAMES: Final = {
    "image": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
}
KINDS: Final = frozenset(_KEY_NAMES)


class MediaError(Exception):
    """The bytes are not what the message says they are."""


class _Keys:
    """The keys of one piece of media."""

    def __init__(self, media_key: bytes, kind: str) -> None:
        hkdf = HKDF(algorithm=hashes.SHA256(), length=112, salt=None, info=_KEY_NAMES[kind])
        expanded = hkdf.derive(media_key)
        self.iv = expanded[:16]
        self.cipher = Cipher(algorithms.AES(expanded[16:48]), modes.CBC(self.iv))
        self.mac = hmac.new(expanded[48:80], self.iv, hashlib.sha256)


class Encryption:
    """Encrypts a file piece by piece."""

    def __init__(self, kind: str) -> None:
        self.media_key = secrets.token_bytes(32)
        keys = _Keys(self.media_key, kind)
        self._encryptor = keys.cipher.encryptor()
        self._padder = padding.PKCS7(_BLOCK_BITS).padder()
        self._mac = keys.mac
        self._plain_hash, self._hash = hashlib.sha256(), hashlib.sha256()
        self.size = 0

    def update(self, data: bytes) -> bytes:
        """The next encrypted bytes."""
        self.size += len(data)
        self._plain_hash.update(data)
        return self._sealed(self._encryptor.update(self._padder.update(data)))

    def finish(self) -> bytes:
        """The last encrypted bytes, with the MAC."""
        last = self._encryptor.update(self._padder.finalize()) + self._encryptor.finalize()
        sealed = self._sealed(last)
        mac = self._mac.digest()[:MAC_BYTES]
        self._hash.update(mac)
        return sealed + mac

    def _sealed(self, data: bytes) -> bytes:
        self._mac.update(data)
        self._hash.update(data)
        return data

    @property
    def sha256(self) -> bytes:
        """Of the plain bytes."""
        return self._plain_hash.digest()

    @property
    def enc_sha256(self) -> bytes:
        """Of the encrypted bytes with the MAC; once finished."""
        return self._hash.digest()


def check(file: IO[bytes], size: int, kind: str, media: object) -> None:
    """Prove that an encrypted file is the one that a media message means; raises MediaError."""
    keys = _Keys(media.mediaKey, kind)  # type: ignore[attr-defined]  # a protobuf
    digest, left = hashlib.sha256(), size - MAC_BYTES
    while left > 0 and (data := file.read(min(_CHUNK, left))):
        digest.update(data)
        keys.mac.update(data)
        left -= len(data)
    mac = file.read(MAC_BYTES)
    digest.update(mac)
    if digest.digest() != media.fileEncSHA256:  # type: ignore[attr-defined]  # a protobuf
        raise MediaError("the encrypted bytes have another hash")
    if mac != keys.mac.digest()[:MAC_BYTES]:
        raise MediaError("the authentication code is wrong")
    plain, length = hashlib.sha256(), 0
    for data in decrypted(file, size, kind, media):
        plain.update(data)
        length += len(data)
    if plain.digest() != media.fileSHA256:  # type: ignore[attr-defined]  # a protobuf
        raise MediaError("the plain bytes have another hash")
    if length != media.fileLength:  # type: ignore[attr-defined]  # a protobuf
        raise MediaError("the plain bytes have another length")


def decrypted(file: IO[bytes], size: int, kind: str, media: object) -> Iterator[bytes]:
    """The plain bytes of an encrypted file, from its beginning on; raises MediaError."""
    keys = _Keys(media.mediaKey, kind)  # type: ignore[attr-defined]  # a protobuf
    decryptor, unpadder = keys.cipher.decryptor(), padding.PKCS7(_BLOCK_BITS).unpadder()
    file.seek(0)
    left = size - MAC_BYTES
    try:
        while left > 0 and (data := file.read(min(_CHUNK, left))):
            left -= len(data)
            yield unpadder.update(decryptor.update(data))
        yield unpadder.update(decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise MediaError(f"the bytes cannot be decrypted: {error}") from error
