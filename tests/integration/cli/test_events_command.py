"""`botmesh events` against a gateway whose event log is scripted."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from fake_gateway import serving
from typer.testing import CliRunner, Result

from botmesh.cli.main import app
from botmesh.errors import MeshError, Reason
from botmesh.rpc.status import to_rpc_status
from botmesh.v1 import (
    BotServiceServicer,
    Event,
    EventCursor,
    Message,
    MessageContent,
    MessageState,
    ReceivedMessage,
    StreamEventsRequest,
    StreamEventsResponse,
    TenantServiceServicer,
    TextContent,
)

LOG = "log"
AHEAD = MeshError(Reason.EVENT_LOG_CHANGED, "the cursor is not of this event log")


def _received(text: str, **fields: Any) -> Event:
    content = MessageContent(text=TextContent(body=text))
    message = ReceivedMessage(sender_number="+521", content=content, **fields)
    return Event(message_received=message)


class Log(BotServiceServicer):
    """An event log of these events; `breaks` ends a stream once after so many, `end` every one."""

    def __init__(self, *events: Event, breaks: int = 0, end: MeshError | None = None) -> None:
        self.events = events
        self.breaks = breaks
        self.end = end
        self.asked: list[StreamEventsRequest] = []

    def StreamEvents(
        self, request: StreamEventsRequest, context: Any
    ) -> Iterator[StreamEventsResponse]:
        self.asked.append(request)
        after = request.after.sequence
        if request.WhichOneof("start") == "latest":
            after = len(self.events)
        if after > len(self.events):
            context.abort_with_status(to_rpc_status(AHEAD))
        yield StreamEventsResponse(head=EventCursor(log_id=LOG, sequence=len(self.events)))
        for sequence, event in enumerate(self.events, 1):
            if sequence > after:
                event.cursor.CopyFrom(EventCursor(log_id=LOG, sequence=sequence))
                yield StreamEventsResponse(event=event)
            if sequence == self.breaks:
                self.breaks = 0
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if self.end is not None:
            context.abort_with_status(to_rpc_status(self.end))
        # A live log never ends by itself: only the caller ends it.
        hung_up = threading.Event()
        if context.add_callback(hung_up.set):
            hung_up.wait(10)


def _call(log: Log, *arguments: str) -> Result:
    with serving(log, TenantServiceServicer()) as address:
        return CliRunner().invoke(app, ["--gateway", address, *arguments])


def _sequences(result: Result) -> list[int]:
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return [int(line["cursor"]["sequence"]) for line in lines if "cursor" in line]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((), [1, 2]),
        (("--from", "oldest"), [1, 2]),
        (("--from", "latest"), []),
        (("--from", "log:1"), [2]),
        (("--from", "log:2"), []),
    ],
)
def test_events_end_at_the_newest_one(place: tuple[str, ...], expected: list[int]) -> None:
    result = _call(Log(_received("a"), _received("b")), "--json", "events", "norte", *place)
    assert (_sequences(result), result.exit_code) == (expected, 0)


@pytest.mark.parametrize("place", ["nonsense", ":1", "log:", "log:-1", "log:²", "log:" + "9" * 30])
def test_a_place_in_the_log_must_look_like_one(place: str) -> None:
    assert _call(Log(), "events", "norte", "--from", place).exit_code == 2


def test_every_kind_of_event_is_a_line() -> None:
    sent = Message(
        message_id="m-1",
        recipient_jid="5215587654321@s.whatsapp.net",
        state=MessageState.MESSAGE_STATE_FAILED,
        reason="MESSAGE_EXPIRED",
        undecrypted=True,
    )
    events = (
        _received("Hola"),
        _received("yo", from_me=True, chat_jid="5215500000000@s.whatsapp.net"),
        _received("todos", group=True, chat_jid="12-34@g.us"),
        Event(message_state_changed=sent),
        Event(message_decryption_changed=sent),
        Event(message_decryption_changed=Message(message_id="m-2", recipient_jid="7@lid")),
    )
    lines = _call(Log(*events), "events", "norte").stdout.splitlines()
    assert [line.split(None, 2)[2] for line in lines] == [
        "message from +521: Hola",
        "message from own phone to +5215500000000: yo",
        "message from +521 in 12-34@g.us: todos",
        "message FAILED MESSAGE_EXPIRED to +5215587654321, id m-1",
        "message UNDECRYPTED to +5215587654321, id m-1",
        "message decrypted after all to 7@lid, id m-2",
    ]
    assert [line.split()[0] for line in lines] == [f"log:{number}" for number in range(1, 7)]


def test_a_customers_text_cannot_write_on_the_screen() -> None:
    text = "\x1b[2Jgone\rover\nnext\u202eright \x9b1m 👩‍👧"
    (line,) = _call(Log(_received(text)), "events", "norte").stdout.splitlines()
    assert line.endswith(r"\x1b[2Jgone\rover\nnext\u202eright \x9b1m 👩‍👧")


@pytest.mark.parametrize("place", ["oldest", "latest", "log:1"])
def test_following_goes_on_over_a_gateway_that_went_away(place: str) -> None:
    stopped = MeshError(Reason.TENANT_STOPPED, "stopped", metadata={"tenant_id": "norte"})
    log = Log(_received("a"), _received("b"), _received("c"), breaks=2, end=stopped)
    result = _call(log, "--json", "events", "norte", "--follow", "--from", place)
    assert _sequences(result) == {"oldest": [1, 2, 3], "latest": [], "log:1": [2, 3]}[place]
    assert "TENANT_STOPPED" in result.stdout
    assert log.asked[-1].after.sequence == (3 if place == "latest" else 2)


def test_a_line_that_breaks_at_once_is_no_line() -> None:
    result = CliRunner().invoke(app, ["--gateway", "127.0.0.1:1", "events", "norte", "--follow"])
    assert result.exit_code == 3
    assert "nothing answers at 127.0.0.1:1" in result.stderr


def test_a_place_that_is_gone_says_what_to_do() -> None:
    result = _call(Log(), "events", "norte", "--from", "log:1")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "botmesh: the cursor is not of this event log (EVENT_LOG_CHANGED)",
        "botmesh: start with the oldest event kept: --from oldest",
    ]
