"""Every kind of content over the real library: as a phone decrypts it, and as a phone writes it."""

from typing import Any

import pytest
from google.protobuf import json_format

from botmesh.errors import Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import LinkPreview, TextContent, message_pb2
from sandbox import protobufs
from tests.e2e.botnode.node import Control, Node, error_of, eventually

pytestmark = pytest.mark.e2e

S = message_pb2.MessageState
Content = message_pb2.MessageContent


def content_of(**fields: Any) -> Content:
    return json_format.ParseDict(fields, Content())


def text(body: str, **around: Any) -> Content:
    return content_of(text={"body": body}, **around)


@pytest.fixture(params=["phone", "group"])
def chat(request: Any, shared: Node, control: Control, shared_phone: str, customer: str) -> str:
    """A chat of the shared botnode with a customer."""
    return customer if request.param == "phone" else control.group(shared_phone, customer)


def last(control: Control, phone: str, count: int) -> Any:
    """The last message that a phone has, as it decrypted it."""
    found = control.inbox(phone, count=count)
    assert len(found) == count
    return protobufs.e2e.Message.FromString(found[-1].content)


def own_lid(node: Node) -> str:
    return node.session().lid


def lid_of(control: Control, phone: str) -> str:
    phones = control.stub.ListPhones(sandbox.ListPhonesRequest(), timeout=5).phones
    return next(item.lid for item in phones if item.number == phone)


# -- out


def test_a_location(shared: Node, control: Control, customer: str, chat: str) -> None:
    place = {"degrees_latitude": 19.4326, "degrees_longitude": -99.1332, "name": "Zócalo"}
    sent = shared.send(chat, content_of(location={**place, "address": "Centro"}))
    built = last(control, customer, 1).locationMessage
    assert (built.degreesLatitude, built.degreesLongitude) == (19.4326, -99.1332)
    assert (built.name, built.address) == ("Zócalo", "Centro")
    eventually(
        lambda: shared.get(message_id=sent.message_id).message.state >= S.MESSAGE_STATE_DELIVERED
    )


def test_contact_cards(shared: Node, control: Control, customer: str, chat: str) -> None:
    card = {"display_name": "Ana; Pérez", "phone_numbers": ["+52 55 1234 5678"]}
    shared.send(chat, content_of(contacts={"cards": [card]}))
    built = last(control, customer, 1).contactMessage
    assert built.displayName == "Ana; Pérez"
    assert "FN:Ana\\; Pérez" in built.vcard
    assert "TEL;type=CELL;waid=525512345678:+525512345678" in built.vcard
    vcard = "BEGIN:VCARD\nVERSION:3.0\nFN:Beto\nEND:VCARD"
    beto = {"display_name": "Beto", "vcard": vcard}
    shared.send(chat, content_of(contacts={"cards": [card, beto]}))
    several = last(control, customer, 2).contactsArrayMessage
    assert [(c.displayName, c.vcard == vcard) for c in several.contacts] == [
        ("Ana; Pérez", False),
        ("Beto", True),
    ]


def test_a_poll(shared: Node, control: Control, customer: str, chat: str) -> None:
    poll = {"name": "¿Cuándo?", "options": ["hoy", "mañana"], "selectable_count": 1}
    shared.send(chat, content_of(poll=poll))
    message = last(control, customer, 1)
    built = message.pollCreationMessage
    assert (built.name, built.selectableOptionsCount) == ("¿Cuándo?", 1)
    assert [option.optionName for option in built.options] == ["hoy", "mañana"]
    assert len(message.messageContextInfo.messageSecret) == 32


def test_a_text_with_mentions_that_was_forwarded(
    shared: Node, control: Control, customer: str, chat: str
) -> None:
    about = {"mentions": [customer], "forwarded": True, "forwarding_score": 5}
    shared.send(chat, text(f"hola @{customer[1:]}", **about))
    built = last(control, customer, 1).extendedTextMessage
    assert built.text == f"hola @{customer[1:]}"
    assert list(built.contextInfo.mentionedJID) == [f"{customer[1:]}@s.whatsapp.net"]
    assert (built.contextInfo.isForwarded, built.contextInfo.forwardingScore) == (True, 5)


