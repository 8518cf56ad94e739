"""What a content must be before it is accepted: the limits that stand in message.proto."""

import math
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from botmesh.errors import Violation, invalid, invalid_fields
from botmesh.v1 import message_pb2
from botnode.content_media import forget_told
from botnode.media import canonical_media_id, is_content_type
from botnode.phone_number import NumberError, e164
from botnode.recipient import GROUP_SERVER, NoJidError, person_jid

MOST_CHARACTERS = 65_536
MOST_PLACE = 1_000
MOST_URL = 2_048
MOST_PREVIEW = 1_000
MOST_THUMBNAIL = 65_536
JPEG = b"\xff\xd8\xff"
MOST_CARDS = 257
MOST_CARD_NUMBERS = 20
MOST_CARD_NAME = 255
MOST_VCARDS = 262_144
MOST_POLL_NAME = 255
FEWEST_OPTIONS, MOST_OPTIONS = 2, 12
MOST_OPTION = 100
MOST_EMOJI = 16  # a family of four with skin tones has eleven code points
MOST_MENTIONS = 1_024
MOST_FORWARDING_SCORE = 127
MOST_ID = 128
MOST_QUOTED_BYTES = 524_288
MOST_INLINE_BYTES = 1_048_576
MOST_CAPTION = 1_024
MOST_FILE_NAME = 255

# The kinds that can have what stands beside a content.
MEDIA = frozenset({"image", "video", "audio", "document", "sticker"})
QUOTING = frozenset({"text", "location", "contacts", "poll"}) | MEDIA
MENTIONING = frozenset({"text", "edit"})
FORWARDED = frozenset({"text", "location", "contacts"}) | MEDIA
# An emoji that Unicode counts among the letters.
_LETTERS = frozenset("\u2139")

Violations = Iterator[Violation]


def checked(content: message_pb2.MessageContent, recipient_jid: str) -> message_pb2.MessageContent:
    """A valid content, with numbers and JIDs in their one spelling.

    Args:
        content: what a caller wants to send.
        recipient_jid: the chat.

    Raises:
        MeshError: INVALID_REQUEST, naming every field that is wrong.
    """
    kind: Any = content.WhichOneof("kind")
    if kind is None:
        raise invalid("content", "one kind of content is required")
    if kind not in _RULES:
        raise invalid(f"content.{kind}", "cannot be sent")
    result = message_pb2.MessageContent()
    result.CopyFrom(content)
    violations = [
        *_RULES[kind](getattr(result, kind), f"content.{kind}", recipient_jid),
        *_surroundings(result, kind, recipient_jid),
    ]
    if violations:
        raise invalid_fields(violations)
    return result


def _text(text: message_pb2.TextContent, path: str, _: str) -> Violations:
    yield from _body(text.body, f"{path}.body")
    if text.HasField("link_preview"):
        yield from _link_preview(text.link_preview, f"{path}.link_preview", text.body)


def _link_preview(preview: message_pb2.LinkPreview, path: str, body: str) -> Violations:
    yield from _url(preview.url, f"{path}.url")
    if preview.url not in body:
        yield Violation(f"{path}.url", "does not stand in the text")
    yield from _line(preview.title, f"{path}.title", MOST_PREVIEW)
    yield from _length(preview.description, f"{path}.description", MOST_PREVIEW)
    size = len(preview.thumbnail)
    if size > MOST_THUMBNAIL:
        yield Violation(f"{path}.thumbnail", f"has {size} bytes, {MOST_THUMBNAIL} at most")
    if size and not preview.thumbnail.startswith(JPEG):
        yield Violation(f"{path}.thumbnail", "must be a JPEG picture")


def _url(url: str, path: str) -> Violations:
    yield from _length(url, path, MOST_URL)
    if not url.startswith(("http://", "https://")):
        yield Violation(path, "must begin with http:// or https://")
    elif len(url.split()) > 1:
        yield Violation(path, "must not have white space in it")


def _body(body: str, path: str) -> Violations:
    if not body.strip():
        yield Violation(path, "must not be blank")
    yield from _length(body, path, MOST_CHARACTERS)


def _location(place: message_pb2.LocationContent, path: str, _: str) -> Violations:
    for name, most in (("degrees_latitude", 90), ("degrees_longitude", 180)):
        degrees = getattr(place, name)
        if not math.isfinite(degrees) or abs(degrees) > most:
            yield Violation(f"{path}.{name}", f"must be from -{most} to {most}")
    yield from _length(place.name, f"{path}.name", MOST_PLACE)
    yield from _length(place.address, f"{path}.address", MOST_PLACE)
    if place.url:
        yield from _url(place.url, f"{path}.url")
    if place.live:
        yield Violation(f"{path}.live", "a live location cannot be sent")


