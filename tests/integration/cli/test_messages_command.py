"""`botmesh send`, `messages`, `message` and `cancel` against a gateway with scripted outboxes."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from fake_gateway import serving
from typer.testing import CliRunner, Result

from botmesh.cli import message_search
from botmesh.cli.main import app
from botmesh.cli.messages import State
from botmesh.errors import MeshError, Reason
from botmesh.rpc.status import to_rpc_status
from botmesh.v1 import (
    BotServiceServicer,
    CancelMessageRequest,
    CancelMessageResponse,
    Delivery,
    GetMessageRequest,
    GetMessageResponse,
    ListMessagesRequest,
    ListMessagesResponse,
    ListTenantsRequest,
    ListTenantsResponse,
    Message,
    MessageChange,
    MessageContent,
    MessageState,
    SendMessageRequest,
    SendMessageResponse,
    Tenant,
    TenantServiceServicer,
    TextContent,
)

TENANTS = ("norte", "sur", "stopped")


def _message(number: int, tenant_id: str = "norte", **fields: Any) -> Message:
    found = Message(
        message_id=f"{tenant_id}-{number}",
        request_id="request-1",
        tenant_id=tenant_id,
        recipient_jid="5215587654321@s.whatsapp.net",
        state=MessageState.MESSAGE_STATE_QUEUED,
        content=MessageContent(text=TextContent(body=f"text {number}\nline 2")),
        **fields,
    )
    found.create_time.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number))
    return found


class Outboxes(BotServiceServicer):
    """Each tenant's outbox has ``count`` messages, of which the first has a request-1."""

    def __init__(self, count: int = 3, error: MeshError | None = None) -> None:
        self.count = count
        self.error = error
        self.sent: list[SendMessageRequest] = []
        self.listed: list[ListMessagesRequest] = []
        self.cancelled: list[str] = []
        self.hung_up = threading.Event()

    def SendMessage(self, request: SendMessageRequest, context: Any) -> SendMessageResponse:
        self.sent.append(request)
        if self.error is not None:
            context.abort_with_status(to_rpc_status(self.error))
        return SendMessageResponse(message=_message(1))

    def ListMessages(self, request: ListMessagesRequest, context: Any) -> ListMessagesResponse:
        self.listed.append(ListMessagesRequest.FromString(request.SerializeToString()))
        first = int(request.page_token or self.count)
        last = max(first - request.page_size, 0)
        return ListMessagesResponse(
            messages=[_message(number) for number in range(first, last, -1)],
            next_page_token=str(last) if last else "",
        )

    def GetMessage(self, request: GetMessageRequest, context: Any) -> GetMessageResponse:
        if request.tenant_id == "stopped":
            error = MeshError(Reason.TENANT_STOPPED, "stopped")
            context.abort_with_status(to_rpc_status(error))
        if request.tenant_id == "hangs":
            context.add_callback(self.hung_up.set)
            self.hung_up.wait(10)
        known = {f"{request.tenant_id}-1", "request-1"}
        key = request.message_id or request.request_id
        is_one = request.message_id.endswith("-1") and not request.message_id.startswith("request")
        if key not in known or is_one != bool(request.message_id):
            error = MeshError(Reason.MESSAGE_NOT_FOUND, "no such message")
            context.abort_with_status(to_rpc_status(error))
        found = _message(1, request.tenant_id, reason="RATE_LIMITED", detail="slowly", attempts=1)
        steps = [
            MessageChange(state=MessageState.MESSAGE_STATE_QUEUED, sequence=7),
            MessageChange(
                state=MessageState.MESSAGE_STATE_FAILED,
                sequence=9,
                attempts=1,
                reason="RATE_LIMITED",
                detail="slowly",
                undecrypted=True,
            ),
        ]
        return GetMessageResponse(message=found, timeline=steps)

    def CancelMessage(self, request: CancelMessageRequest, context: Any) -> CancelMessageResponse:
        self.cancelled.append(request.message_id)
        return CancelMessageResponse(
            message=Message(
                message_id=request.message_id,
                state=MessageState.MESSAGE_STATE_FAILED,
                reason="MESSAGE_CANCELLED",
            )
        )


class Tenants(TenantServiceServicer):
    def __init__(self, *names: str) -> None:
        self.names = names

    def ListTenants(self, request: ListTenantsRequest, context: Any) -> ListTenantsResponse:
        return ListTenantsResponse(tenants=[Tenant(tenant_id=name) for name in self.names])


