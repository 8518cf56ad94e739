"""Messages that are encrypted with the secret of the message that they are about."""

import hashlib
from typing import Any

import pytest

from botmesh.v1 import MessageContent, MessageReference, PollContent
from botnode import whatsapp_decoding, whatsapp_events
from botnode.ports import Account, Original
from botnode.secret_cipher import Sealing, seal
from botnode.whatsapp_decoding import Envelope
from botnode.whatsapp_secrets import People
from sandbox import protobufs

ME = Account("5215512345678:3@s.whatsapp.net", "77@lid")
MINE = "5215512345678@s.whatsapp.net"
ANA = ("1@lid", "521551@s.whatsapp.net")
BETO = ("2@lid", "521552@s.whatsapp.net")
GROUP = "120363@g.us"
SECRET = bytes(range(32))
NONCE = bytes(12)
POLL = MessageContent(poll=PollContent(name="¿Sí?", options=["sí", "no"])).SerializeToString()

# Who wrote the original; the key's fields; its writer and the sender as the phone spelt them.
KEYS = [
    ("", {"remoteJID": "77@lid"}, "77@lid", ANA[0]),
    ("", {"remoteJID": MINE}, MINE, ANA[1]),
    ("", {"remoteJID": "77:3@lid"}, MINE, ANA[0]),
    ("", {"remoteJID": GROUP, "participant": "77@lid"}, "77@lid", ANA[0]),
    ("", {"remoteJID": GROUP}, "77@lid", ANA[0]),
    (BETO[0], {"remoteJID": GROUP, "participant": BETO[0]}, BETO[0], ANA[0]),
    (BETO[0], {"remoteJID": GROUP, "participant": BETO[1]}, BETO[1], ANA[1]),
    (BETO[0], {"remoteJID": GROUP, "participant": BETO[1]}, BETO[0], ANA[0]),
    (ANA[0], {"remoteJID": GROUP, "fromMe": True}, ANA[0], ANA[0]),
    (ANA[0], {"fromMe": True, "remoteJID": "77@lid"}, ANA[1], ANA[1]),
]


def vote(*options: bytes) -> Any:
    return protobufs.e2e.PollVoteMessage(selectedOptions=options)


def sealed(plain: Any, use: str, writer: str, sender: str) -> tuple[bytes, bytes]:
    sealing = Sealing(use, "3EB0", SECRET)
    text = plain.SerializeToString()
    return NONCE, seal(sealing, NONCE, text, writer=writer, sender=sender)


def update(key: dict[str, Any], plain: Any, writer: str, sender: str) -> Any:
    message = protobufs.e2e.Message()
    poll = message.pollUpdateMessage
    poll.vote.encIV, poll.vote.encPayload = sealed(plain, "Poll Vote", writer, sender)
    write_key(poll.pollCreationMessageKey, key)
    return message


def about(field: str, key: dict[str, Any], plain: Any, use: str) -> Any:
    """A message of Ana's about one of her own."""
    message = protobufs.e2e.Message()
    inner = getattr(message, field)
    inner.encIV, inner.encPayload = sealed(plain, use, ANA[0], ANA[0])
    write_key(inner.targetMessageKey, key)
    return message


def write_key(key: Any, fields: dict[str, Any]) -> None:
    for name, value in {"ID": "3EB0", **fields}.items():
        setattr(key, name, value)


def content(message: Any, *originals: Original, chat: str = GROUP) -> MessageContent | None:
    kind = whatsapp_decoding.kind_of(message)
    envelope = Envelope(ANA[0], from_me=False, group=chat == GROUP, account=ME)
    people = People(ANA, chat, ME)
    known = {"3EB0": originals}
    return whatsapp_events._content(
        message, kind, envelope, people, lambda whatsapp_id: known.get(whatsapp_id, ())
    )


@pytest.mark.parametrize(("author", "key", "writer", "sender"), KEYS)
def test_whatever_addresses_a_phone_uses(
    author: str, key: dict[str, Any], writer: str, sender: str
) -> None:
    chosen = hashlib.sha256(b"no").digest()
    strange = bytes(32)
    message = update(key, vote(chosen, strange), writer, sender)
    chat = GROUP if GROUP in key.values() else ANA[0]
    other = Original(bytes(32), "9@lid", b"")  # another's message with the same id
    told = content(message, other, Original(SECRET, author, POLL), chat=chat)
    assert told is not None
    assert list(told.poll_vote.options) == ["no"]
    assert list(told.poll_vote.option_sha256) == [chosen, strange]
    assert told.poll_vote.original.whatsapp_id == "3EB0"


