"""The second encryption of messages that are about others.

Source: whatsmeow's msgsecret.go, gcmutil and hkdfutil.
"""

import itertools
from collections.abc import Collection
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE_BYTES = 12
_WITH_NAMES = frozenset({"Poll Vote", "Event Response"})


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a key is made of, beside people.

    Attributes:
        use: what it is for, in WhatsApp's words, e.g. "Poll Vote".
        original_id: WhatsApp's id of the message that it is about.
        secret: that message's.
    """

    use: str
    original_id: str
    secret: bytes

    def key(self, writer: str, sender: str) -> bytes:
        """The key between the original's writer and the sender."""
        info = f"{self.original_id}{writer}{sender}{self.use}".encode()
        return HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(self.secret)

    def names(self, sender: str) -> bytes | None:
        """What is authenticated beside the text."""
        return f"{self.original_id}\0{sender}".encode() if self.use in _WITH_NAMES else None


def open_sealed(
    sealing: Sealing,
    nonce: bytes,
    payload: bytes,
    *,
    writers: Collection[str],
    senders: Collection[str],
) -> bytes | None:
    """The text; None if it was sealed with something else.

    Args:
        sealing: what it was sealed with.
        nonce: of the encryption.
        payload: text and tag.
        writers: the addresses that the original's writer may have in the key.
        senders: the addresses that the sender may have in it.
    """
    if len(nonce) != _NONCE_BYTES:
        return None
    for writer, sender in itertools.product(writers, senders):
        cipher = AESGCM(sealing.key(writer, sender))
        try:
            return cipher.decrypt(nonce, payload, sealing.names(sender))
        except InvalidTag:
            continue
    return None


def seal(sealing: Sealing, nonce: bytes, text: bytes, *, writer: str, sender: str) -> bytes:
    """Text and tag."""
    return AESGCM(sealing.key(writer, sender)).encrypt(nonce, text, sealing.names(sender))
