"""A message of the outbox as the command shows it."""

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from botmesh.cli import output
from botmesh.cli.content_words import content_words
from botmesh.cli.times import seconds
from botmesh.v1 import Delivery, GetMessageResponse, Message, MessageChange, MessageState

_PERSON = "@s.whatsapp.net"
# As much of a text as a table's row shows.
MOST_TEXT = 60

HEADERS = ("accepted", "state", "to", "message id", "text")


def row(message: Message) -> tuple[str, ...]:
    """A message as a row under HEADERS."""
    state = state_word(message.state)
    if message.reason:
        state = f"{state} {message.reason}"
    if message.undecrypted:
        state = f"{state} (undecrypted)"
    return (
        seconds(message.create_time),
        state,
        recipient(message.recipient_jid),
        message.message_id,
        output.one_line(content_words(message.content), MOST_TEXT),
    )


def show_message(message: Message) -> None:
    """Write what became of one message, and its ids."""
    output.show(message, [*_ids(message), ("sent", _time(message, "sent_time"))])


def show_timeline(found: GetMessageResponse) -> None:
    """Write one message with everything that happened to it."""
    if output.is_json():
        output.emit(output.as_dict(found))
        return
    output.show(
        found.message,
        [
            ("tenant", found.message.tenant_id),
            *_ids(found.message),
            *_rest(found.message),
        ],
    )
    if found.timeline:
        output.say("")
        output.show_table(
            ("time", "state", "attempts", "event", "reason"), map(_change, found.timeline)
        )


def state_word(state: MessageState) -> str:
    """A state's name as people read it."""
    return output.enum_word(MessageState.Name(state), "MESSAGE_STATE_")


def recipient(jid: str) -> str:
    """A person's JID as their number; any other as it is."""
    user = jid.removesuffix(_PERSON)
    return f"+{user}" if user != jid and user.isdigit() else jid


def _ids(message: Message) -> Iterable[tuple[str, object]]:
    return [
        ("state", state_word(message.state)),
        ("reason", message.reason),
        ("detail", message.detail),
        ("undecrypted", "a device of the recipient cannot read it" if message.undecrypted else ""),
        ("to", message.recipient_jid),
        ("message id", message.message_id),
        ("WhatsApp id", message.whatsapp_id),
        ("request id", message.request_id),
    ]


def _rest(message: Message) -> Iterable[tuple[str, object]]:
    return [
        ("account", message.account),
        ("delivery", output.enum_word(Delivery.Name(message.delivery), "DELIVERY_")),
        ("duplicate", "allowed" if message.allow_duplicate else ""),
        ("attempts", message.attempts or ""),
        ("accepted", _time(message, "create_time")),
        ("sent", _time(message, "sent_time")),
        ("delivered", _time(message, "delivered_time")),
        ("read", _time(message, "read_time")),
        ("expires", _time(message, "expire_time") if _waits(message) else ""),
        ("content", content_words(message.content)),
    ]


def _waits(message: Message) -> bool:
    return message.state == MessageState.MESSAGE_STATE_QUEUED


def _time(message: Message, field: str) -> str:
    if not message.HasField(field):
        return ""
    found: Timestamp = getattr(message, field)
    return found.ToJsonString()


def _change(change: MessageChange) -> tuple[object, ...]:
    state = state_word(change.state)
    why = f"{change.reason}: {change.detail}" if change.detail else change.reason
    return (
        change.create_time.ToJsonString(),
        f"{state} (undecrypted)" if change.undecrypted else state,
        change.attempts or "",
        change.sequence,
        why,
    )
