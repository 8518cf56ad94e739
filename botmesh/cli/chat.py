"""``botmesh send``: what a tenant says."""

import sys
import uuid
from typing import Annotated

import grpc
import typer

from botmesh.cli import output, send_content, send_media
from botmesh.cli.connection import channel, never_left, timeout_s
from botmesh.cli.message_record import show_message
from botmesh.cli.times import duration
from botmesh.errors import from_rpc_error
from botmesh.v1 import (
    BotServiceStub,
    Delivery,
    Message,
    MessageState,
    SendMessageRequest,
)

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]

_UNDER_WAY = {MessageState.MESSAGE_STATE_QUEUED, MessageState.MESSAGE_STATE_SENDING}


def send(
    context: typer.Context,
    tenant_id: TenantId,
    to: Annotated[str, typer.Argument(metavar="TO", help="A number with +, or a JID.")],
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="The text; '-' reads it from standard input."),
    ] = None,
    reply_to: send_content.ReplyTo = "",
    sender: send_content.Sender = "",
    mention: send_content.Mention = None,
    forwarded: send_content.Forwarded = False,
    preview: send_content.Preview = "",
    location: send_content.Location = "",
    contact: send_content.Contact = None,
    poll: send_content.PollOption = None,
    choices: send_content.Choices = 0,
    react: send_content.React = "",
    edit: send_content.Edit = "",
    delete: send_content.Delete = "",
    image: send_media.Image = None,
    video: send_media.Video = None,
    audio: send_media.Audio = None,
    voice: send_media.Voice = None,
    document: send_media.Document = None,
    sticker: send_media.Sticker = None,
    caption: send_media.Caption = "",
    queue: Annotated[
        bool,
        typer.Option("--queue", help="Let it wait while the session is down, not fail."),
    ] = False,
    expires_in: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="How long it may wait: 1s to 7d, e.g. 90s, 15m, 2h. "
            "Otherwise 5m, with --queue 24h.",
        ),
    ] = "",
    allow_duplicate: Annotated[
        bool,
        typer.Option(
            "--allow-duplicate",
            help="Send it once more if its outcome stays unknown; it may then arrive twice.",
        ),
    ] = False,
    request_id: Annotated[
        str, typer.Option(metavar="UUID", help="Repeating it never sends a second message.")
    ] = "",
) -> None:
    """Send a message from a tenant's number: a text, or what an option says."""
    wanted = send_content.Wanted(
        text=sys.stdin.read() if text == "-" else text,
        reply_to=reply_to,
        sender=sender,
        mentions=mention or (),
        forwarded=forwarded,
        preview=preview,
        location=location,
        contact=contact or (),
        poll=poll or (),
        choices=choices,
        react=react,
        edit=edit,
        delete=delete,
        image=image,
        video=video,
        audio=audio,
        voice=voice,
        document=document,
        sticker=sticker,
        caption=caption,
    )
    request = SendMessageRequest(
        tenant_id=tenant_id,
        to=to,
        # Made here, so that there is something to ask for if no answer comes.
        request_id=request_id or str(uuid.uuid4()),
        content=send_content.content(wanted),
        allow_duplicate=allow_duplicate,
    )
    if queue:
        request.delivery = Delivery.DELIVERY_QUEUE
    if expires_in:
        request.expires_in.FromTimedelta(duration(expires_in))
    with channel(context.obj, tenant_id) as opened:
        if (file := wanted.file) is not None:
            send_media.fill(opened, tenant_id, request.content, file)
        try:
            answer = BotServiceStub(opened).SendMessage(request, timeout=timeout_s())
        except grpc.RpcError as error:
            if from_rpc_error(error) is None and not never_left(error):
                output.note(f"it may have been sent: botmesh message {request.request_id}")
            raise
    show_message(answer.message)
    _tell_what_follows(answer.message)


def _tell_what_follows(message: Message) -> None:
    if message.state in _UNDER_WAY and not output.is_json():
        output.note(f"it goes on by itself: botmesh message {message.message_id}")
