"""What a message says, in a line for people."""

from collections.abc import Callable
from typing import Any

from botmesh.v1 import (
    AudioContent,
    ContactsContent,
    DocumentContent,
    EditContent,
    ImageContent,
    LocationContent,
    MessageContent,
    MessageReference,
    PollContent,
    PollVoteContent,
    ReactionContent,
    RevokeContent,
    StickerContent,
    TextContent,
    VideoContent,
)


def content_words(content: MessageContent) -> str:
    """A text as it is; any other kind by its name and what matters of it."""
    kind: Any = content.WhichOneof("kind")
    if kind is None:
        return "(not known here)"
    write = _WRITERS.get(kind)
    words = "" if write is None else write(getattr(content, kind))
    return words if kind == "text" else f"({kind}) {words}".rstrip()


def _text(text: TextContent) -> str:
    return text.body


def _location(place: LocationContent) -> str:
    where = f"{place.degrees_latitude},{place.degrees_longitude}"
    return f"{where} {place.name or place.address}"


def _contacts(contacts: ContactsContent) -> str:
    return ", ".join(card.display_name for card in contacts.cards)


def _poll(poll: PollContent) -> str:
    return f"{poll.name}: {' / '.join(poll.options)}"


def _poll_vote(vote: PollVoteContent) -> str:
    unknown = len(vote.option_sha256) - len(vote.options)
    chosen = [*vote.options, *([f"{unknown} not known here"] if unknown > 0 else [])]
    return f"in {_which(vote.original)}: {' / '.join(chosen) or 'taken back'}"


def _reaction(reaction: ReactionContent) -> str:
    return f"{reaction.emoji or 'taken back'} to {_which(reaction.original)}"


def _edit(edit: EditContent) -> str:
    return f"of {_which(edit.original)}: {edit.body}"


def _revoke(revoke: RevokeContent) -> str:
    return _which(revoke.original)


def _captioned(media: ImageContent | VideoContent) -> str:
    return media.caption


def _audio(audio: AudioContent) -> str:
    length = f"{audio.duration.seconds} s" if audio.HasField("duration") else ""
    return f"voice note {length}" if audio.voice else length


def _document(document: DocumentContent) -> str:
    return f"{document.file_name} {document.caption}"


def _sticker(_: StickerContent) -> str:
    return ""


def _which(original: MessageReference) -> str:
    return original.message_id or original.whatsapp_id


_WRITERS: dict[str, Callable[[Any], str]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "poll": _poll,
    "poll_vote": _poll_vote,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "image": _captioned,
    "video": _captioned,
    "audio": _audio,
    "document": _document,
    "sticker": _sticker,
}
