"""A Signal session: the double ratchet between one local and one remote device.

Public keys are plain 32 bytes here; the wire adds the curve's type byte. Sessions are written to
the state as JSON, so that a restarted sandbox goes on where it was.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sandbox.signal.keys import DJB_TYPE, KeyPair
from sandbox.signal.messages import PreKeyMessage, SignalError, SignalMessage, read_message

_NO_SALT: Final = bytes(32)
_MAX_SKIPPED: Final = 2000
_MAX_CHAINS: Final = 5


def derive(secret: bytes, info: bytes, size: int, salt: bytes = _NO_SALT) -> bytes:
    """HKDF-SHA256."""
    key = hmac.digest(salt, secret, "sha256")
    out = block = b""
    counter = 1
    while len(out) < size:
        block = hmac.digest(key, block + info + bytes((counter,)), "sha256")
        out += block
        counter += 1
    return out[:size]


@dataclass(slots=True)
class Chain:
    """A symmetric ratchet: the key of its next step, and those that were skipped."""

    ratchet: bytes
    key: bytes
    index: int = 0
    skipped: dict[int, bytes] = field(default_factory=dict)

    def step(self) -> bytes:
        """The seed of the next message's keys."""
        seed = hmac.digest(self.key, b"\x01", "sha256")
        self.key = hmac.digest(self.key, b"\x02", "sha256")
        self.index += 1
        return seed

    def seed_at(self, counter: int) -> bytes:
        """The seed of a given message, skipping ahead where needed; raises SignalError."""
        if counter < self.index:
            if counter not in self.skipped:
                raise SignalError(f"a message that was read before (counter {counter})")
            return self.skipped.pop(counter)
        if counter - self.index > _MAX_SKIPPED:
            raise SignalError("a message too far ahead")
        while self.index < counter:
            index = self.index
            self.skipped[index] = self.step()
        return self.step()


@dataclass(slots=True)
class Pending:
    """What goes with every message until the other side has answered."""

    pre_key_id: int | None
    signed_pre_key_id: int
    base_key: bytes


@dataclass(slots=True)
class Session:
    """Root key, one sending chain, some receiving chains."""

    local_identity: bytes
    remote_identity: bytes
    root: bytes
    own_ratchet: KeyPair
    sending: Chain
    receiving: list[Chain] = field(default_factory=list)
    previous: int = 0
    registration_id: int = 0
    pending: Pending | None = None
    base_key: bytes = b""

    def encrypt(self, plain: bytes) -> tuple[str, bytes]:
        """The next message and its kind on WhatsApp's wire: ``pkmsg`` or ``msg``."""
        counter = self.sending.index
        cipher_key, mac_key, iv = _message_keys(self.sending.step())
        message = SignalMessage(
            self.own_ratchet.typed, counter, self.previous, encrypt_cbc(cipher_key, iv, plain)
        ).seal(mac_key, DJB_TYPE + self.local_identity, DJB_TYPE + self.remote_identity)
        if self.pending is None:
            return "msg", message
        return "pkmsg", PreKeyMessage(
            self.registration_id,
            self.pending.pre_key_id,
            self.pending.signed_pre_key_id,
            DJB_TYPE + self.pending.base_key,
            DJB_TYPE + self.local_identity,
            message,
        ).seal()

    def decrypt(self, raw: bytes) -> bytes:
        """The text of a normal message; raises SignalError and then changes nothing."""
        before = self.dump()
        try:
            plain = self._decrypt(read_message(raw))
        except (SignalError, ValueError) as error:
            self._restore(before)
            raise error if isinstance(error, SignalError) else SignalError(str(error)) from error
        self.pending = None
        return plain

    def _decrypt(self, message: SignalMessage) -> bytes:
        chain = self._chain_for(message.ratchet[1:])
        cipher_key, mac_key, iv = _message_keys(chain.seed_at(message.counter))
        message.check(mac_key, DJB_TYPE + self.remote_identity, DJB_TYPE + self.local_identity)
        return decrypt_cbc(cipher_key, iv, message.ciphertext)

    def _chain_for(self, ratchet: bytes) -> Chain:
        for chain in self.receiving:
            if chain.ratchet == ratchet:
                return chain
        root, key = _ratchet(self.root, self.own_ratchet.agree(ratchet))
        chain = Chain(ratchet, key)
        self.receiving = [*self.receiving, chain][-_MAX_CHAINS:]
        self.previous = max(self.sending.index - 1, 0)
        self.own_ratchet = KeyPair()
        self.root, key = _ratchet(root, self.own_ratchet.agree(ratchet))
        self.sending = Chain(self.own_ratchet.public, key)
        return chain

    def dump(self) -> str:
        """The session as JSON."""
        pending = self.pending
        return json.dumps(
            {
                "local": self.local_identity.hex(),
                "remote": self.remote_identity.hex(),
                "root": self.root.hex(),
                "own": self.own_ratchet.seed.hex(),
                "sending": dump_chain(self.sending),
                "receiving": [dump_chain(chain) for chain in self.receiving],
                "previous": self.previous,
                "registration": self.registration_id,
                "pending": pending
                and [pending.pre_key_id, pending.signed_pre_key_id, pending.base_key.hex()],
                "base": self.base_key.hex(),
            },
            separators=(",", ":"),
        )

    def _restore(self, text: str) -> None:
        other = load(text)
        for name in Session.__slots__:
            setattr(self, name, getattr(other, name))


def load(text: str) -> Session:
    """A session from its JSON."""
    data = json.loads(text)
    pending = data["pending"]
    return Session(
        local_identity=bytes.fromhex(data["local"]),
        remote_identity=bytes.fromhex(data["remote"]),
        root=bytes.fromhex(data["root"]),
        own_ratchet=KeyPair(bytes.fromhex(data["own"])),
        sending=load_chain(data["sending"]),
        receiving=[load_chain(chain) for chain in data["receiving"]],
        previous=data["previous"],
        registration_id=data["registration"],
        pending=pending and Pending(pending[0], pending[1], bytes.fromhex(pending[2])),
        base_key=bytes.fromhex(data["base"]),
    )


def ratchet_once(root: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """The next root key and the chain key of a Diffie-Hellman step."""
    return _ratchet(root, secret)


def _ratchet(root: bytes, secret: bytes) -> tuple[bytes, bytes]:
    derived = derive(secret, b"WhisperRatchet", 64, salt=root)
    return derived[:32], derived[32:]


def _message_keys(seed: bytes) -> tuple[bytes, bytes, bytes]:
    derived = derive(seed, b"WhisperMessageKeys", 80)
    return derived[:32], derived[32:64], derived[64:]


def encrypt_cbc(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """AES-CBC with PKCS#7 padding."""
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def decrypt_cbc(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    """The other way; raises ValueError."""
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()


def dump_chain(chain: Chain) -> list[Any]:
    """A chain as JSON knows it."""
    skipped = {str(index): seed.hex() for index, seed in chain.skipped.items()}
    return [chain.ratchet.hex(), chain.key.hex(), chain.index, skipped]


def load_chain(data: list[Any]) -> Chain:
    """A chain from its JSON."""
    ratchet, key, index, skipped = data
    return Chain(
        bytes.fromhex(ratchet),
        bytes.fromhex(key),
        index,
        {int(at): bytes.fromhex(seed) for at, seed in skipped.items()},
    )
