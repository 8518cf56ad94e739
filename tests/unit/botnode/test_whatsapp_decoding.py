"""WhatsApp's messages as the contract's contents: who a reference speaks of, and odd forms."""

from typing import Any

import pytest

from botmesh.v1 import LinkPreview, MessageContent, MessageReference
from botnode import whatsapp_content, whatsapp_decoding
from botnode.ports import Account
from botnode.whatsapp_decoding import Envelope
from sandbox import protobufs

ME = Account("5215512345678:3@s.whatsapp.net", "77@lid")
ANA, BETO = "1@lid", "2@lid"


def envelope(*, from_me: bool = False, group: bool = False) -> Envelope:
    return Envelope("77@lid" if from_me else ANA, from_me, group, ME)


def reaction(**key: Any) -> Any:
    message = protobufs.e2e.Message()
    message.reactionMessage.text = "👍"
    message.reactionMessage.key.ID = "3EB0"
    for name, value in key.items():
        setattr(message.reactionMessage.key, name, value)
    return message


def decode(message: Any, where: Envelope) -> MessageContent:
    content = whatsapp_decoding.decode(message, where)
    assert content is not None
    return content


@pytest.mark.parametrize(
    ("key", "where", "wrote"),
    [
        # Another's key: from_me is the other's own.
        ({"fromMe": True}, envelope(), ANA),
        ({"fromMe": False}, envelope(), "me"),
        ({"fromMe": True}, envelope(group=True), ANA),
        ({"fromMe": False, "participant": "77:3@lid"}, envelope(group=True), "me"),
        (
            {"fromMe": False, "participant": "5215512345678@s.whatsapp.net"},
            envelope(group=True),
            "me",
        ),
        ({"fromMe": False, "participant": "2:5@lid"}, envelope(group=True), BETO),
        # The own phone's key.
        ({"fromMe": True}, envelope(from_me=True), "me"),
        ({"fromMe": False, "remoteJID": ANA}, envelope(from_me=True), ANA),
        (
            {"fromMe": False, "remoteJID": "9@g.us", "participant": BETO},
            envelope(from_me=True, group=True),
            BETO,
        ),
    ],
)
def test_who_wrote_what_a_reference_names(key: dict[str, Any], where: Envelope, wrote: str) -> None:
    expected = MessageReference(
        whatsapp_id="3EB0", from_me=wrote == "me", sender_jid="" if wrote == "me" else wrote
    )
    assert decode(reaction(**key), where).reaction.original == expected


@pytest.mark.parametrize("field", ["imageMessage", "videoMessage", "documentMessage"])
def test_a_new_caption_is_an_edit(field: str) -> None:
    message = protobufs.e2e.Message()
    protocol = message.protocolMessage
    protocol.type, protocol.key.ID, protocol.key.fromMe = protocol.MESSAGE_EDIT, "3EB0", True
    getattr(protocol.editedMessage, field).caption = "nuevo"
    assert whatsapp_decoding.is_message(message)
    assert decode(message, envelope()).edit.body == "nuevo"


@pytest.mark.parametrize("from_me", [True, False])
def test_one_edits_ones_own_messages(from_me: bool) -> None:
    message = protobufs.e2e.Message()
    protocol = message.protocolMessage
    protocol.type, protocol.key.ID, protocol.key.participant = protocol.MESSAGE_EDIT, "3EB0", BETO
    protocol.editedMessage.conversation = "yo no dije eso"
    original = decode(message, envelope(from_me=from_me, group=True)).edit.original
    assert original == MessageReference(
        whatsapp_id="3EB0", from_me=from_me, sender_jid="" if from_me else ANA
    )


@pytest.mark.parametrize(
    ("key", "where", "wrote"),
    [
        ({"fromMe": True}, envelope(), ANA),
        ({"fromMe": True}, envelope(group=True), ANA),
        ({"fromMe": True}, envelope(from_me=True), "me"),
        # Of a group's admin, or of who claims to be one.
        ({"participant": BETO}, envelope(group=True), BETO),
        ({"participant": "77:3@lid"}, envelope(group=True), "me"),
        ({"participant": BETO}, envelope(from_me=True, group=True), BETO),
        # Nobody deletes what the other wrote in a direct chat, whomever the key names.
        ({}, envelope(), None),
        ({"participant": "77@lid"}, envelope(), None),
        ({"remoteJID": ANA}, envelope(from_me=True), None),
        ({}, envelope(group=True), None),  # nobody's message
    ],
)
def test_who_may_delete_a_message(key: dict[str, Any], where: Envelope, wrote: str | None) -> None:
    message = protobufs.e2e.Message()
    protocol = message.protocolMessage
    protocol.type, protocol.key.ID = protocol.REVOKE, "3EB0"
    for name, value in key.items():
        setattr(protocol.key, name, value)
    content = whatsapp_decoding.decode(message, where)
    if wrote is None:
        assert content is None
    else:
        assert content is not None
        assert content.revoke.original == MessageReference(
            whatsapp_id="3EB0", from_me=wrote == "me", sender_jid="" if wrote == "me" else wrote
        )


