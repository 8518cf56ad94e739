"""Media is encrypted as phones expect it, and nothing wrong is taken for right."""

import hashlib
import io
import os
from types import SimpleNamespace

import pytest

from botnode.media_cipher import DamagedError, Decryption, Encryption, encrypted_size
from botnode.media_ports import MediaKind
from sandbox import media_cipher as phones

SIZES = [0, 1, 15, 16, 17, 65_535, 65_536, 200_001]


def sealed(data: bytes, kind: MediaKind, piece: int = 7777) -> tuple[bytes, Encryption]:
    encryption = Encryption(kind)
    parts = [encryption.update(data[at : at + piece]) for at in range(0, len(data), piece)]
    return b"".join([*parts, encryption.finish()]), encryption


def opened(body: bytes, decryption: Decryption, piece: int = 4099) -> bytes:
    parts = [decryption.update(body[at : at + piece]) for at in range(0, len(body), piece)]
    return b"".join([*parts, decryption.finish()])


def decryption(encryption: Encryption, kind: MediaKind = MediaKind.VIDEO) -> Decryption:
    return Decryption(kind, encryption.media_key, encryption.sha256, encryption.enc_sha256)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1 << 20, 9, 11])
def test_what_is_encrypted_comes_out_again(size: int, piece: int) -> None:
    data = os.urandom(size)[: min(size, 2000) if piece < 100 else size]
    body, encryption = sealed(data, MediaKind.VIDEO, piece)
    assert len(body) == encrypted_size(len(data))
    assert encryption.enc_sha256 == hashlib.sha256(body).digest()
    assert encryption.sha256 == hashlib.sha256(data).digest()
    assert opened(body, decryption(encryption), piece) == data


@pytest.mark.parametrize("kind", list(MediaKind))
def test_phones_open_it(kind: MediaKind) -> None:
    data = os.urandom(100_000)
    body, encryption = sealed(data, kind)
    told = SimpleNamespace(
        mediaKey=encryption.media_key,
        fileSHA256=encryption.sha256,
        fileEncSHA256=encryption.enc_sha256,
        fileLength=len(data),
    )
    theirs = "image" if kind is MediaKind.STICKER else kind.value
    phones.check(io.BytesIO(body), len(body), theirs, told)
    plain = b"".join(phones.decrypted(io.BytesIO(body), len(body), theirs, told))
    assert plain == data


@pytest.mark.parametrize("at", [0, 1000, -11, -10, -1])
def test_another_byte_is_noticed(at: int) -> None:
    body, encryption = sealed(os.urandom(5000), MediaKind.VIDEO)
    wrong = bytearray(body)
    wrong[at] ^= 1
    with pytest.raises(DamagedError, match="encrypted bytes have another hash"):
        opened(bytes(wrong), decryption(encryption))
    # Whoever writes the message chooses the hash of the encrypted bytes too.
    told = hashlib.sha256(wrong).digest()
    lying = Decryption(MediaKind.VIDEO, encryption.media_key, encryption.sha256, told)
    with pytest.raises(DamagedError, match="authentication code"):
        opened(bytes(wrong), lying)


@pytest.mark.parametrize("length", [0, 1, 9, 10, 26, 100])
def test_too_few_bytes_are_noticed(length: int) -> None:
    body, encryption = sealed(b"words" * 20, MediaKind.VIDEO)
    with pytest.raises(DamagedError):
        opened(body[:length], decryption(encryption))
    told = hashlib.sha256(body[:length]).digest()
    with pytest.raises(DamagedError):
        opened(
            body[:length],
            Decryption(MediaKind.VIDEO, encryption.media_key, encryption.sha256, told),
        )


def test_another_kind_or_plain_hash_is_noticed() -> None:
    body, encryption = sealed(b"words", MediaKind.VIDEO)
    with pytest.raises(DamagedError):
        opened(body, decryption(encryption, MediaKind.IMAGE))
    wrong = Decryption(MediaKind.VIDEO, encryption.media_key, bytes(32), encryption.enc_sha256)
    with pytest.raises(DamagedError, match="plain bytes"):
        opened(body, wrong)


@pytest.mark.parametrize(
    ("key", "plain", "sealed_"), [(31, 32, 32), (0, 32, 32), (32, 0, 32), (32, 32, 31)]
)
def test_a_message_without_keys_or_hashes_is_refused(key: int, plain: int, sealed_: int) -> None:
    with pytest.raises(DamagedError):
        Decryption(MediaKind.IMAGE, bytes(key), bytes(plain), bytes(sealed_))