def _call(outboxes: Outboxes, *arguments: str, tenants: tuple[str, ...] = TENANTS) -> Result:
    with serving(outboxes, Tenants(*tenants)) as address:
        return CliRunner().invoke(app, ["--gateway", address, *arguments])


def _lines(result: Result) -> Iterator[Any]:
    return (json.loads(line) for line in result.stdout.splitlines())


def test_the_states_to_choose_from_are_the_contracts() -> None:
    assert [f"MESSAGE_STATE_{state}" for state in State] == MessageState.keys()[1:]


def test_send_passes_every_wish_on() -> None:
    outboxes = Outboxes()
    wishes = ("--queue", "--expires-in", "1h30m", "--allow-duplicate", "--request-id", "r-1")
    result = _call(outboxes, "send", "norte", "+521", "Hola", *wishes)
    assert result.exit_code == 0
    (request,) = outboxes.sent
    assert request.delivery == Delivery.DELIVERY_QUEUE
    assert request.expires_in.ToTimedelta() == timedelta(minutes=90)
    assert (request.allow_duplicate, request.request_id) == (True, "r-1")
    assert "QUEUED" in result.stdout
    assert result.stderr == "botmesh: it goes on by itself: botmesh message norte-1\n"


def test_send_without_wishes_leaves_them_to_the_botnode() -> None:
    outboxes = Outboxes()
    _call(outboxes, "send", "norte", "+521", "Hola")
    (request,) = outboxes.sent
    assert request.delivery == Delivery.DELIVERY_UNSPECIFIED
    assert not request.HasField("expires_in")
    assert not request.allow_duplicate


@pytest.mark.parametrize(
    "wrong",
    [
        ("send", "norte", "+521", "Hola", "--expires-in", "soon"),
        ("send", "norte", "+521", "Hola", "--expires-in", "15"),
        ("send", "norte", "+521", "Hola", "--expires-in", "9" * 30 + "d"),
        ("messages", "norte", "--state", "LOST"),
        ("messages", "norte", "--since", "yesterday"),
        ("messages", "norte", "--before", "9" * 9 + "d"),
        ("messages", "norte", "--limit", "-1"),
    ],
)
def test_a_wrong_option_is_wrong_usage(wrong: tuple[str, ...]) -> None:
    result = _call(Outboxes(), *wrong)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            MeshError(Reason.SEND_OUTCOME_UNKNOWN, "cut", metadata={"request_id": "r-1"}),
            "see what became of it: botmesh message r-1",
        ),
        (
            MeshError(Reason.MESSAGE_EXPIRED, "late", metadata={"message_id": "m-1"}),
            "see what became of it: botmesh message m-1",
        ),
        (
            MeshError(Reason.SESSION_NOT_PAIRED, "not paired", metadata={"tenant_id": "norte"}),
            "pair it: botmesh qr norte",
        ),
    ],
)
def test_a_refused_send_says_what_to_do(error: MeshError, advice: str) -> None:
    result = _call(Outboxes(error=error), "send", "norte", "+521", "Hola")
    assert result.stderr.splitlines() == [
        f"botmesh: {error.message} ({error.reason})",
        f"botmesh: {advice}",
    ]


def test_a_send_without_an_answer_says_where_to_ask() -> None:
    class Broken(Outboxes):
        def SendMessage(self, request: SendMessageRequest, context: Any) -> SendMessageResponse:
            self.sent.append(request)
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            raise AssertionError

    outboxes = Broken()
    result = _call(outboxes, "send", "norte", "+521", "Hola")
    assert result.exit_code == 3
    assert "went away before it answered" in result.stderr
    (request,) = outboxes.sent
    assert f"it may have been sent: botmesh message {request.request_id}\n" in result.stderr
    result = CliRunner().invoke(app, ["--gateway", "127.0.0.1:1", "send", "a", "+521", "Hola"])
    assert result.exit_code == 3
    assert "may have been sent" not in result.stderr


def test_messages_are_a_table_newest_first_and_tell_that_there_are_more() -> None:
    result = _call(Outboxes(count=700), "messages", "norte", "--limit", "2")
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["accepted", "state", "to", "message", "id", "text"]
    assert [row.split()[:4] for row in rows] == [
        ["2026-01-01T00:11:40Z", "QUEUED", "+5215587654321", "norte-700"],
        ["2026-01-01T00:11:39Z", "QUEUED", "+5215587654321", "norte-699"],
    ]
    assert rows[0].rstrip().endswith(r"text 700\nline 2")
    assert "there are older ones" in result.stderr


