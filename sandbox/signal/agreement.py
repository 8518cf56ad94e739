"""How a session begins: X3DH, from either side.

The secret is 32 bytes of 0xFF and three or four Diffie-Hellman results; HKDF with the info
"WhisperText" makes root and chain key of it. The writer takes a further ratchet step at once,
because the reader's signed pre-key serves as the reader's first ratchet key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sandbox.signal.keys import DJB_TYPE, KeyPair, verify
from sandbox.signal.messages import PreKeyMessage, SignalError
from sandbox.signal.session import Chain, Pending, Session, derive, ratchet_once

_DISCONTINUITY: Final = b"\xff" * 32


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a device publishes so that others can write to it first."""

    registration_id: int
    identity: bytes
    signed_pre_key_id: int
    signed_pre_key: bytes
    signature: bytes
    pre_key_id: int | None = None
    pre_key: bytes = b""


def write_first(identity: KeyPair, registration_id: int, bundle: Bundle) -> Session:
    """The session of the side that writes first; raises SignalError on a bad signature."""
    signed = DJB_TYPE + bundle.signed_pre_key
    if not verify(bundle.identity, signed, bundle.signature):
        raise SignalError("a signed pre-key whose signature is wrong")
    base = KeyPair()
    secret = (
        _DISCONTINUITY
        + identity.agree(bundle.signed_pre_key)
        + base.agree(bundle.identity)
        + base.agree(bundle.signed_pre_key)
        + (base.agree(bundle.pre_key) if bundle.pre_key else b"")
    )
    root, received = _first_keys(secret)
    ratchet = KeyPair()
    root, sent = ratchet_once(root, ratchet.agree(bundle.signed_pre_key))
    return Session(
        local_identity=identity.public,
        remote_identity=bundle.identity,
        root=root,
        own_ratchet=ratchet,
        sending=Chain(ratchet.public, sent),
        receiving=[Chain(bundle.signed_pre_key, received)],
        registration_id=registration_id,
        pending=Pending(bundle.pre_key_id, bundle.signed_pre_key_id, base.public),
        base_key=base.public,
    )


def read_first(
    identity: KeyPair,
    registration_id: int,
    signed_pre_key: KeyPair,
    pre_key: KeyPair | None,
    message: PreKeyMessage,
) -> Session:
    """The session of the side that reads a first message."""
    base, remote = message.base_key[1:], message.identity[1:]
    secret = (
        _DISCONTINUITY
        + signed_pre_key.agree(remote)
        + identity.agree(base)
        + signed_pre_key.agree(base)
        + (pre_key.agree(base) if pre_key else b"")
    )
    root, sending = _first_keys(secret)
    return Session(
        local_identity=identity.public,
        remote_identity=remote,
        root=root,
        own_ratchet=signed_pre_key,
        sending=Chain(signed_pre_key.public, sending),
        registration_id=registration_id,
        base_key=base,
    )


def _first_keys(secret: bytes) -> tuple[bytes, bytes]:
    derived = derive(secret, b"WhisperText", 64)
    return derived[:32], derived[32:]
