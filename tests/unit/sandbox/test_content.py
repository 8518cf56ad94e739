"""What a message is, and its text."""

from typing import Any

import pytest

from sandbox import protobufs
from sandbox.content import describe, sent_copy, text_content, with_sender_key
from sandbox.media_message import compose
from sandbox.wire.jid import Jid

Message = protobufs.e2e.Message
Protocol = protobufs.e2e.ProtocolMessage


def edit(text: str) -> Any:
    content = Message()
    inner = content.editedMessage.message.protocolMessage
    inner.type = Protocol.MESSAGE_EDIT
    inner.editedMessage.conversation = text
    return content


def revoke(message_id: str) -> Any:
    content = Message()
    content.protocolMessage.type = Protocol.REVOKE
    content.protocolMessage.key.ID = message_id
    return content


def reaction(text: str) -> Any:
    content = Message()
    content.reactionMessage.text = text
    return content


def poll(name: str) -> Any:
    content = Message()
    content.pollCreationMessageV3.name = name
    return content


def place(name: str) -> Any:
    content = Message()
    content.locationMessage.name = name
    return content


def contact(name: str) -> Any:
    content = Message()
    content.contactMessage.displayName = name
    return content


def vanishing(inner: Any) -> Any:
    content = Message()
    content.ephemeralMessage.message.CopyFrom(inner)
    return content


def image() -> Any:
    content = Message()
    content.imageMessage.caption = "a picture"
    return content


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (text_content("hello"), "text", "hello"),
        (Message(conversation="hello"), "text", "hello"),
        (vanishing(text_content("soon gone")), "text", "soon gone"),
        (edit("better"), "edit", "better"),
        (revoke("3EB0"), "revoke", "3EB0"),
        (reaction("👍"), "reaction", "👍"),
        (reaction(""), "reaction", ""),
        (poll("Shall we?"), "poll", "Shall we?"),
        (place("Zócalo"), "location", "Zócalo"),
        (contact("Ana"), "contact", "Ana"),
        (image(), "image", image().imageMessage.caption),
        (compose("voice", "", "", ""), "voice", ""),
        (compose("document", "", "", "bill.pdf"), "document", "bill.pdf"),
        (compose("document", "", "Your bill", "bill.pdf"), "document", "Your bill"),
        (compose("image", "", "once", "", view_once=True), "image", "once"),
        (Message(), "other", ""),
    ],
)
def test_messages_are_told_apart(content: Any, kind: str, text: str) -> None:
    assert describe(content) == (kind, text)


def test_copies_and_keys_keep_the_content() -> None:
    content = text_content("hello")
    copy = sent_copy(Jid("1", "lid"), content)
    assert copy.deviceSentMessage.message == content
    told = with_sender_key(Jid("9", "g.us"), b"key", content)
    assert told.senderKeyDistributionMessage.groupID == "9@g.us"
    assert describe(told) == ("text", "hello")
    assert not content.HasField("senderKeyDistributionMessage")
