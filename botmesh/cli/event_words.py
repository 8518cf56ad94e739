"""What happened to a tenant, in a line for people."""

from collections.abc import Callable, Iterable
from typing import Any

from botmesh.cli import output, people_words
from botmesh.cli.content_words import content_words
from botmesh.cli.message_record import recipient, state_word
from botmesh.v1 import (
    Event,
    GroupChange,
    GroupJoined,
    MediaState,
    Message,
    ReceivedMessage,
    Session,
    SessionState,
    StoredMedia,
    UndecryptableMessage,
)


def event_words(event: Event) -> str:
    """What happened, whatever kind of event tells it."""
    kind: Any = event.WhichOneof("kind")
    if kind in people_words.KINDS:
        return output.one_line(people_words.of_event(event))
    write = _WRITERS.get(kind)
    return str(kind) if write is None else output.one_line(write(getattr(event, kind))).rstrip()


def _received(message: ReceivedMessage) -> str:
    text = content_words(message.content) if message.HasField("content") else _undecoded(message)
    marks = [
        mark
        for mark, is_set in (("view once", message.view_once), ("disappears", message.ephemeral))
        if is_set
    ]
    suffix = f" ({', '.join(marks)})" if marks else ""
    return f"message {_direction(message)}{suffix}: {text}"


def _undecoded(message: ReceivedMessage) -> str:
    return f"({message.undecoded_kind or 'not decoded'})"


def _undecryptable(message: UndecryptableMessage) -> str:
    if message.unavailable:
        why = "only the phone shows it"
    elif not message.whatsapp_id:
        why = "of a sort that is not known here"
    else:
        why = "asked for again"
    return f"message that cannot be read {_direction(message)}: {why}"


def _direction(message: ReceivedMessage | UndecryptableMessage) -> str:
    chat = recipient(message.chat_jid)
    if message.from_me:
        return f"from own phone to {chat}"
    writer = _person(message.sender_jid, message.sender_number)
    return f"from {writer} in {chat}" if message.group else f"from {writer}"


def _state(message: Message) -> str:
    counts = ""
    if message.delivered_count:
        counts = f" ({message.delivered_count} have it, {message.read_count} read it)"
    state = f"{state_word(message.state)} {message.reason}".rstrip()
    return f"message {state}{counts} {_which(message)}"


def _decryption(message: Message) -> str:
    state = "UNDECRYPTED" if message.undecrypted else "decrypted after all"
    return f"message {state} {_which(message)}"


def _which(message: Message) -> str:
    return f"to {recipient(message.recipient_jid)}, id {message.message_id}"


def _session(session: Session) -> str:
    state = output.enum_word(SessionState.Name(session.state), "SESSION_STATE_")
    return f"session {state} {session.reason}"


def _media(media: StoredMedia) -> str:
    state = output.enum_word(MediaState.Name(media.state), "MEDIA_STATE_")
    size = f"{media.size_bytes} bytes" if media.size_bytes else ""
    what = " ".join(part for part in (media.content_type, media.file_name, size) if part)
    return f"media {state} {media.reason}".rstrip() + f" {media.media_id} {what}"


def _group(change: GroupChange) -> str:
    told = [
        *(
            f"{word} {_people(change.phone_numbers.get(jid) or jid for jid in jids)}"
            for word, jids in _moves(change)
            if jids
        ),
        *(
            f"{word} {getattr(change, field)!r}"
            for field, word in (("name", "named"), ("description", "described as"))
            if change.HasField(field)
        ),
        *(
            yes if getattr(change, field) else no
            for field, yes, no in _SWITCHES
            if change.HasField(field)
        ),
    ]
    if change.HasField("ephemeral_expiration"):
        seconds = change.ephemeral_expiration.seconds
        told.append(f"messages disappear after {seconds} s" if seconds else "messages stay")
    if change.invite_link:
        told.append(f"invite link {change.invite_link}")
    if change.deleted:
        told.append("deleted")
    told += change.other_changes
    author = _person(change.author_jid, change.author_number)
    by = f" by {author}" if author else ""
    return f"group {change.group_jid}{by}: {'; '.join(told) or 'changed'}"


def _moves(change: GroupChange) -> Iterable[tuple[str, Any]]:
    return (
        ("joined:", change.joined_jids),
        ("left:", change.left_jids),
        ("now admins:", change.promoted_jids),
        ("no more admins:", change.demoted_jids),
    )


_SWITCHES = (
    ("announce", "only admins write", "all write"),
    ("locked", "only admins change it", "all change it"),
)


def _joined(joined: GroupJoined) -> str:
    how = "made" if joined.created else "joined"
    why = f" ({joined.reason})" if joined.reason else ""
    author = _person(joined.author_jid, joined.author_number)
    by = f" by {author}" if author else ""
    return f"group {joined.group.group_jid} {how}{why}{by}: {joined.group.name}"


def _person(jid: str, number: str) -> str:
    return number or recipient(jid)


def _people(jids: Iterable[str]) -> str:
    return ", ".join(recipient(jid) for jid in jids)


_WRITERS: dict[str, Callable[[Any], str]] = {
    "message_received": _received,
    "message_undecryptable": _undecryptable,
    "message_state_changed": _state,
    "message_decryption_changed": _decryption,
    "session_state_changed": _session,
    "media_changed": _media,
    "group_changed": _group,
    "group_joined": _joined,
}