def test_a_link_preview(
    shared: Node, control: Control, shared_phone: str, customer: str, chat: str
) -> None:
    url = "https://example.com/ipad"
    link = LinkPreview(url=url, title="iPad", description="Nuevo", thumbnail=b"\xff\xd8\xff\xe0")
    content = Content(text=TextContent(body=f"mira {url}", link_preview=link), forwarded=True)
    shared.send(chat, content)
    message = last(control, customer, 1)
    built = message.extendedTextMessage
    assert (built.text, built.matchedText) == (f"mira {url}", url)
    assert (built.title, built.description) == ("iPad", "Nuevo")
    assert built.JPEGThumbnail == b"\xff\xd8\xff\xe0"
    there = chat if "@" in chat else shared_phone
    assert came_of(shared, control, customer, there, message).content.text == content.text


def test_a_reply_to_an_own_message(
    shared: Node, control: Control, customer: str, chat: str
) -> None:
    first = shared.send(chat, "uno")
    shared.send(chat, text("dos", quoted={"original": {"message_id": first.message_id}}))
    context = last(control, customer, 2).extendedTextMessage.contextInfo
    own = own_lid(shared) if "@" in chat else shared.session().phone_number[1:] + "@s.whatsapp.net"
    assert (context.stanzaID, context.participant) == (first.whatsapp_id, own)
    assert context.quotedMessage.conversation == "uno"


def test_a_reply_to_a_received_message(
    shared: Node, control: Control, shared_phone: str, customer: str, chat: str
) -> None:
    written = control.write(customer, chat if "@" in chat else shared_phone, "¿abren?")
    came = shared.wait_received(written)
    original = {"whatsapp_id": written, "sender_jid": came.sender_jid}
    quoted = {"original": original}  # the event log knows what it says
    place = {"degrees_latitude": 1, "degrees_longitude": 2}
    shared.send(chat, content_of(location=place, quoted=quoted))
    context = last(control, customer, 2).locationMessage.contextInfo
    assert (context.stanzaID, context.participant) == (written, lid_of(control, customer))
    assert context.quotedMessage.conversation == "¿abren?"


def test_reactions(
    shared: Node, control: Control, shared_phone: str, customer: str, chat: str
) -> None:
    written = control.write(customer, chat if "@" in chat else shared_phone, "gracias")
    came = shared.wait_received(written)
    original = {"whatsapp_id": written, "sender_jid": came.sender_jid}
    shared.send(chat, content_of(reaction={"original": original, "emoji": "👍"}))
    built = last(control, customer, 2).reactionMessage
    assert (built.text, built.key.ID, built.key.fromMe) == ("👍", written, False)
    assert built.key.participant == (lid_of(control, customer) if "@" in chat else "")
    shared.send(chat, content_of(reaction={"original": original}))
    back = last(control, customer, 3).reactionMessage
    assert (back.HasField("text"), back.text, back.key.ID) == (True, "", written)
    own = shared.send(chat, "mío")
    reaction = {"original": {"message_id": own.message_id}, "emoji": "🎉"}
    shared.send(chat, content_of(reaction=reaction))
    key = last(control, customer, 5).reactionMessage.key
    assert (key.ID, key.fromMe, key.participant) == (own.whatsapp_id, True, "")


def test_an_edit_and_a_deletion(shared: Node, control: Control, customer: str, chat: str) -> None:
    first = shared.send(chat, "precio: 10")
    original = {"message_id": first.message_id}
    edit = shared.send(chat, content_of(edit={"original": original, "body": "precio: 12"}))
    assert edit.content.edit.original.whatsapp_id == first.whatsapp_id
    built = last(control, customer, 2).editedMessage.message.protocolMessage
    assert (built.key.ID, built.key.fromMe) == (first.whatsapp_id, True)
    assert built.editedMessage.conversation == "precio: 12"
    shared.send(chat, content_of(revoke={"original": original}))
    seen = control.inbox(customer, count=3)
    assert [(m.kind, m.text) for m in seen] == [
        ("text", "precio: 10"),
        ("edit", "precio: 12"),
        ("revoke", first.whatsapp_id),
    ]


