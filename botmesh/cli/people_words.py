"""What happens around people, in words."""

from botmesh.cli import output
from botmesh.cli.message_record import recipient
from botmesh.cli.times import seconds
from botmesh.v1 import (
    BlockListChange,
    Event,
    PictureChange,
    PresenceChange,
    PresenceState,
    TypingChange,
    TypingState,
)

KINDS = frozenset({"presence_changed", "typing_changed", "picture_changed", "block_list_changed"})


def of_event(event: Event) -> str:
    """An event of KINDS on one line."""
    match event.WhichOneof("kind"):
        case "presence_changed":
            return _presence(event.presence_changed)
        case "typing_changed":
            return _typing(event.typing_changed)
        case "picture_changed":
            return _picture(event.picture_changed)
        case _:
            return _blocks(event.block_list_changed)


def _presence(change: PresenceChange) -> str:
    state = output.enum_word(PresenceState.Name(change.state), "PRESENCE_STATE_")
    seen = ""
    if change.HasField("last_seen_time"):
        seen = f", last seen {seconds(change.last_seen_time)}"
    return f"presence {state} {change.phone_number or recipient(change.jid)}{seen}"


def _typing(change: TypingChange) -> str:
    state = output.enum_word(TypingState.Name(change.state), "TYPING_STATE_")
    who = change.sender_number or recipient(change.sender_jid)
    where = "" if change.chat_jid == change.sender_jid else f" in {recipient(change.chat_jid)}"
    return f"typing {state} {who}{where}"


def _picture(change: PictureChange) -> str:
    what = "removed" if change.removed else "changed"
    by = f" by {recipient(change.author_jid)}" if change.author_jid else ""
    return f"picture {what} of {recipient(change.jid)}{by}"


def _blocks(change: BlockListChange) -> str:
    parts = [
        f"{what} {', '.join(recipient(jid) for jid in jids)}"
        for what, jids in (("blocked", change.blocked_jids), ("unblocked", change.unblocked_jids))
        if jids
    ]
    return f"block list: {'; '.join(parts) or 'changed'}"
