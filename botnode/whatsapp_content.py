"""The contract's contents as WhatsApp's own messages (waE2E.Message of neonize).

The forms are those of whatsmeow's BuildMessageKey, BuildEdit, BuildRevoke, BuildReaction (send.go)
and BuildPollCreation (msgsecret.go).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botmesh.v1 import message_pb2
from botnode import vcard, whatsapp_media_content
from botnode.media_ports import Uploaded
from botnode.ports import Account
from botnode.recipient import GROUP_SERVER, LID_SERVER, USER_SERVER


class UnknownContentError(ValueError):
    """A stored content is of no kind that this version can send."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when a message is sent.

    Attributes:
        chat_jid: the person or group.
        account: who sends it.
        time_ms: now, in milliseconds since 1970.
    """

    chat_jid: str
    account: Account | None
    time_ms: int

    @property
    def is_group(self) -> bool:
        """Whether the chat is a group."""
        return self.chat_jid.endswith(f"@{GROUP_SERVER}")

    @property
    def own_jid(self) -> str:
        """The account as the chat names its people: by number, or by LID."""
        if self.account is None:
            return ""
        if self.account.lid and not self.chat_jid.endswith(f"@{USER_SERVER}"):
            return self.account.lid
        return f"{self.account.user}@{USER_SERVER}"


def build(
    message: Any, content: bytes, place: Place, secret: bytes, media: Uploaded | None = None
) -> None:
    """Fill in a message.

    Args:
        message: an empty waE2E.Message.
        content: a serialised MessageContent.
        place: where it is sent.
        secret: of the attempt; a poll's votes are encrypted with it.
        media: where its media lies at WhatsApp.

    Raises:
        UnknownContentError: there is no such kind, or its media is nowhere.
    """
    wanted = message_pb2.MessageContent.FromString(content)
    kind: Any = wanted.WhichOneof("kind")
    if kind in whatsapp_media_content.KINDS:
        if media is None:
            raise UnknownContentError(f"WhatsApp does not have the {kind}")
        built = whatsapp_media_content.build(message, wanted)
        whatsapp_media_content.write_place(built, media)
        _add_context(built, wanted, place)
    elif kind in _BUILDERS:
        _BUILDERS[kind](message, wanted, place)
    else:
        raise UnknownContentError(f"the content's kind is {kind}")
    message.messageContextInfo.messageSecret = secret


def _text(message: Any, content: message_pb2.MessageContent, place: Place) -> None:
    _write_text(message, content.text.body, content, place)
    if content.text.HasField("link_preview"):
        preview, built = content.text.link_preview, message.extendedTextMessage
        message.ClearField("conversation")
        built.text = content.text.body
        built.matchedText = preview.url
        built.title = preview.title
        built.description = preview.description
        built.previewType = built.NONE  # of a page, not of a video
        if preview.thumbnail:
            built.JPEGThumbnail = preview.thumbnail


def _write_text(message: Any, body: str, content: message_pb2.MessageContent, place: Place) -> None:
    if content.HasField("quoted") or content.mentions or content.forwarded:
        message.extendedTextMessage.text = body
        _write_context(message.extendedTextMessage.contextInfo, content, place)
    else:
        message.conversation = body


def _location(message: Any, content: message_pb2.MessageContent, place: Place) -> None:
    wanted, built = content.location, message.locationMessage
    built.degreesLatitude = wanted.degrees_latitude
    built.degreesLongitude = wanted.degrees_longitude
    for field, value in (("name", wanted.name), ("address", wanted.address), ("URL", wanted.url)):
        if value:
            setattr(built, field, value)
    _add_context(built, content, place)


def _contacts(message: Any, content: message_pb2.MessageContent, place: Place) -> None:
    cards = content.contacts.cards
    if len(cards) == 1:
        built = message.contactMessage
        _write_card(built, cards[0])
    else:
        built = message.contactsArrayMessage
        built.displayName = f"{len(cards)} contacts"
        for card in cards:
            _write_card(built.contacts.add(), card)
    _add_context(built, content, place)


def _write_card(built: Any, card: message_pb2.ContactCard) -> None:
    built.displayName = card.display_name
    built.vcard = card.vcard or vcard.of_numbers(card.display_name, list(card.phone_numbers))


def _poll(message: Any, content: message_pb2.MessageContent, place: Place) -> None:
    built = message.pollCreationMessage
    built.name = content.poll.name
    for option in content.poll.options:
        built.options.add(optionName=option)
    built.selectableOptionsCount = content.poll.selectable_count
    _add_context(built, content, place)


def _reaction(message: Any, content: message_pb2.MessageContent, place: Place) -> None:
    built = message.reactionMessage
    _write_key(built.key, content.reaction.original, place)
    built.text = content.reaction.emoji  # set even if empty: that takes the reaction back
    built.senderTimestampMS = place.time_ms


def _edit(message: Any, content: message_pb2.MessageContent, place: Place) -> None:
    built = message.editedMessage.message.protocolMessage
    built.type = built.MESSAGE_EDIT
    _write_key(built.key, content.edit.original, place)
    _write_text(built.editedMessage, content.edit.body, content, place)
    built.timestampMS = place.time_ms


def _revoke(message: Any, content: message_pb2.MessageContent, place: Place) -> None:
    built = message.protocolMessage
    built.type = built.REVOKE
    _write_key(built.key, content.revoke.original, place)


_BUILDERS: dict[str, Callable[[Any, message_pb2.MessageContent, Place], None]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "poll": _poll,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
}


def _write_key(key: Any, original: message_pb2.MessageReference, place: Place) -> None:
    key.remoteJID = place.chat_jid
    key.fromMe = original.from_me
    key.ID = original.whatsapp_id
    if place.is_group and not original.from_me:
        key.participant = original.sender_jid


def _add_context(built: Any, content: message_pb2.MessageContent, place: Place) -> None:
    if content.HasField("quoted") or content.forwarded:
        _write_context(built.contextInfo, content, place)


def _write_context(context: Any, content: message_pb2.MessageContent, place: Place) -> None:
    context.mentionedJID.extend(content.mentions)
    if content.forwarded:
        context.isForwarded = True
        context.forwardingScore = content.forwarding_score or 1
    if not content.HasField("quoted"):
        return
    original = content.quoted.original
    context.stanzaID = original.whatsapp_id
    context.participant = (
        place.own_jid if original.from_me else original.sender_jid or place.chat_jid
    )
    quoted: Any = content.quoted.content.WhichOneof("kind")
    if quoted in whatsapp_media_content.KINDS:
        whatsapp_media_content.build(context.quotedMessage, content.quoted.content)
    elif quoted in _BUILDERS:
        _BUILDERS[quoted](context.quotedMessage, content.quoted.content, place)
    else:  # an empty one: without any, phones show no quotation
        context.quotedMessage.conversation = ""


def is_own(jid: str, account: Account | None) -> bool:
    """Whether a JID, of whatever device, is the account's by number or by LID."""
    if account is None:
        return False
    user, _, server = jid.partition("@")
    user = user.partition(":")[0].partition(".")[0]
    own = account.lid.partition("@")[0] if server == LID_SERVER else account.user
    return bool(user) and user == own
