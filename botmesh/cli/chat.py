"""``botmesh send`` and ``botmesh events``: what a tenant says and hears."""

import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from google.protobuf.empty_pb2 import Empty

from botmesh.cli import output
from botmesh.cli.connection import channel, timeout_s
from botmesh.v1 import (
    BotServiceStub,
    Event,
    EventCursor,
    Message,
    MessageContent,
    MessageState,
    SendMessageRequest,
    SessionState,
    StreamEventsRequest,
    StreamEventsResponse,
    TextContent,
)

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]


def send(
    context: typer.Context,
    tenant_id: TenantId,
    to: Annotated[str, typer.Argument(help="A number with +, or a JID.")],
    text: Annotated[str, typer.Argument(help="The text; '-' reads it from standard input.")],
    request_id: Annotated[
        str, typer.Option(help="A UUID: repeating it never sends a second message.")
    ] = "",
) -> None:
    """Send a text from a tenant's number."""
    body = sys.stdin.read() if text == "-" else text
    request = SendMessageRequest(
        tenant_id=tenant_id,
        to=to,
        request_id=request_id,
        content=MessageContent(text=TextContent(body=body)),
    )
    with channel(context.obj) as opened:
        answer = BotServiceStub(opened).SendMessage(request, timeout=timeout_s())
    _show(answer.message)


def events(
    context: typer.Context,
    tenant_id: TenantId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
    after: Annotated[
        str, typer.Option(metavar="LOG:SEQUENCE", help="Start after this place in the log.")
    ] = "",
) -> None:
    """Show a tenant's event log, from the oldest event on."""
    request = StreamEventsRequest(tenant_id=tenant_id)
    if after:
        request.after.CopyFrom(_cursor(after))
    else:
        request.oldest.CopyFrom(Empty())
    with channel(context.obj) as opened:
        items = BotServiceStub(opened).StreamEvents(request)
        for event in _events(items, done=request.after.sequence, follow=follow):
            if output.is_json():
                output.emit(output.as_dict(event))
            else:
                output.say(_line(event))


def _events(items: Iterator[StreamEventsResponse], *, done: int, follow: bool) -> Iterator[Event]:
    """The events after ``done``; without ``follow``, those up to the newest one at the start."""
    newest: int | None = None
    for item in items:
        if item.HasField("head") and newest is None:
            newest = item.head.sequence
        if item.HasField("event"):
            yield item.event
            done = item.event.cursor.sequence
        if not follow and newest is not None and done >= newest:
            return


def _cursor(text: str) -> EventCursor:
    log_id, _, sequence = text.partition(":")
    if not log_id or not sequence.isdigit():
        raise typer.BadParameter("must be LOG:SEQUENCE, as `botmesh events` prints it")
    return EventCursor(log_id=log_id, sequence=int(sequence))


def _line(event: Event) -> str:
    when = event.create_time.ToJsonString()
    place = f"{event.cursor.log_id}:{event.cursor.sequence}"
    return f"{place}  {when}  {_what(event)}"


def _what(event: Event) -> str:
    match event.WhichOneof("kind"):
        case "message_received":
            message = event.message_received
            writer = message.sender_number or message.sender_jid
            direction = "from own phone" if message.from_me else f"from {writer}"
            body = message.content.text.body if message.content.HasField("text") else "(not text)"
            return f"message {direction}: {body}"
        case "message_state_changed":
            message_ = event.message_state_changed
            state = output.enum_word(MessageState.Name(message_.state), "MESSAGE_STATE_")
            return f"message {message_.message_id} to {message_.recipient_jid}: {state}"
        case "session_state_changed":
            session = event.session_state_changed
            state = output.enum_word(SessionState.Name(session.state), "SESSION_STATE_")
            return f"session {state} {session.reason}".rstrip()
        case kind:
            return str(kind)


def _show(message: Message) -> None:
    output.show(
        message,
        [
            ("state", output.enum_word(MessageState.Name(message.state), "MESSAGE_STATE_")),
            ("reason", message.reason),
            ("to", message.recipient_jid),
            ("message id", message.message_id),
            ("WhatsApp id", message.whatsapp_id),
            ("request id", message.request_id),
            ("sent", message.sent_time.ToJsonString() if message.HasField("sent_time") else ""),
        ],
    )