@pytest.mark.parametrize(("limit", "count"), [("0", 1200), ("600", 600), ("1200", 1200)])
def test_pages_are_turned_by_the_command(limit: str, count: int) -> None:
    outboxes = Outboxes(count=1200)
    result = _call(outboxes, "--json", "messages", "norte", "--limit", limit)
    found = [line["message_id"] for line in _lines(result)]
    assert found == [f"norte-{number}" for number in range(1200, 1200 - count, -1)]
    assert ("older" in result.stderr) == (count < 1200)
    assert len(outboxes.listed) > 1


def test_messages_are_asked_for_as_the_options_say() -> None:
    outboxes = Outboxes()
    options = ("--state", "failed", "--state", "UNKNOWN", "--to", "+52 1", "--since", "1h")
    before = datetime.now(UTC)
    result = _call(outboxes, "messages", "norte", *options, "--before", "2026-11-22 13:00+01:00")
    assert result.exit_code == 0
    (request,) = outboxes.listed
    assert list(request.states) == [
        MessageState.MESSAGE_STATE_FAILED,
        MessageState.MESSAGE_STATE_UNKNOWN,
    ]
    assert request.to == "+52 1"
    since = request.create_time_from.ToDatetime(tzinfo=UTC)
    assert before <= since + timedelta(hours=1) <= datetime.now(UTC)
    assert request.create_time_before.ToJsonString() == "2026-11-22T12:00:00Z"
    assert request.page_size == 51


def test_a_messages_timeline() -> None:
    result = _call(Outboxes(), "message", "norte-1", "--tenant", "norte")
    assert result.exit_code == 0
    *record, header, queued, failed = result.stdout.splitlines()
    assert {"tenant", "message", "request", "content"} <= {
        line.split()[0] for line in record if line
    }
    assert header.split() == ["time", "state", "attempts", "event", "reason"]
    assert queued.split()[1:] == ["QUEUED", "7"]
    assert failed.split()[1:] == ["FAILED", "(undecrypted)", "1", "9", "RATE_LIMITED:", "slowly"]


@pytest.mark.parametrize("key", ["sur-1", "request-1"])
def test_a_message_is_found_by_either_id(key: str) -> None:
    result = _call(Outboxes(), "--json", "message", key, "--tenant", "sur")
    (found,) = _lines(result)
    assert found["message"]["message_id"] == "sur-1"
    assert [step["sequence"] for step in found["timeline"]] == ["7", "9"]


def test_a_message_of_a_tenant_that_has_it_not() -> None:
    result = _call(Outboxes(), "message", "sur-1", "--tenant", "norte")
    assert result.exit_code == 1
    assert "MESSAGE_NOT_FOUND" in result.stderr


def test_a_message_is_looked_for_everywhere_and_nobody_is_waited_for_in_vain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(message_search, "EACH_S", 60.0)
    tenants = (*TENANTS, "hangs")
    result = _call(Outboxes(), "--json", "message", "sur-1", tenants=tenants)
    assert [found["message"]["tenant_id"] for found in _lines(result)] == ["sur"]
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_request_id_of_several_tenants_is_shown_for_each() -> None:
    result = _call(Outboxes(), "--json", "message", "request-1")
    assert {found["message"]["tenant_id"] for found in _lines(result)} == {"norte", "sur"}
    assert result.stderr == "botmesh: not asked: stopped (TENANT_STOPPED)\n"
    assert result.exit_code == 0


def test_a_message_that_nobody_has() -> None:
    result = _call(Outboxes(), "message", "nowhere", tenants=("norte", "sur"))
    assert result.exit_code == 1
    assert "MESSAGE_NOT_FOUND" in result.stderr
    result = _call(Outboxes(), "message", "nowhere", tenants=())
    assert result.exit_code == 1


def test_who_could_not_be_asked_for_a_message_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_search, "EACH_S", 0.2)
    tenants = (*TENANTS, "hangs")
    result = _call(Outboxes(), "message", "nowhere", tenants=tenants)
    assert result.exit_code == 3
    assert "hangs (DEADLINE_EXCEEDED), stopped (TENANT_STOPPED)" in result.stderr
    (error,) = _lines(_call(Outboxes(), "--json", "message", "nowhere", tenants=TENANTS))
    assert error["error"]["metadata"] == {"stopped": "TENANT_STOPPED"}


@pytest.mark.parametrize("key", ["sur-1", "request-1"])
def test_cancel_takes_either_id(key: str) -> None:
    outboxes = Outboxes()
    result = _call(outboxes, "cancel", "sur", key)
    assert outboxes.cancelled == ["sur-1"]
    assert "MESSAGE_CANCELLED" in result.stdout
