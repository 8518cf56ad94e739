"""Whatever a message is made of: it never stops the callback, and is never lost."""

import random
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from botmesh.v1 import MessageContent
from botnode import whatsapp_decoding, whatsapp_events
from botnode.ports import Account, Original
from sandbox import protobufs

ME = Account("5215512345678:3@s.whatsapp.net", "77@lid")
JIDS = ("77@lid", "77:3@lid", "1@lid", "5215512345678@s.whatsapp.net", "9@g.us", "@", "", "x\0y")
TEXTS = ("", "hola", "\0", "é" * 300, "👍🏽", "https://example.com", *JIDS)
DEEPEST = 5
CASES = 600

e2e = protobufs.e2e
FIELDS = [field.name for field in e2e.Message.DESCRIPTOR.fields]


def fill(message: Any, rng: random.Random, depth: int = 0) -> Any:
    """Set some of a message's fields to something."""
    fields = list(message.DESCRIPTOR.fields)
    for field in rng.sample(fields, min(len(fields), rng.randint(0, 6))):
        set_field(message, field, rng, depth)
    return message


def set_field(message: Any, field: Any, rng: random.Random, depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    if field.message_type is not None:
        if depth < DEEPEST:
            part = getattr(message, field.name)
            for _ in range(rng.randint(1, 3) if field.is_repeated else 1):
                fill(part.add() if field.is_repeated else part, rng, depth + 1)
            if not field.is_repeated:
                part.SetInParent()
    elif field.is_repeated:
        getattr(message, field.name).extend(scalar(field, rng) for _ in range(rng.randint(1, 3)))
    else:
        setattr(message, field.name, scalar(field, rng))


def scalar(field: Any, rng: random.Random) -> Any:
    match field.cpp_type:
        case field.CPPTYPE_STRING:
            text = rng.choice(TEXTS)
            return text.encode() if field.type == field.TYPE_BYTES else text
        case field.CPPTYPE_ENUM:
            return rng.choice(field.enum_type.values).number
        case field.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case field.CPPTYPE_DOUBLE | field.CPPTYPE_FLOAT:
            return rng.choice((0.0, -91.5, float("nan"), float("inf")))
        case field.CPPTYPE_INT64 | field.CPPTYPE_INT32:
            return rng.choice((0, 1, -1, 2**31 - 1))
        case _:
            return rng.choice((0, 1, 2**32 - 1))


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """Change some bytes."""
    result = bytearray(raw)
    for _ in range(rng.randint(1, 3) if result else 0):
        result[rng.randrange(len(result))] = rng.randrange(256)
    return bytes(result)


class Event:
    """As much of neonize's Message as is looked at."""

    def __init__(self, message: Any, rng: random.Random) -> None:
        self.Message = message
        self.Info = self
        self.MessageSource = self
        self.ID, self.Pushname, self.Timestamp = "3EB0", b"\xff", 1_760_000_000_000
        self.IsFromMe, self.IsGroup = rng.random() < 0.2, rng.random() < 0.5
        self.Chat, self.Sender, self.SenderAlt = Jid("9", "g.us"), Jid("1", "lid"), Jid("", "")
        self.IsViewOnce = self.IsViewOnceV2 = self.IsViewOnceV2Extension = False
        self.IsEphemeral = False


class Jid:
    """As much of neonize's JID as is looked at."""

    def __init__(self, user: str, server: str) -> None:
        self.User, self.Server, self.Device = user, server, 0


def check(message: Any, rng: random.Random) -> None:
    """It is told, unless it is no message to people; what is told can be read."""
    before = message.SerializePartialToString()
    found = whatsapp_events.received(
        Event(message, rng), ME, lambda _: [Original(bytes(32), "", b"\x01")]
    )
    inner = whatsapp_decoding.unwrap(message).message
    kind = whatsapp_decoding.kind_of(inner)
    if found is None:
        assert kind == "" or (kind == "protocolMessage" and not whatsapp_decoding.is_message(inner))
    else:
        assert found.kind == kind != ""
        content = MessageContent.FromString(found.content or b"")
        assert (content.WhichOneof("kind") is None) == (found.content is None)
    assert message.SerializePartialToString() == before


@pytest.mark.parametrize("field", FIELDS)
def test_every_field(field: str) -> None:
    rng = random.Random(field)
    for _ in range(5):
        message = e2e.Message()
        set_field(message, message.DESCRIPTOR.fields_by_name[field], rng, 0)
        check(message, rng)


def test_random_messages_and_mutations_of_them() -> None:
    rng = random.Random(20261122)
    told = 0
    for _ in range(CASES):
        message = fill(e2e.Message(), rng)
        check(message, rng)
        try:
            mutated = e2e.Message.FromString(mutate(message.SerializePartialToString(), rng))
        except DecodeError:
            continue  # the library itself refuses it, see whatsapp_unreadable
        check(mutated, rng)
        told += 1
    assert told > CASES // 4


def test_what_only_later_versions_know() -> None:
    later = e2e.Message.FromString(bytes.fromhex("c23e0161"))  # field 1000
    found = whatsapp_events.received(Event(later, random.Random(1)), ME)
    assert found is not None
    assert (found.kind, found.content, found.push_name) == ("field 1000", None, "\ufffd")


def test_keys_for_a_group_are_no_message() -> None:
    message = e2e.Message()
    message.senderKeyDistributionMessage.groupID = "9@g.us"
    message.messageContextInfo.messageSecret = bytes(32)
    assert whatsapp_events.received(Event(message, random.Random(1)), ME) is None
