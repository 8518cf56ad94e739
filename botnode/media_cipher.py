"""How WhatsApp's media is encrypted, piece by piece: no whole file is ever in memory.

One key of 32 bytes gives all others (HKDF); the bytes are encrypted with AES-256-CBC, and the
first 10 bytes of an HMAC-SHA256 over IV and ciphertext stand behind them. A message tells the
SHA-256 of the plain bytes, and of the encrypted bytes with that code.

Source: whatsmeow's upload.go, download.go (getMediaKeys) and cbcutil. Importing this loads
`cryptography`, some 7 MB: only what moves media does.
"""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from botnode.media_ports import MediaKind

KEY_BYTES = 32
HASH_BYTES = 32
MAC_BYTES = 10
BLOCK_BYTES = 16

_EXPANDED_BYTES = 112
# Stickers have the keys of pictures.
_KEY_NAMES = {
    MediaKind.IMAGE: b"WhatsApp Image Keys",
    MediaKind.VIDEO: b"WhatsApp Video Keys",
    MediaKind.AUDIO: b"WhatsApp Audio Keys",
    MediaKind.DOCUMENT: b"WhatsApp Document Keys",
    MediaKind.STICKER: b"WhatsApp Image Keys",
}


class DamagedError(Exception):
    """The bytes are not those that the message means; the text says why."""


def encrypted_size(size: int) -> int:
    """How many bytes a file of a size has when it is encrypted, with its code."""
    return (size // BLOCK_BYTES + 1) * BLOCK_BYTES + MAC_BYTES


class Encryption:
    """Encrypts one file, as often as it is read."""

    def __init__(self, kind: MediaKind, media_key: bytes | None = None) -> None:
        self.media_key = media_key or secrets.token_bytes(KEY_BYTES)
        self._keys = _Keys(self.media_key, kind)
        self._encryptor = self._keys.cipher.encryptor()
        self._padder = padding.PKCS7(BLOCK_BYTES * 8).padder()
        self._plain, self._sealed = hashlib.sha256(), hashlib.sha256()
        self.size = 0

    def update(self, data: bytes) -> bytes:
        """The next encrypted bytes."""
        self.size += len(data)
        self._plain.update(data)
        return self._seal(self._encryptor.update(self._padder.update(data)))

    def finish(self) -> bytes:
        """The last encrypted bytes, with the code."""
        last = self._encryptor.update(self._padder.finalize()) + self._encryptor.finalize()
        sealed = self._seal(last)
        code = self._keys.mac.digest()[:MAC_BYTES]
        self._sealed.update(code)
        return sealed + code

    @property
    def sha256(self) -> bytes:
        """Of the plain bytes."""
        return self._plain.digest()

    @property
    def enc_sha256(self) -> bytes:
        """Of the encrypted bytes and the code; once finished."""
        return self._sealed.digest()

    def _seal(self, data: bytes) -> bytes:
        self._keys.mac.update(data)
        self._sealed.update(data)
        return data


class Decryption:
    """Decrypts one file. What it gives is proven only when `finish` returns.

    Attributes:
        taken: how many encrypted bytes it has taken.
        size: how many plain bytes it has given.
    """

    def __init__(
        self, kind: MediaKind, media_key: bytes, file_sha256: bytes, file_enc_sha256: bytes
    ) -> None:
        """Begin; raises DamagedError where keys or hashes are none."""
        if len(media_key) != KEY_BYTES:
            raise DamagedError("the message has no media key")
        if len(file_sha256) != HASH_BYTES or len(file_enc_sha256) != HASH_BYTES:
            raise DamagedError("the message does not tell the media's hashes")
        self._keys = _Keys(media_key, kind)
        self._decryptor = self._keys.cipher.decryptor()
        self._unpadder = padding.PKCS7(BLOCK_BYTES * 8).unpadder()
        self._wanted = (file_sha256, file_enc_sha256)
        self._plain, self._sealed = hashlib.sha256(), hashlib.sha256()
        self._tail = b""
        self.taken = 0
        self.size = 0

    def update(self, data: bytes) -> bytes:
        """The next plain bytes; the last that came may be the code, and wait."""
        self.taken += len(data)
        self._sealed.update(data)
        joined = self._tail + data
        sealed, self._tail = joined[:-MAC_BYTES], joined[-MAC_BYTES:]
        self._keys.mac.update(sealed)
        return self._give(self._unpadder.update(self._decryptor.update(sealed)))

    def finish(self) -> bytes:
        """The last plain bytes; raises DamagedError unless all is as the message tells."""
        file_sha256, file_enc_sha256 = self._wanted
        if not hmac.compare_digest(self._sealed.digest(), file_enc_sha256):
            raise DamagedError("the encrypted bytes have another hash than the message tells")
        if not hmac.compare_digest(self._keys.mac.digest()[:MAC_BYTES], self._tail):
            raise DamagedError("the authentication code is wrong")
        try:
            rest = self._decryptor.finalize()
            last = self._give(self._unpadder.update(rest) + self._unpadder.finalize())
        except ValueError as error:
            raise DamagedError(f"the bytes cannot be decrypted: {error}") from None
        if not hmac.compare_digest(self._plain.digest(), file_sha256):
            raise DamagedError("the plain bytes have another hash than the message tells")
        return last

    def _give(self, data: bytes) -> bytes:
        self.size += len(data)
        self._plain.update(data)
        return data


class _Keys:
    """The keys that one media key gives."""

    def __init__(self, media_key: bytes, kind: MediaKind) -> None:
        expanded = _expand(media_key, _KEY_NAMES[kind], _EXPANDED_BYTES)
        iv, cipher_key, mac_key = expanded[:16], expanded[16:48], expanded[48:80]
        self.cipher = Cipher(algorithms.AES(cipher_key), modes.CBC(iv))
        self.mac = hmac.new(mac_key, iv, hashlib.sha256)


def _expand(key: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA256 (RFC 5869) without a salt."""
    extracted = hmac.digest(bytes(HASH_BYTES), key, "sha256")
    expanded = block = b""
    while len(expanded) < size:
        count = bytes((len(expanded) // HASH_BYTES + 1,))
        block = hmac.digest(extracted, block + info + count, "sha256")
        expanded += block
    return expanded[:size]
