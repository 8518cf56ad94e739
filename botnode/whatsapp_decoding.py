"""WhatsApp's own messages (waE2E.Message of neonize) as the contract's contents."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from botmesh.v1 import message_pb2
from botnode import vcard, whatsapp_media_decoding
from botnode.ports import Account
from botnode.recipient import without_device
from botnode.whatsapp_content import is_own
from botnode.whatsapp_secrets import COMMENT, EDIT, VOTE, Opened

_POLLS = (
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV5",
    "pollCreationMessageV6",
)
# Messages around a message that say no more than it does; whatsmeow takes off others itself.
_WRAPPERS = (
    "deviceSentMessage",
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "lottieStickerMessage",
    "editedMessage",
    "groupMentionedMessage",
    "botForwardedMessage",
    "botInvokeMessage",
    "pollCreationMessageV4",
    "questionMessage",
    "spoilerMessage",
)
_VIEW_ONCE = {"viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"}
_MOST_WRAPPERS = 8
_SIDE_FIELDS = frozenset({"messageContextInfo", "senderKeyDistributionMessage"})
_CAPTIONED = ("imageMessage", "videoMessage", "documentMessage")
_WITH_CONTEXT = (
    "extendedTextMessage",
    "locationMessage",
    "liveLocationMessage",
    "contactMessage",
    "contactsArrayMessage",
    *_POLLS,
    *whatsapp_media_decoding.FIELDS,
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a message beside its content.

    Attributes:
        sender_jid: who wrote it, without a device.
        from_me: the own account wrote it.
        group: the chat is a group.
        account: the own account.
    """

    sender_jid: str
    from_me: bool
    group: bool
    account: Account | None


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The message that others are around, and what those said of it."""

    message: Any
    view_once: bool = False
    ephemeral: bool = False


def unwrap(message: Any) -> Unwrapped:
    """Take off what is around a message."""
    around = set()
    for _ in range(_MOST_WRAPPERS):
        name = next((name for name in _WRAPPERS if message.HasField(name)), None)
        if name is None or not getattr(message, name).HasField("message"):
            break
        around.add(name)
        message = getattr(message, name).message
    return Unwrapped(message, bool(around & _VIEW_ONCE), "ephemeralMessage" in around)


def kind_of(message: Any) -> str:
    """The field of a message that says what it is; empty for one that says nothing.

    What only later versions know is called by its number, as "field 200".
    """
    names = [field.name for field, _ in message.ListFields()]
    if name := next((name for name in names if name not in _SIDE_FIELDS), ""):
        return name
    unknown = UnknownFieldSet(message)
    return f"field {unknown[0].field_number}" if len(unknown) else ""


def is_message(message: Any) -> bool:
    """Whether a protocolMessage is one to people: an edit or a revocation, not keys or settings."""
    protocol = message.protocolMessage
    return bool(protocol.HasField("key")) and (
        (protocol.type == protocol.REVOKE and protocol.HasField("type"))
        or (protocol.type == protocol.MESSAGE_EDIT and protocol.HasField("editedMessage"))
    )


def decode(message: Any, envelope: Envelope) -> message_pb2.MessageContent | None:
    """The content of a message; None for a kind that is not decoded."""
    content = _kind(message, envelope)
    if content is not None:
        _read_context(message, content, envelope)
    return content


def decode_opened(
    opened: Opened, kind: str, envelope: Envelope
) -> message_pb2.MessageContent | None:
    """The content of a message that was encrypted with its original's secret."""
    writer = opened.original.sender_jid
    original = message_pb2.MessageReference(
        whatsapp_id=opened.whatsapp_id, from_me=not writer, sender_jid=writer
    )
    if kind == VOTE:
        return _vote(opened, original)
    message = unwrap(opened.message).message
    content = decode(message, envelope)
    if kind == EDIT and (content is None or not content.HasField("edit")):
        body = _new_text(message)
        if body is None:
            return None
        content = message_pb2.MessageContent()
        content.edit.original.CopyFrom(original)
        content.edit.body = body
    elif kind == COMMENT and content is not None:
        content.quoted.original.CopyFrom(original)
    return content


def _vote(opened: Opened, original: message_pb2.MessageReference) -> message_pb2.MessageContent:
    poll = message_pb2.MessageContent.FromString(opened.original.content).poll
    names = {hashlib.sha256(option.encode()).digest(): option for option in poll.options}
    chosen = list(opened.message.selectedOptions)
    vote = message_pb2.PollVoteContent(
        original=original,
        options=[names[option] for option in chosen if option in names],
        option_sha256=chosen,
    )
    return message_pb2.MessageContent(poll_vote=vote)


def is_view_once(message: Any, kind: str) -> bool:
    """Whether the message itself says that phones show it only once."""
    field = message.DESCRIPTOR.fields_by_name.get(kind)
    if field is None or field.message_type is None:
        return False
    return "viewOnce" in field.message_type.fields_by_name and bool(getattr(message, kind).viewOnce)


def expiration_s(message: Any) -> int:
    """How long after it was sent a message disappears; 0 where it does not say."""
    for field, value in message.ListFields():
        if field.message_type and "contextInfo" in field.message_type.fields_by_name:
            return int(value.contextInfo.expiration)
    return 0


def _kind(message: Any, envelope: Envelope) -> message_pb2.MessageContent | None:
    if message.HasField("protocolMessage"):
        return _protocol(message.protocolMessage, envelope)
    if message.HasField("reactionMessage"):
        content = message_pb2.MessageContent()
        content.reaction.original.CopyFrom(_reference(message.reactionMessage.key, envelope))
        content.reaction.emoji = message.reactionMessage.text
        return content
    for names, read in _READERS:
        for name in names:
            if message.HasField(name):
                return read(getattr(message, name))
    return None