def test_a_vote_in_a_poll_whose_words_are_not_known() -> None:
    chosen = hashlib.sha256(b"no").digest()
    message = update({"participant": BETO[0]}, vote(chosen), BETO[0], ANA[0])
    told = content(message, Original(SECRET, BETO[0], b""))
    assert told is not None
    assert (list(told.poll_vote.options), list(told.poll_vote.option_sha256)) == ([], [chosen])


@pytest.mark.parametrize(
    "originals",
    [
        [],
        [Original(bytes(32), BETO[0], POLL)],
        [Original(b"", BETO[0], POLL)],
        [Original(SECRET, "9@lid", POLL)],
    ],
)
def test_a_vote_that_cannot_be_decrypted(originals: list[Original]) -> None:
    message = update({"participant": "9@lid"}, vote(), BETO[0], ANA[0])
    assert content(message, *originals) is None


@pytest.mark.parametrize(("nonce", "payload"), [(b"", b""), (bytes(11), bytes(20)), (NONCE, b"x")])
def test_a_vote_of_nonsense(nonce: bytes, payload: bytes) -> None:
    message = protobufs.e2e.Message()
    message.pollUpdateMessage.pollCreationMessageKey.ID = "3EB0"
    message.pollUpdateMessage.vote.encIV = nonce
    message.pollUpdateMessage.vote.encPayload = payload
    assert content(message, Original(SECRET, BETO[0], POLL)) is None


def new_text(form: str) -> Any:
    message = protobufs.e2e.Message()
    if form == "bare":
        message.conversation = "nuevo"
        return message
    protocol = message.editedMessage.message.protocolMessage
    protocol.type = protocol.MESSAGE_EDIT
    protocol.key.ID, protocol.key.fromMe = "3EB0", True
    protocol.editedMessage.imageMessage.caption = "nuevo"
    return message


@pytest.mark.parametrize("form", ["bare", "wrapped"])
def test_an_encrypted_edit(form: str) -> None:
    key = {"fromMe": True, "remoteJID": GROUP}
    message = about("secretEncryptedMessage", key, new_text(form), "Message Edit")
    secret = message.secretEncryptedMessage
    secret.secretEncType = secret.MESSAGE_EDIT
    told = content(message, Original(SECRET, ANA[0], b""))
    assert told is not None
    assert told.edit.body == "nuevo"
    assert told.edit.original == MessageReference(whatsapp_id="3EB0", sender_jid=ANA[0])


@pytest.mark.parametrize("writer", [ANA[0], BETO[0]])
def test_an_encrypted_edit_of_anothers_message(writer: str) -> None:
    message = protobufs.e2e.Message()
    secret = message.secretEncryptedMessage
    secret.secretEncType = secret.MESSAGE_EDIT
    edit = new_text("bare")
    secret.encIV, secret.encPayload = sealed(edit, "Message Edit", writer, ANA[0])
    write_key(secret.targetMessageKey, {"participant": writer})
    assert content(message, Original(SECRET, BETO[0], b"")) is None


def test_an_encrypted_edit_of_another_kind() -> None:
    message = about("secretEncryptedMessage", {"fromMe": True}, new_text("bare"), "Event Edit")
    secret = message.secretEncryptedMessage
    secret.secretEncType = secret.EVENT_EDIT
    assert content(message, Original(SECRET, ANA[0], b"")) is None


def test_an_encrypted_reaction() -> None:
    reaction = protobufs.e2e.ReactionMessage(text="👏")
    message = about("encReactionMessage", {"fromMe": True}, reaction, "Enc Reaction")
    told = content(message, Original(SECRET, ANA[0], b""))
    assert told is not None
    assert told.reaction.emoji == "👏"
    assert told.reaction.original == MessageReference(whatsapp_id="3EB0", sender_jid=ANA[0])


def test_an_encrypted_comment() -> None:
    comment = protobufs.e2e.Message(conversation="de acuerdo")
    message = about("encCommentMessage", {"fromMe": True}, comment, "Enc Comment")
    told = content(message, Original(SECRET, ANA[0], b""))
    assert told is not None
    assert told.text.body == "de acuerdo"
    assert told.quoted.original == MessageReference(whatsapp_id="3EB0", sender_jid=ANA[0])