def test_an_edit_of_what_is_not_decoded() -> None:
    message = protobufs.e2e.Message()
    protocol = message.protocolMessage
    protocol.type, protocol.key.ID = protocol.MESSAGE_EDIT, "3EB0"
    protocol.editedMessage.stickerMessage.mimetype = "image/webp"
    assert whatsapp_decoding.decode(message, envelope()) is None


@pytest.mark.parametrize("kind", ["EPHEMERAL_SETTING", "APP_STATE_SYNC_KEY_SHARE", "REVOKE"])
def test_what_is_no_message_to_people(kind: str) -> None:
    message = protobufs.e2e.Message()
    message.protocolMessage.type = getattr(message.protocolMessage, kind)
    assert not whatsapp_decoding.is_message(message)
    message.protocolMessage.key.ID = "3EB0"
    assert whatsapp_decoding.is_message(message) is (kind == "REVOKE")


def test_a_link_preview() -> None:
    message = protobufs.e2e.Message()
    text = message.extendedTextMessage
    text.text, text.matchedText = "mira https://example.com", "https://example.com"
    assert not decode(message, envelope()).text.HasField("link_preview")  # a link, and no more
    text.title, text.description, text.JPEGThumbnail = "Ejemplo", "Una página", b"\xff\xd8\xff"
    assert decode(message, envelope()).text.link_preview == LinkPreview(
        url="https://example.com",
        title="Ejemplo",
        description="Una página",
        thumbnail=b"\xff\xd8\xff",
    )


def test_messages_around_a_message() -> None:
    message = protobufs.e2e.Message()
    inner = message.groupMentionedMessage.message.ephemeralMessage.message
    inner.pollCreationMessageV4.message.pollCreationMessageV6.name = "¿Sí?"
    unwrapped = whatsapp_decoding.unwrap(message)
    assert (unwrapped.view_once, unwrapped.ephemeral) == (False, True)
    assert whatsapp_decoding.kind_of(unwrapped.message) == "pollCreationMessageV6"
    assert decode(unwrapped.message, envelope()).poll.name == "¿Sí?"


def test_what_is_around_an_edit_and_a_quotation() -> None:
    message = protobufs.e2e.Message()
    protocol = message.protocolMessage
    protocol.type, protocol.key.ID = protocol.MESSAGE_EDIT, "3EB0"
    document = protocol.editedMessage.documentWithCaptionMessage.message.documentMessage
    document.caption = "nuevo"
    assert decode(message, envelope()).edit.body == "nuevo"
    reply = protobufs.e2e.Message()
    context = reply.extendedTextMessage.contextInfo
    context.stanzaID = "3EB0"
    context.quotedMessage.ephemeralMessage.message.conversation = "¿abren?"
    assert decode(reply, envelope()).quoted.content.text.body == "¿abren?"


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("eventMessage", "eventMessage"),
        ("pinInChatMessage", "pinInChatMessage"),
        ("keepInChatMessage", "keepInChatMessage"),
        ("pollAddOptionMessage", "pollAddOptionMessage"),
        ("senderKeyDistributionMessage", ""),
    ],
)
def test_what_is_only_named(field: str, kind: str) -> None:
    message = protobufs.e2e.Message()
    getattr(message, field).SetInParent()
    assert whatsapp_decoding.kind_of(message) == kind
    assert whatsapp_decoding.decode(message, envelope()) is None


@pytest.mark.parametrize("field", ["imageMessage", "videoMessage", "audioMessage"])
def test_what_phones_show_once(field: str) -> None:
    message = protobufs.e2e.Message()
    getattr(message, field).viewOnce = True
    assert whatsapp_decoding.is_view_once(message, field)
    assert not whatsapp_decoding.is_view_once(message, "conversation")
    assert not whatsapp_decoding.is_view_once(message, "field 200")


def test_a_quotation_of_what_is_not_decoded() -> None:
    message = protobufs.e2e.Message()
    message.extendedTextMessage.text = "¡bonita!"
    context = message.extendedTextMessage.contextInfo
    context.stanzaID, context.participant = "3EB0", "77:1@lid"
    context.quotedMessage.pollUpdateMessage.SetInParent()
    quoted = decode(message, envelope()).quoted
    assert quoted.original == MessageReference(whatsapp_id="3EB0", from_me=True)
    assert not quoted.HasField("content")


@pytest.mark.parametrize("field", ["imageMessage", "extendedTextMessage"])
def test_when_a_message_disappears(field: str) -> None:
    message = protobufs.e2e.Message()
    message.messageContextInfo.messageSecret = bytes(32)
    assert whatsapp_decoding.expiration_s(message) == 0
    getattr(message, field).contextInfo.expiration = 604_800
    assert whatsapp_decoding.expiration_s(message) == 604_800


@pytest.mark.parametrize(
    "content",
    [
        MessageContent(),
        MessageContent.FromString(bytes.fromhex("9a0600")),  # a field of a later version
    ],
)
def test_a_content_of_no_known_kind_is_not_built(content: MessageContent) -> None:
    place = whatsapp_content.Place("1@lid", ME, 0)
    with pytest.raises(whatsapp_content.UnknownContentError):
        whatsapp_content.build(
            protobufs.e2e.Message(), content.SerializeToString(), place, bytes(32)
        )