def _text(body: str) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(text=message_pb2.TextContent(body=body))


def _extended_text(text: Any) -> message_pb2.MessageContent:
    content = _text(text.text)
    if text.matchedText and (text.title or text.description or text.JPEGThumbnail):
        content.text.link_preview.url = text.matchedText
        content.text.link_preview.title = text.title
        content.text.link_preview.description = text.description
        content.text.link_preview.thumbnail = text.JPEGThumbnail
    return content


def _location(place: Any) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(
        location=message_pb2.LocationContent(
            degrees_latitude=place.degreesLatitude,
            degrees_longitude=place.degreesLongitude,
            name=place.name,
            address=place.address,
            url=place.URL,
            live=place.isLive,
        )
    )


def _live_location(place: Any) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(
        location=message_pb2.LocationContent(
            degrees_latitude=place.degreesLatitude,
            degrees_longitude=place.degreesLongitude,
            name=place.caption,
            live=True,
        )
    )


def _contact(contact: Any) -> message_pb2.MessageContent:
    return _cards([contact])


def _contacts(contacts: Any) -> message_pb2.MessageContent:
    return _cards(contacts.contacts)


def _cards(contacts: Any) -> message_pb2.MessageContent:
    cards = [
        message_pb2.ContactCard(
            display_name=contact.displayName,
            phone_numbers=vcard.numbers_of(contact.vcard),
            vcard=contact.vcard,
        )
        for contact in contacts
    ]
    return message_pb2.MessageContent(contacts=message_pb2.ContactsContent(cards=cards))


def _poll(poll: Any) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(
        poll=message_pb2.PollContent(
            name=poll.name,
            options=[option.optionName for option in poll.options],
            selectable_count=poll.selectableOptionsCount,
        )
    )


_Reader = Callable[[Any], message_pb2.MessageContent]
_READERS: tuple[tuple[tuple[str, ...], _Reader], ...] = (
    (("conversation",), _text),
    (("extendedTextMessage",), _extended_text),
    (("locationMessage",), _location),
    (("liveLocationMessage",), _live_location),
    (("contactMessage",), _contact),
    (("contactsArrayMessage",), _contacts),
    (_POLLS, _poll),
    *whatsapp_media_decoding.READERS,
)


def _protocol(protocol: Any, envelope: Envelope) -> message_pb2.MessageContent | None:
    if protocol.type == protocol.REVOKE:
        return _revoke(protocol.key, envelope)
    content = message_pb2.MessageContent()
    edited = unwrap(protocol.editedMessage).message
    body = _new_text(edited)
    if body is None:
        return None
    # Whoever the key names: one edits one's own messages.
    content.edit.original.whatsapp_id = protocol.key.ID
    content.edit.original.from_me = envelope.from_me
    content.edit.original.sender_jid = "" if envelope.from_me else envelope.sender_jid
    content.edit.body = body
    _read_context(edited, content, envelope)
    return content


def _revoke(key: Any, envelope: Envelope) -> message_pb2.MessageContent | None:
    """A revocation, unless nobody may say it: others' messages are a group's admins' alone.

    The key is encrypted, so whoever sends it may name any message in it (whatsmeow's BuildRevoke
    builds the two forms that phones know).
    """
    if not key.fromMe and not (envelope.group and key.participant):
        return None
    content = message_pb2.MessageContent()
    content.revoke.original.CopyFrom(_reference(key, envelope))
    return content


def _new_text(edited: Any) -> str | None:
    if edited.HasField("conversation"):
        return str(edited.conversation)
    if edited.HasField("extendedTextMessage"):
        return str(edited.extendedTextMessage.text)
    for name in _CAPTIONED:
        if edited.HasField(name):
            return str(getattr(edited, name).caption)
    return None


def _reference(key: Any, envelope: Envelope) -> message_pb2.MessageReference:
    """The message with a key, which is in its sender's words: ``fromMe`` is the sender's own."""
    if envelope.from_me:
        writer = "" if key.fromMe else key.participant or key.remoteJID
        return message_pb2.MessageReference(
            whatsapp_id=key.ID, from_me=key.fromMe, sender_jid=writer
        )
    if key.fromMe:
        return message_pb2.MessageReference(whatsapp_id=key.ID, sender_jid=envelope.sender_jid)
    if not envelope.group:
        return message_pb2.MessageReference(whatsapp_id=key.ID, from_me=True)
    return _by(key.ID, key.participant, envelope)


def _by(whatsapp_id: str, writer: str, envelope: Envelope) -> message_pb2.MessageReference:
    own = is_own(writer, envelope.account)
    return message_pb2.MessageReference(
        whatsapp_id=whatsapp_id, from_me=own, sender_jid="" if own else without_device(writer)
    )


def _read_context(message: Any, content: message_pb2.MessageContent, envelope: Envelope) -> None:
    name = next((name for name in _WITH_CONTEXT if message.HasField(name)), None)
    if name is None or not getattr(message, name).HasField("contextInfo"):
        return
    context = getattr(message, name).contextInfo
    content.mentions.extend(context.mentionedJID)
    content.forwarded = context.isForwarded
    content.forwarding_score = context.forwardingScore
    if context.stanzaID:
        content.quoted.original.CopyFrom(_by(context.stanzaID, context.participant, envelope))
        quoted = _kind(unwrap(context.quotedMessage).message, envelope)
        if quoted is not None:
            content.quoted.content.CopyFrom(quoted)
