"""Polls in the phones' chats, and votes in them.

A vote is encrypted with the poll's secret, for the poll's writer and the voter, and names options
by their SHA-256.

Source: whatsmeow's msgsecret.go.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sandbox import protobufs
from sandbox.state.messages import Message
from sandbox.state.phones import Phone
from sandbox.state.store import Store

_POLLS: Final = (
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV5",
    "pollCreationMessageV6",
)
_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class NoOptionError(ValueError):
    """The poll has no such option."""


def with_secret(content: Any) -> Any:
    """A message as phones write it: a poll has a secret."""
    if _poll(content) is None or content.messageContextInfo.messageSecret:
        return content
    result = protobufs.e2e.Message()
    result.CopyFrom(content)
    result.messageContextInfo.messageSecret = secrets.token_bytes(_SECRET_BYTES)
    return result


def find(store: Store, phone: Phone, message_id: str) -> Message | None:
    """The poll with that id in a phone's chats."""
    for message in store.messages.with_id(phone.number, message_id):
        if _poll(protobufs.e2e.Message.FromString(message.content)) is not None:
            return message
    return None


def vote(store: Store, phone: Phone, message: Message, options: Sequence[str]) -> Any:
    """A phone's vote in a poll, as a message to its chat; raises NoOptionError."""
    content = protobufs.e2e.Message.FromString(message.content)
    known = [option.optionName for option in _poll(content).options]
    for option in options:
        if option not in known:
            raise NoOptionError(option)
    chosen = protobufs.e2e.PollVoteMessage(
        selectedOptions=[hashlib.sha256(option.encode()).digest() for option in options]
    )
    writer, voter = store.phones.get(message.sender), phone
    info = f"{message.id}{writer.lid_jid}{voter.lid_jid}Poll Vote".encode()
    secret = content.messageContextInfo.messageSecret
    key = HKDF(SHA256(), length=_SECRET_BYTES, salt=None, info=info).derive(secret)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    names = f"{message.id}\0{voter.lid_jid}".encode()
    result = protobufs.e2e.Message()
    update = result.pollUpdateMessage
    update.vote.encIV = nonce
    update.vote.encPayload = AESGCM(key).encrypt(nonce, chosen.SerializeToString(), names)
    update.senderTimestampMS = int(time.time() * 1000)
    _write_key(update.pollCreationMessageKey, store, writer, voter, message)
    return result


def _write_key(key: Any, store: Store, writer: Phone, voter: Phone, message: Message) -> None:
    in_group = "@" in message.chat
    key.ID = message.id
    key.fromMe = writer is voter
    key.remoteJID = message.chat if in_group else str(store.phones.get(message.chat).lid_jid)
    if in_group and writer is not voter:
        key.participant = str(writer.lid_jid)


def _poll(content: Any) -> Any:
    name = next((name for name in _POLLS if content.HasField(name)), None)
    return None if name is None else getattr(content, name)
