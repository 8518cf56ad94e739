"""``botmesh chat ...``: what surrounds the messages of a chat."""

from enum import StrEnum
from typing import Annotated

import typer

from botmesh.cli import output
from botmesh.cli.chat import TenantId
from botmesh.cli.connection import channel, timeout_s
from botmesh.cli.events import Reading, line
from botmesh.v1 import (
    BotServiceStub,
    ChatServiceStub,
    EventCursor,
    MarkReadRequest,
    PresenceState,
    SetPresenceRequest,
    SetTypingRequest,
    StreamEventsRequest,
    SubscribePresenceRequest,
)

app = typer.Typer(
    help="Read marks, typing, presence: what surrounds messages.", no_args_is_help=True
)

Person = Annotated[str, typer.Argument(metavar="PERSON", help="A number with +, or a JID.")]
_WATCHED = frozenset({"presence_changed", "typing_changed"})


class Typing(StrEnum):
    """What can be shown in a chat, as people type it."""

    TYPING = "TYPING"
    RECORDING = "RECORDING"
    PAUSED = "PAUSED"


@app.command()
def read(
    context: typer.Context,
    tenant_id: TenantId,
    chat: Annotated[str, typer.Argument(metavar="CHAT", help="The chat's JID, or a number.")],
    whatsapp_ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="WhatsApp's ids of the messages.")
    ],
    sender: Annotated[str, typer.Option(help="Who wrote them; needed in a group.")] = "",
    played: Annotated[
        bool, typer.Option("--played", help="The voice notes were played, not only seen.")
    ] = False,
) -> None:
    """Mark received messages as read: their senders see blue ticks."""
    request = MarkReadRequest(
        tenant_id=tenant_id,
        chat_jid=chat,
        whatsapp_ids=whatsapp_ids,
        sender_jid=sender,
        played=played,
    )
    with channel(context.obj, tenant_id) as opened:
        output.done(
            ChatServiceStub(opened).MarkRead(request, timeout=timeout_s()),
            f"marked {len(whatsapp_ids)} as {'played' if played else 'read'}",
        )


@app.command()
def typing(
    context: typer.Context,
    tenant_id: TenantId,
    to: Person,
    state: Annotated[
        Typing, typer.Argument(metavar="[STATE]", case_sensitive=False, help="What to show.")
    ] = Typing.TYPING,
) -> None:
    """Show in a chat that the account types or records, or that it ceased to."""
    request = SetTypingRequest(tenant_id=tenant_id, to=to, state=f"TYPING_STATE_{state}")
    with channel(context.obj, tenant_id) as opened:
        answer = ChatServiceStub(opened).SetTyping(request, timeout=timeout_s())
    output.done(answer, f"{to} sees {state}; phones take it back after about 25 seconds")


@app.command()
def online(context: typer.Context, tenant_id: TenantId) -> None:
    """Show the account as online; its phone gets no notifications meanwhile."""
    _set_presence(context, tenant_id, PresenceState.PRESENCE_STATE_AVAILABLE)


@app.command()
def offline(context: typer.Context, tenant_id: TenantId) -> None:
    """Show the account as offline."""
    _set_presence(context, tenant_id, PresenceState.PRESENCE_STATE_UNAVAILABLE)


@app.command()
def watch(
    context: typer.Context,
    tenant_id: TenantId,
    people: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PERSON]...", help="Whose presence to follow too."),
    ] = None,
) -> None:
    """Show who goes online, types and records, as it comes, until Ctrl+C.

    WhatsApp tells it only while the account is online: botmesh chat online TENANT.
    """
    with channel(context.obj, tenant_id) as opened:
        chats, bots = ChatServiceStub(opened), BotServiceStub(opened)
        following = StreamEventsRequest(tenant_id=tenant_id, after=_newest(bots, tenant_id))
        for person in people or ():
            request = SubscribePresenceRequest(tenant_id=tenant_id, jid=person)
            chats.SubscribePresence(request, timeout=timeout_s())
        for event in Reading(bots, following).go_on():
            if event.WhichOneof("kind") not in _WATCHED:
                continue
            if output.is_json():
                output.emit(output.as_dict(event))
            else:
                output.say(line(event))


def _newest(bots: BotServiceStub, tenant_id: str) -> EventCursor:
    """The place of the newest event: what comes of a subscription comes after it."""
    request = StreamEventsRequest(tenant_id=tenant_id)
    request.latest.SetInParent()
    items = bots.StreamEvents(request, timeout=timeout_s())
    try:
        return next(iter(items)).head
    finally:
        items.cancel()


def _set_presence(context: typer.Context, tenant_id: str, state: PresenceState) -> None:
    request = SetPresenceRequest(tenant_id=tenant_id, state=state)
    with channel(context.obj, tenant_id) as opened:
        answer = ChatServiceStub(opened).SetPresence(request, timeout=timeout_s())
    word = output.enum_word(PresenceState.Name(state), "PRESENCE_STATE_")
    output.done(answer, f"{tenant_id} is {word}")