def test_an_edit_of_what_cannot_be_edited_is_refused(
    shared: Node, control: Control, customer: str
) -> None:
    place = {"degrees_latitude": 1, "degrees_longitude": 2}
    first = shared.send(customer, content_of(location=place))
    edit = {"original": {"message_id": first.message_id}, "body": "no"}
    error = error_of(lambda: shared.send(customer, content_of(edit=edit)))
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["content.edit.original"]
    assert len(control.inbox(customer, count=2, wait_s=1)) == 1


def test_an_admin_deletes_the_message_of_another(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    group = control.group(shared_phone, customer)
    written = control.write(customer, group, "spam")
    came = shared.wait_received(written)
    original = {"whatsapp_id": written, "sender_jid": came.sender_jid}
    shared.send(group, content_of(revoke={"original": original}))
    built = last(control, customer, 2).protocolMessage
    assert (built.type, built.key.ID) == (built.REVOKE, written)
    assert (built.key.fromMe, built.key.participant) == (False, lid_of(control, customer))


# -- in


def came_of(node: Node, control: Control, phone: str, to: str, message: Any) -> Any:
    """What becomes of a message that a phone writes."""
    return node.wait_received(control.write(phone, to, message))


@pytest.fixture
def there(chat: str, shared_phone: str) -> str:
    """The chat as the customer's phone names it."""
    return chat if "@" in chat else shared_phone


def test_received_places(shared: Node, control: Control, customer: str, there: str) -> None:
    message = protobufs.e2e.Message()
    message.locationMessage.degreesLatitude = 19.5
    message.locationMessage.degreesLongitude = -99.5
    message.locationMessage.name = "Casa"
    came = came_of(shared, control, customer, there, message)
    assert came.content == content_of(
        location={"degrees_latitude": 19.5, "degrees_longitude": -99.5, "name": "Casa"}
    )
    assert (came.undecoded_kind, came.group) == ("", "@" in there)
    live = protobufs.e2e.Message()
    live.liveLocationMessage.degreesLatitude = 1.5
    live.liveLocationMessage.degreesLongitude = 2.5
    came = came_of(shared, control, customer, there, live)
    assert (came.content.location.live, came.content.location.degrees_latitude) == (True, 1.5)


def test_received_contact_cards(shared: Node, control: Control, customer: str, there: str) -> None:
    vcard = "BEGIN:VCARD\nFN:Ana\nitem1.TEL;waid=5215512345678:+52 1 55 1234 5678\nEND:VCARD"
    message = protobufs.e2e.Message()
    message.contactsArrayMessage.contacts.add(displayName="Ana", vcard=vcard)
    card = {"display_name": "Ana", "vcard": vcard, "phone_numbers": ["+5215512345678"]}
    came = came_of(shared, control, customer, there, message)
    assert came.content == content_of(contacts={"cards": [card]})


@pytest.mark.parametrize("field", ["pollCreationMessage", "pollCreationMessageV3"])
def test_received_polls(
    shared: Node, control: Control, customer: str, shared_phone: str, field: str
) -> None:
    message = protobufs.e2e.Message()
    poll = getattr(message, field)
    poll.name, poll.selectableOptionsCount = "¿Cuál?", 1
    for option in ("uno", "dos"):
        poll.options.add(optionName=option)
    came = came_of(shared, control, customer, shared_phone, message)
    poll = {"name": "¿Cuál?", "options": ["uno", "dos"], "selectable_count": 1}
    assert came.content == content_of(poll=poll)


def test_a_received_reply(
    shared: Node, control: Control, customer: str, chat: str, there: str
) -> None:
    sent = shared.send(chat, "¿algo más?")
    message = protobufs.e2e.Message()
    message.extendedTextMessage.text = "nada"
    context = message.extendedTextMessage.contextInfo
    context.stanzaID, context.participant = sent.whatsapp_id, own_lid(shared)
    context.quotedMessage.conversation = "¿algo más?"
    context.mentionedJID.append(own_lid(shared))
    context.isForwarded, context.forwardingScore = True, 2
    context.expiration = 86_400
    came = came_of(shared, control, customer, there, message)
    assert came.content == text(
        "nada",
        quoted={
            "original": {
                "message_id": sent.message_id,
                "whatsapp_id": sent.whatsapp_id,
                "from_me": True,
            },
            "content": {"text": {"body": "¿algo más?"}},
        },
        mentions=[own_lid(shared)],
        forwarded=True,
        forwarding_score=2,
    )
    assert came.ephemeral
    assert came.ephemeral_expiration.seconds == 86_400


def test_a_received_reaction(
    shared: Node, control: Control, customer: str, chat: str, there: str
) -> None:
    sent = shared.send(chat, "listo")
    message = protobufs.e2e.Message()
    message.reactionMessage.text = "❤️"
    message.reactionMessage.key.ID = sent.whatsapp_id
    message.reactionMessage.key.remoteJID = there
    if "@" in chat:
        message.reactionMessage.key.participant = own_lid(shared)
    came = came_of(shared, control, customer, there, message)
    original = {"whatsapp_id": sent.whatsapp_id, "from_me": True, "message_id": sent.message_id}
    assert came.content == content_of(reaction={"original": original, "emoji": "❤️"})


def test_a_received_edit_and_deletion(
    shared: Node, control: Control, customer: str, there: str
) -> None:
    written = control.write(customer, there, "dos piezas")
    sender = shared.wait_received(written).sender_jid
    original = {"whatsapp_id": written, "sender_jid": sender}
    message = protobufs.e2e.Message()
    protocol = message.editedMessage.message.protocolMessage
    protocol.type = protocol.MESSAGE_EDIT
    protocol.key.ID, protocol.key.fromMe = written, True
    protocol.editedMessage.conversation = "tres piezas"
    came = came_of(shared, control, customer, there, message)
    assert came.content == content_of(edit={"original": original, "body": "tres piezas"})
    message = protobufs.e2e.Message()
    message.protocolMessage.type = message.protocolMessage.REVOKE
    message.protocolMessage.key.ID, message.protocolMessage.key.fromMe = written, True
    came = came_of(shared, control, customer, there, message)
    assert came.content == content_of(revoke={"original": original})


def test_what_the_own_phone_does_is_told_in_its_words(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    written = control.write(customer, shared_phone, "hola")
    sender = shared.wait_received(written).sender_jid
    message = protobufs.e2e.Message()
    message.reactionMessage.text = "👀"
    key = message.reactionMessage.key
    key.ID, key.fromMe, key.remoteJID = written, False, sender
    came = came_of(shared, control, shared_phone, customer, message)
    assert came.from_me
    original = {"whatsapp_id": written, "sender_jid": sender}
    assert came.content == content_of(reaction={"original": original, "emoji": "👀"})


def test_what_is_not_decoded_says_its_name(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    message = protobufs.e2e.Message()
    message.viewOnceMessageV2.message.eventMessage.name = "una vez"
    came = came_of(shared, control, customer, shared_phone, message)
    assert (came.undecoded_kind, came.view_once) == ("eventMessage", True)
    assert not came.HasField("content")
    message = protobufs.e2e.Message()
    message.audioMessage.viewOnce = True  # as newer phones mark it, with nothing around it
    assert came_of(shared, control, customer, shared_phone, message).view_once
    message = protobufs.e2e.Message()
    message.eventMessage.name = "Inauguración"
    came = came_of(shared, control, customer, shared_phone, message)
    assert (came.undecoded_kind, came.HasField("content")) == ("eventMessage", False)
    message = protobufs.e2e.Message()
    message.ephemeralMessage.message.extendedTextMessage.text = "se va"
    came = came_of(shared, control, customer, shared_phone, message)
    assert (came.content.text.body, came.ephemeral) == ("se va", True)


# -- groups


def test_a_text_to_a_group_and_its_receipts(
    shared: Node, control: Control, shared_phone: str, customer: str, phone: str
) -> None:
    group = control.group(shared_phone, customer, phone)
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=False))
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=phone, online=False))
    sent = shared.send(group, "a todos")
    assert (sent.recipient_jid, sent.state) == (group, S.MESSAGE_STATE_SENT)
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=phone, online=True))
    shared.wait_message(sent.message_id, "DELIVERED")  # one of two has it
    control.read(phone, sent.whatsapp_id)
    shared.wait_message(sent.message_id, "READ")
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=True))
    for member in (customer, phone):
        assert [(m.chat, m.text) for m in control.inbox(member)] == [(group, "a todos")]
    last = shared.get(message_id=sent.message_id)  # the other's delivery lowers nothing
    assert last.message.state == S.MESSAGE_STATE_READ
