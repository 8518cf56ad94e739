"""Messages that are encrypted a second time, with the secret of the message that they are about.

Votes, and in newer clients also edits and, in announcement groups, reactions and comments. WhatsApp
names a person by LID or by number, and which of the two a phone put into the key does not show: all
are tried, and the authentication of the encryption tells which is right.

Source: whatsmeow's msgsecret.go.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.message import DecodeError

from botnode.ports import Account, Original
from botnode.recipient import USER_SERVER, without_device
from botnode.whatsapp_content import is_own

VOTE = "pollUpdateMessage"
EDIT = "secretEncryptedMessage"
COMMENT = "encCommentMessage"
REACTION = "encReactionMessage"
# Field -> what the key is derived for; of a secretEncryptedMessage by its kind.
_USES = {
    VOTE: "Poll Vote",
    REACTION: "Enc Reaction",
    COMMENT: "Enc Comment",
}
_SECRET_USES = {"MESSAGE_EDIT": "Message Edit"}

FindOriginals = Callable[[str], Sequence[Original]]


@dataclass(frozen=True, slots=True)
class People:
    """Who is who in a chat, as far as an event tells: JIDs without devices.

    Attributes:
        senders: the addresses of who wrote the message.
        chat_jid: the chat.
        account: the own one.
    """

    senders: tuple[str, ...]
    chat_jid: str
    account: Account | None


@dataclass(frozen=True, slots=True)
class Opened:
    """What was encrypted.

    Attributes:
        message: the waE2E.Message to read in its place; for a vote its PollVoteMessage.
        whatsapp_id: of the message that it is about.
        original: that message, as far as it is known here.
    """

    message: Any
    whatsapp_id: str
    original: Original


def is_sealed(message: Any, kind: str) -> bool:
    """Whether a message of a kind is encrypted with another's secret."""
    return _use(message, kind) is not None


def unseal(message: Any, kind: str, people: People, find: FindOriginals) -> Opened | None:
    """What such a message says; None if its original is not known here, or it is no such message.

    Args:
        message: a waE2E.Message.
        kind: the field of it that is set.
        people: around it.
        find: gives the originals for an id.
    """
    use = _use(message, kind)
    if use is None:
        return None
    sealed = getattr(message, kind)
    key = sealed.pollCreationMessageKey if kind == VOTE else sealed.targetMessageKey
    envelope = sealed.vote if kind == VOTE else sealed
    # Loaded for the first vote: it costs memory that most botnodes never need.
    cipher: Any = importlib.import_module("botnode.secret_cipher")
    for original in find(key.ID):
        if kind == EDIT and not _is_senders(original, people):
            continue  # who is in a group has the secrets of all its messages
        plain = cipher.open_sealed(
            cipher.Sealing(use, key.ID, original.secret),
            envelope.encIV,
            envelope.encPayload,
            writers=_writers(original, key, people),
            senders=people.senders,
        )
        if plain is not None:
            told = _read(message, kind, key, plain)
            return None if told is None else Opened(told, key.ID, original)
    return None


def _use(message: Any, kind: str) -> str | None:
    if kind != EDIT:
        return _USES.get(kind)
    value = message.secretEncryptedMessage.secretEncType
    names = message.secretEncryptedMessage.DESCRIPTOR.enum_types_by_name["SecretEncType"]
    found = names.values_by_number.get(value)
    return None if found is None else _SECRET_USES.get(found.name)


def _is_senders(original: Original, people: People) -> bool:
    if original.sender_jid:
        return original.sender_jid in people.senders
    return any(is_own(jid, people.account) for jid in people.senders)


def _writers(original: Original, key: Any, people: People) -> list[str]:
    """The addresses that the original's writer may have in the key."""
    named = [without_device(key.participant), without_device(key.remoteJID), original.sender_jid]
    if not original.sender_jid and people.account is not None:
        named = [people.account.lid, f"{people.account.user}@{USER_SERVER}", *named]
    if key.fromMe:  # the sender's own
        named = [*people.senders, *named]
    return list(dict.fromkeys(jid for jid in [*named, people.chat_jid] if jid))


def _read(message: Any, kind: str, key: Any, plain: bytes) -> Any:
    try:
        if kind == VOTE:
            return _type(message, "PollVoteMessage").FromString(plain)
        if kind == REACTION:
            told = type(message)()
            told.reactionMessage.MergeFromString(plain)
            told.reactionMessage.key.CopyFrom(key)
            return told
        return type(message).FromString(plain)
    except DecodeError:
        return None


def _type(message: Any, name: str) -> Any:
    descriptor = message.DESCRIPTOR.file.message_types_by_name[name]
    return message_factory.GetMessageClass(descriptor)
