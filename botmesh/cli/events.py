"""``botmesh events``: what a tenant hears, and what became of what it said."""

import time
from collections.abc import Iterator
from typing import Annotated

import grpc
import typer
from google.protobuf.empty_pb2 import Empty

from botmesh.cli import output
from botmesh.cli.chat import TenantId
from botmesh.cli.connection import channel
from botmesh.cli.event_words import event_words
from botmesh.errors import Reason, from_rpc_error
from botmesh.v1 import (
    BotServiceStub,
    Event,
    EventCursor,
    StreamEventsRequest,
)

# Between two tries to find a gateway that went away.
PAUSE_S = 0.5
_PASSING = frozenset({Reason.SHUTTING_DOWN, Reason.BOTNODE_UNAVAILABLE})


def events(
    context: typer.Context,
    tenant_id: TenantId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as they come, until Ctrl+C.")
    ] = False,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="oldest, latest, or LOG:SEQUENCE, the place that each line begins with: "
            "what comes after it.",
        ),
    ] = "oldest",
) -> None:
    """Show a tenant's event log; without --follow up to its newest event."""
    request = StreamEventsRequest(tenant_id=tenant_id)
    if start == "oldest":
        request.oldest.CopyFrom(Empty())
    elif start == "latest":
        request.latest.CopyFrom(Empty())
    else:
        request.after.CopyFrom(_cursor(start))
    with channel(context.obj, tenant_id) as opened:
        reading = Reading(BotServiceStub(opened), request)
        for event in reading.go_on() if follow else reading.once():
            if output.is_json():
                output.emit(output.as_dict(event))
            else:
                output.say(line(event))


class Reading:
    """Reads the log from a place on, and knows how far it got."""

    def __init__(self, stub: BotServiceStub, request: StreamEventsRequest) -> None:
        self._stub = stub
        self._request = request
        self._began = False

    def once(self) -> Iterator[Event]:
        """The events up to the newest one at the start."""
        items = self._stub.StreamEvents(self._request)
        newest: int | None = None
        for item in items:
            if item.HasField("event"):
                yield item.event
                self._dealt_with(item.event.cursor)
            elif newest is not None:
                return  # idle: what came before the newest one is not kept any more
            else:
                newest = item.head.sequence
                self._begin(item.head)
            if newest is not None and self._request.after.sequence >= newest:
                return

    def go_on(self) -> Iterator[Event]:
        """The events as they come, over restarts of the gateway."""
        away = False
        while True:
            try:
                for item in self._stub.StreamEvents(self._request, wait_for_ready=away):
                    if away:
                        output.note("the line is back")
                        away = False
                    if item.HasField("event"):
                        yield item.event
                        self._dealt_with(item.event.cursor)
                    else:
                        self._begin(item.head)
            except grpc.RpcError as error:
                if not self._began or not _passes(error):
                    raise
                if not away:
                    output.note(f"the line broke ({_why(error)}); this goes on when it is back")
                    away = True
                time.sleep(PAUSE_S)

    def _begin(self, head: EventCursor) -> None:
        # Whoever starts at the newest end starts after the head that is told first.
        if self._request.WhichOneof("start") == "latest":
            self._dealt_with(head)
        self._began = True

    def _dealt_with(self, cursor: EventCursor) -> None:
        self._request.after.CopyFrom(cursor)


def _passes(error: grpc.RpcError) -> bool:
    known = from_rpc_error(error)
    return known.reason in _PASSING if known else _why(error) == "UNAVAILABLE"


def _why(error: grpc.RpcError) -> str:
    known = from_rpc_error(error)
    if known is not None:
        return known.reason.value
    return error.code().name if isinstance(error, grpc.Call) else str(error)


def _cursor(text: str) -> EventCursor:
    log_id, _, sequence = text.rpartition(":")
    if not log_id or not (sequence.isascii() and sequence.isdigit() and int(sequence) < 1 << 63):
        raise typer.BadParameter("must be oldest, latest or LOG:SEQUENCE", param_hint="--from")
    return EventCursor(log_id=log_id, sequence=int(sequence))


def line(event: Event) -> str:
    """An event as people read it: its place, its time, what it is."""
    when = event.create_time.ToJsonString()
    place = f"{event.cursor.log_id}:{event.cursor.sequence}"
    return f"{place}  {when}  {event_words(event)}"
