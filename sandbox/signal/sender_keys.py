"""Sender keys: how one device writes to a whole group with one ciphertext.

The writer gives every device of the group the start of its chain and the key that its messages
are signed with (a distribution message), over their sessions with each other. Then each message
carries key id 1, iteration 2 and ciphertext 3, and ends with a signature over all of that.

Source: libsignal's WhisperTextProtocol.proto, SenderKeyMessage and SenderKeyDistributionMessage.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Final

from sandbox.signal.keys import DJB_TYPE, SIGNATURE_SIZE, KeyPair, verify
from sandbox.signal.messages import VERSION_BYTE, SignalError, bytes_of, fields, number_of, read
from sandbox.signal.session import Chain, decrypt_cbc, derive, dump_chain, encrypt_cbc, load_chain

_MAX_ID: Final = 1 << 31


@dataclass(slots=True)
class SenderKey:
    """One device's key for one group; without the pair it can only read."""

    id: int
    chain: Chain
    pair: KeyPair | None = None

    @classmethod
    def new(cls) -> SenderKey:
        """The key of a device that writes into a group for the first time."""
        pair = KeyPair()
        return cls(secrets.randbelow(_MAX_ID), Chain(pair.public, secrets.token_bytes(32)), pair)

    def distribution(self) -> bytes:
        """What lets another device read from the next message on."""
        return VERSION_BYTE + fields(
            (1, self.id),
            (2, self.chain.index),
            (3, self.chain.key),
            (4, DJB_TYPE + self.chain.ratchet),
        )

    def encrypt(self, plain: bytes) -> bytes:
        """The next message."""
        if self.pair is None:
            raise SignalError("a sender key that can only read")
        iteration = self.chain.index
        key, iv = _message_keys(self.chain.step())
        body = VERSION_BYTE + fields((1, self.id), (2, iteration), (3, encrypt_cbc(key, iv, plain)))
        return body + self.pair.sign(body)

    def decrypt(self, raw: bytes) -> bytes:
        """The text of a message; raises SignalError and then changes nothing."""
        body, signature = raw[:-SIGNATURE_SIZE], raw[-SIGNATURE_SIZE:]
        if not verify(self.chain.ratchet, body, signature):
            raise SignalError("a group message whose signature is wrong")
        message = read(body)
        if number_of(message, 1) != self.id:
            raise SignalError("a group message of another sender key")
        before = self.dump()
        try:
            key, iv = _message_keys(self.chain.seed_at(number_of(message, 2)))
            return decrypt_cbc(key, iv, bytes_of(message, 3))
        except (SignalError, ValueError) as error:
            self.chain = load(before).chain
            raise error if isinstance(error, SignalError) else SignalError(str(error)) from error

    def dump(self) -> str:
        """The key as JSON."""
        seed = self.pair.seed.hex() if self.pair else None
        return json.dumps([self.id, dump_chain(self.chain), seed], separators=(",", ":"))


def load(text: str) -> SenderKey:
    """A sender key from its JSON."""
    number, chain, seed = json.loads(text)
    return SenderKey(number, load_chain(chain), KeyPair(bytes.fromhex(seed)) if seed else None)


def read_distribution(raw: bytes) -> SenderKey:
    """The key that another device distributes; raises SignalError."""
    message = read(raw)
    chain = Chain(bytes_of(message, 4)[1:], bytes_of(message, 3), number_of(message, 2))
    return SenderKey(number_of(message, 1), chain)


def _message_keys(seed: bytes) -> tuple[bytes, bytes]:
    derived = derive(seed, b"WhisperGroup", 48)
    return derived[16:], derived[:16]