def _contacts(contacts: message_pb2.ContactsContent, path: str, _: str) -> Violations:
    if not 1 <= len(contacts.cards) <= MOST_CARDS:
        yield Violation(f"{path}.cards", f"must be 1 to {MOST_CARDS}")
    if sum(len(card.vcard) for card in contacts.cards) > MOST_VCARDS:
        yield Violation(f"{path}.cards", f"have vCards of more than {MOST_VCARDS} characters")
    for index, card in enumerate(contacts.cards[:MOST_CARDS]):
        yield from _card(card, f"{path}.cards[{index}]")


def _card(card: message_pb2.ContactCard, path: str) -> Violations:
    yield from _line(card.display_name, f"{path}.display_name", MOST_CARD_NAME)
    if card.vcard and card.phone_numbers:
        yield Violation(f"{path}.vcard", "stands in place of phone_numbers: give one of them")
    elif card.vcard:
        lines = card.vcard.strip().upper().splitlines()
        if (lines[:1], lines[-1:]) != (["BEGIN:VCARD"], ["END:VCARD"]):
            yield Violation(f"{path}.vcard", "must go from BEGIN:VCARD to END:VCARD")
    elif not 1 <= len(card.phone_numbers) <= MOST_CARD_NUMBERS:
        yield Violation(f"{path}.phone_numbers", f"must be 1 to {MOST_CARD_NUMBERS}")
    else:
        yield from _each(card.phone_numbers, f"{path}.phone_numbers", e164)


def _poll(poll: message_pb2.PollContent, path: str, _: str) -> Violations:
    yield from _line(poll.name, f"{path}.name", MOST_POLL_NAME)
    if not FEWEST_OPTIONS <= len(poll.options) <= MOST_OPTIONS:
        yield Violation(f"{path}.options", f"must be {FEWEST_OPTIONS} to {MOST_OPTIONS}")
    for index, option in enumerate(poll.options[:MOST_OPTIONS]):
        yield from _line(option, f"{path}.options[{index}]", MOST_OPTION)
        # A vote names an option by the SHA-256 of its text.
        if option and option in poll.options[:index]:
            yield Violation(f"{path}.options[{index}]", "is there already")
    if poll.selectable_count > len(poll.options):
        yield Violation(f"{path}.selectable_count", "is more than there are options")


def _reaction(reaction: message_pb2.ReactionContent, path: str, recipient_jid: str) -> Violations:
    yield from _reference(reaction.original, f"{path}.original", recipient_jid)
    emoji = reaction.emoji
    if emoji and (len(emoji) > MOST_EMOJI or emoji.isascii() or any(map(_is_no_emoji, emoji))):
        yield Violation(f"{path}.emoji", "must be one emoji, or empty")


def _is_no_emoji(character: str) -> bool:
    return character.isspace() or (character.isalpha() and character not in _LETTERS)


def _edit(edit: message_pb2.EditContent, path: str, recipient_jid: str) -> Violations:
    original = edit.original
    yield from _reference(original, f"{path}.original", recipient_jid)
    if original.whatsapp_id and not original.from_me:
        yield Violation(f"{path}.original.from_me", "only one's own messages can be edited")
    yield from _body(edit.body, f"{path}.body")


def _revoke(revoke: message_pb2.RevokeContent, path: str, recipient_jid: str) -> Violations:
    original = revoke.original
    yield from _reference(original, f"{path}.original", recipient_jid)
    if original.whatsapp_id and not original.from_me and not _is_group(recipient_jid):
        yield Violation(
            f"{path}.original.from_me", "only in a group others' messages can be deleted"
        )


def _poll_vote(_vote: message_pb2.PollVoteContent, path: str, _: str) -> Violations:
    yield Violation(path, "votes are only received")


def _captioned(part: Any, path: str, _: str) -> Violations:
    yield from _media(part, path)
    yield from _length(part.caption, f"{path}.caption", MOST_CAPTION)


def _bare_media(part: Any, path: str, _: str) -> Violations:
    yield from _media(part, path)


def _document(part: message_pb2.DocumentContent, path: str, _: str) -> Violations:
    yield from _captioned(part, path, _)
    yield from _line(part.file_name, f"{path}.file_name", MOST_FILE_NAME)
    if any(
        character in "/\\" or unicodedata.category(character) == "Cc"
        for character in part.file_name
    ):
        yield Violation(f"{path}.file_name", "must not have '/', '\\' or control characters")


