"""The contract's messages as the record keeps them."""

import time

import grpc
import grpc.aio

from botmesh.errors import from_rpc_error
from botmesh.sandbox.v1 import Direction
from botmesh.sandbox.v1 import Message as PhoneMessage
from botmesh.v1 import Event, Message, MessageChange, MessageState, SessionState
from tests.chaos.record import Answer, Entry, Happening, Incoming, Outgoing


def outgoing(message: Message) -> Outgoing:
    """A message's record."""
    return Outgoing(
        message_id=message.message_id,
        request_id=message.request_id,
        recipient_jid=message.recipient_jid,
        text=message.content.text.body,
        state=state(message),
        reason=message.reason,
        detail=message.detail,
        whatsapp_id=message.whatsapp_id,
        attempts=message.attempts,
        undecrypted=message.undecrypted,
        accepted=message.create_time.ToNanoseconds() / 1e9,
        expires=message.expire_time.ToNanoseconds() / 1e9,
        duplicate_allowed=message.allow_duplicate,
    )


def state(message: Message | MessageChange) -> str:
    """A message's state by its short name."""
    return MessageState.Name(message.state).removeprefix("MESSAGE_STATE_")


def happening(event: Event) -> Happening:
    """An event."""
    sent: Outgoing | None = None
    received: Incoming | None = None
    session = instance = ""
    kind = event.WhichOneof("kind")
    if kind == "message_state_changed":
        sent = outgoing(event.message_state_changed)
    elif kind == "message_decryption_changed":
        sent = outgoing(event.message_decryption_changed)
    elif kind == "session_state_changed":
        changed = event.session_state_changed
        session = SessionState.Name(changed.state).removeprefix("SESSION_STATE_")
        instance = changed.instance
    elif kind == "message_received":
        came = event.message_received
        text = came.content.text.body
        received = Incoming(came.whatsapp_id, text, came.sender_number, came.from_me)
    return Happening(
        log_id=event.cursor.log_id,
        sequence=event.cursor.sequence,
        time=event.create_time.ToNanoseconds() / 1e9,
        outgoing=sent,
        incoming=received,
        session=session,
        instance=instance,
    )


def entry(message: PhoneMessage) -> Entry:
    """A message in a phone's chat."""
    return Entry(
        sequence=message.sequence,
        phone=message.phone,
        direction=Direction.Name(message.direction).removeprefix("DIRECTION_"),
        whatsapp_id=message.message_id,
        sender=message.sender,
        chat=message.chat,
        text=message.text,
        time=message.time.ToNanoseconds() / 1e9,
        delivery=message.delivery,
        arrivals=message.arrivals,
        undecrypted=message.undecrypted,
    )


def answer(message: Message) -> Answer:
    """A good answer that carries a message."""
    return Answer("OK", message.reason, message.message_id, state(message))


def refusal(error: grpc.aio.AioRpcError) -> Answer:
    """An error as the caller sees it."""
    typed = from_rpc_error(error)
    words = error.details() or ""
    if typed is None:
        return Answer(error.code().name, words=words)
    message_id = typed.metadata.get("message_id", "")
    return Answer(error.code().name, str(typed.reason), message_id, words=words)


def clock() -> float:
    """Now, as the record tells times."""
    return time.time()