def _media(part: Any, path: str) -> Violations:
    media, path = part.media, f"{path}.media"
    forget_told(part)
    source: Any = media.WhichOneof("source")
    if source is None:
        yield Violation(path, "one of data and media_id is required")
    elif source == "data" and not 1 <= len(media.data) <= MOST_INLINE_BYTES:
        yield Violation(
            f"{path}.data", f"must be 1 to {MOST_INLINE_BYTES} bytes; upload what is larger"
        )
    elif source == "media_id":
        media_id = canonical_media_id(media.media_id)
        if media_id is None:
            yield Violation(f"{path}.media_id", "must be a UUID")
        else:
            media.media_id = media_id
    if media.content_type and not is_content_type(media.content_type):
        yield Violation(f"{path}.content_type", "is no MIME type")


_RULES: dict[str, Callable[[Any, str, str], Violations]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "poll": _poll,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "poll_vote": _poll_vote,
    "image": _captioned,
    "video": _captioned,
    "audio": _bare_media,
    "document": _document,
    "sticker": _bare_media,
}


# -- what stands beside a content


def _surroundings(content: message_pb2.MessageContent, kind: str, recipient_jid: str) -> Violations:
    if content.HasField("quoted"):
        if kind not in QUOTING:
            yield Violation("content.quoted", f"a content of kind {kind} cannot be a reply")
        yield from _quoted(content.quoted, "content.quoted", recipient_jid)
    if content.mentions and kind not in MENTIONING:
        yield Violation("content.mentions", f"a content of kind {kind} mentions nobody")
    if len(content.mentions) > MOST_MENTIONS:
        yield Violation("content.mentions", f"are more than {MOST_MENTIONS}")
    else:
        yield from _each(content.mentions, "content.mentions", person_jid)
    if content.forwarded and kind not in FORWARDED:
        yield Violation("content.forwarded", f"a content of kind {kind} cannot be forwarded")
    if content.forwarding_score and not content.forwarded:
        yield Violation("content.forwarding_score", "needs forwarded")
    if content.forwarding_score > MOST_FORWARDING_SCORE:
        yield Violation("content.forwarding_score", f"is more than {MOST_FORWARDING_SCORE}")


def _quoted(quoted: message_pb2.QuotedMessage, path: str, recipient_jid: str) -> Violations:
    yield from _reference(quoted.original, f"{path}.original", recipient_jid)
    if not quoted.HasField("content"):
        return
    kind: Any = quoted.content.WhichOneof("kind")
    bare = message_pb2.MessageContent()
    if kind in QUOTING:
        getattr(bare, kind).CopyFrom(getattr(quoted.content, kind))
    if bare != quoted.content:
        kinds = ", ".join(sorted(QUOTING))
        yield Violation(f"{path}.content", f"must be one of {kinds}, with nothing around it")
    elif kind in MEDIA and getattr(bare, kind).media.data:
        yield Violation(f"{path}.content.{kind}.media", "must be named by media_id")
    elif bare.ByteSize() > MOST_QUOTED_BYTES:  # no other limits: it may have been received
        yield Violation(f"{path}.content", f"is larger than {MOST_QUOTED_BYTES} bytes")


def _reference(original: message_pb2.MessageReference, path: str, recipient_jid: str) -> Violations:
    if bool(original.message_id) == bool(original.whatsapp_id):
        yield Violation(path, "one of message_id and whatsapp_id is required")
        return
    yield from _length(original.message_id, f"{path}.message_id", MOST_ID)
    yield from _length(original.whatsapp_id, f"{path}.whatsapp_id", MOST_ID)
    if original.message_id and (original.from_me or original.sender_jid):
        yield Violation(path, "message_id says all: from_me and sender_jid must not be set")
    elif original.from_me and original.sender_jid:
        yield Violation(f"{path}.sender_jid", "must not be set with from_me")
    elif original.sender_jid:
        try:
            original.sender_jid = person_jid(original.sender_jid)
        except NoJidError as error:
            yield Violation(f"{path}.sender_jid", str(error))
    elif original.whatsapp_id and not original.from_me and _is_group(recipient_jid):
        yield Violation(f"{path}.sender_jid", "is required in a group")


def _is_group(jid: str) -> bool:
    return jid.endswith(f"@{GROUP_SERVER}")


def _each(values: Any, path: str, normal: Callable[[str], str]) -> Violations:
    """Bring each of the values into its one spelling."""
    for index, value in enumerate(values):
        try:
            values[index] = normal(value)
        except (NoJidError, NumberError) as error:
            yield Violation(f"{path}[{index}]", str(error))


def _line(value: str, path: str, most: int) -> Violations:
    if not value.strip():
        yield Violation(path, "must not be blank")
    yield from _length(value, path, most)


def _length(value: str, path: str, most: int) -> Violations:
    if len(value) > most:
        yield Violation(path, f"has {len(value)} characters, {most} at most")
