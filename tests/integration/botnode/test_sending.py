"""SendMessage: accepted, joined, answered, refused."""

import asyncio
import dataclasses
import sqlite3
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2, message_pb2
from botnode import outbox as outbox_module
from botnode import patience as patience_module
from botnode.message import Delivery
from botnode.ports import (
    Connected,
    Disconnected,
    LoggedOut,
    Receipt,
    ReceiptKind,
    SendError,
    TemporaryBan,
)
from botnode.states import SessionState
from tests.integration.botnode.conftest import Node, error_of, eventually
from tests.integration.botnode.fake_whatsapp import ACCOUNT
from tests.integration.botnode.held import Held

SENT = message_pb2.MESSAGE_STATE_SENT
SENDING = message_pb2.MESSAGE_STATE_SENDING
QUEUED = message_pb2.MESSAGE_STATE_QUEUED


async def test_sent(node: Node) -> None:
    message = await node.send("hola", "+52 55 1234 5678")
    assert message.state == SENT
    assert message.whatsapp_id.startswith("3EB0")
    assert message.content.text.body == "hola"
    assert message.tenant_id == "shop"
    assert uuid.UUID(message.message_id)
    assert uuid.UUID(message.request_id)
    assert message.sent_time.seconds > 0
    assert node.whatsapp.sent == [("525512345678@s.whatsapp.net", "hola")]


async def test_every_attempt_has_a_secret_that_was_stored_first(node: Node) -> None:
    stored: list[bytes] = []

    def answer(_to: str, _text: str) -> str:
        stored.extend(secret for (secret,) in _rows(node, "SELECT message_secret FROM messages"))
        return "3EB0"

    node.whatsapp.answer = answer
    await node.send()
    assert stored == node.whatsapp.secrets
    assert len(stored[0]) == 32


async def test_one_request_is_one_message(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    request_id = str(uuid.uuid4())
    calls = [asyncio.ensure_future(node.send(request_id=request_id)) for _ in range(5)]
    await eventually(lambda: node.whatsapp.sent)
    held.go()
    messages = await asyncio.gather(*calls)
    assert {message.message_id for message in messages} == {messages[0].message_id}
    assert {message.state for message in messages} == {SENT}
    later = await node.send(request_id=request_id)
    assert later.message_id == messages[0].message_id
    assert len(node.whatsapp.sent) == 1


async def test_a_request_id_in_metadata(node: Node) -> None:
    passed = {"botmesh-request-id": "from-the-gateway"}
    message = await node.send(metadata=passed)
    assert message.request_id == "from-the-gateway"
    again = await node.send(request_id="from-the-gateway")
    assert again.message_id == message.message_id
    error = await error_of(node.send(request_id="another", metadata=passed))
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["request_id"]


async def test_one_uuid_in_two_spellings_is_one(node: Node) -> None:
    request_id = str(uuid.uuid4())
    first = await node.send(request_id=request_id)
    again = await node.send(request_id=f"{{{request_id.upper()}}}")
    assert (again.message_id, again.request_id) == (first.message_id, request_id)


@pytest.mark.parametrize("change", [{"text": "adiós"}, {"to": "+525512345679"}])
async def test_one_request_id_for_two_messages(node: Node, change: dict[str, str]) -> None:
    first = await node.send(request_id="one")
    error = await error_of(node.send(request_id="one", **change))
    assert error.reason is Reason.REQUEST_ID_REUSED
    assert error.metadata["message_id"] == first.message_id


async def test_one_recipient_in_two_spellings_is_one(node: Node) -> None:
    first = await node.send(to="+52 (55) 1234-5678", request_id="one")
    again = await node.send(to="525512345678@s.whatsapp.net", request_id="one")
    assert again.message_id == first.message_id


@pytest.mark.parametrize(
    ("request_part", "field"),
    [
        ({"text": ""}, "content.text.body"),
        ({"text": " \n\t "}, "content.text.body"),
        ({"text": "x" * 65_537}, "content.text.body"),
        ({"request_id": "x" * 129}, "request_id"),
        ({"request_id": "\x1b[31m"}, "request_id"),
        ({"request_id": " "}, "request_id"),
        ({"tenant_id": "NOT A TENANT"}, "tenant_id"),
        ({"tenant_id": ""}, "tenant_id"),
        ({"to": ""}, "to"),
        ({"to": "no number"}, "to"),
    ],
)
async def test_bad_requests(node: Node, request_part: dict[str, str], field: str) -> None:
    error = await error_of(node.send(**request_part))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in error.violations] == [field]
    assert not node.whatsapp.sent


async def test_the_longest_text(node: Node) -> None:
    text = "ñ" * 65_536
    await node.send(text)
    assert node.whatsapp.sent[0][1] == text


async def test_no_content(node: Node) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        await node.stub.SendMessage(
            bot_pb2.SendMessageRequest(tenant_id="shop", to="+525512345678"),
            metadata=node.metadata,
        )
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("server returned error 429", Reason.RATE_LIMITED),
        ("server returned error 463", Reason.REACH_OUT_LOCKED),
        ("timed out waiting for message send response", Reason.SEND_OUTCOME_UNKNOWN),
        ("something nobody has seen", Reason.SEND_OUTCOME_UNKNOWN),
    ],
)
async def test_a_failed_send_fails_the_same_way_again(
    node: Node, text: str, reason: Reason
) -> None:
    def answer(_to: str, _text: str) -> str:
        raise SendError(text)

    node.whatsapp.answer = answer
    first = await error_of(node.send(request_id="one"))
    second = await error_of(node.send(request_id="one"))
    assert first.reason is second.reason is reason
    assert first.metadata["message_id"] == second.metadata["message_id"]
    assert len(node.whatsapp.sent) == 1  # nothing repeats it


def _fail_once(node: Node, text: str) -> None:
    failures = iter([text])

    def answer(_to: str, _text: str) -> str:
        for failure in failures:
            raise SendError(failure)
        return "3EB0AGAIN"

    node.whatsapp.answer = answer


async def test_a_request_may_come_again_when_whatsapp_had_enough(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_once(node, "server returned error 429")
    for _ in range(2):  # too early: nothing is sent
        error = await error_of(node.send(request_id="one"))
        assert error.reason is Reason.RATE_LIMITED
        assert error.retry_after is not None
        assert 50 < error.retry_after.total_seconds() <= 60
    assert len(node.whatsapp.sent) == 1
    monkeypatch.setattr(outbox_module, "ASK_AGAIN_AFTER_RATE_LIMIT", outbox_module.timedelta(0))
    calls = [node.send(request_id="one") for _ in range(5)]
    messages = await asyncio.gather(*calls)
    assert {message.state for message in messages} == {SENT}
    assert {message.message_id for message in messages} == {error.metadata["message_id"]}
    assert len(node.whatsapp.sent) == 2
    assert len(set(node.whatsapp.secrets)) == 2
    events = await node.events(2 + 6)
    states = [e.message_state_changed.state for e in events if e.HasField("message_state_changed")]
    assert states == [1, 2, 7, 1, 2, 4]


async def test_another_content_is_refused_also_where_a_request_may_come_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "ASK_AGAIN_AFTER_RATE_LIMIT", outbox_module.timedelta(0))
    _fail_once(node, "server returned error 429")
    await error_of(node.send(request_id="one"))
    error = await error_of(node.send("adiós", request_id="one"))
    assert error.reason is Reason.REQUEST_ID_REUSED


@pytest.mark.parametrize("text", ["server returned error 463", "something nobody has seen"])
async def test_a_request_cannot_come_again_where_that_changes_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(outbox_module, "ASK_AGAIN_AFTER", outbox_module.timedelta(0))
    _fail_once(node, text)
    for _ in range(2):
        assert (await error_of(node.send(request_id="one"))).retry_after is None
    assert len(node.whatsapp.sent) == 1


async def test_answers_before_the_deadline_with_what_there_is(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    began = time.monotonic()
    first = await node.send("uno", timeout=0.4)
    assert time.monotonic() - began < 0.4
    assert first.state == SENDING
    second = await node.send("dos", timeout=0.4)
    assert second.state == QUEUED
    assert (await node.session()).state  # other calls are not held up
    held.go()
    again = await node.send("dos", request_id=second.request_id)
    assert again.state == SENT


async def test_messages_go_out_in_the_order_of_acceptance(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    calls = []
    for number in range(20):
        calls.append(asyncio.ensure_future(node.send(f"{number}")))
        await eventually(lambda count=number: _accepted(node) == count + 1)
    held.go()
    await asyncio.gather(*calls)
    assert [text for _, text in node.whatsapp.sent] == [f"{number}" for number in range(20)]


def _rows(node: Node, query: str) -> list[Any]:
    """What another reader sees in node.db."""
    connection = sqlite3.connect(node.folder.node_db)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _accepted(node: Node) -> int:
    return len(_rows(node, "SELECT message_id FROM messages"))


async def test_a_message_that_never_left_is_sent_again(node: Node) -> None:
    failures = iter(["failed to send message node: websocket not connected"])

    def answer(_to: str, _text: str) -> str:
        for text in failures:
            raise SendError(text)
        return "3EB0AGAIN"

    node.whatsapp.answer = answer
    message = await node.send()
    assert message.state == SENT
    assert len(node.whatsapp.sent) == 2
    assert len(set(node.whatsapp.secrets)) == 2  # each attempt can be told apart


async def test_a_queued_message_waits_for_the_line(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    first = asyncio.ensure_future(node.send("uno"))
    await eventually(lambda: node.whatsapp.sent)
    second = asyncio.ensure_future(node.send("dos"))
    await eventually(lambda: _accepted(node) == 2)
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)
    held.go()
    assert (await first).state == SENT
    await asyncio.sleep(0.05)
    assert len(node.whatsapp.sent) == 1
    node.whatsapp.say(Connected(ACCOUNT))
    assert (await second).state == SENT


async def test_a_message_for_now_does_not_wait_for_a_session_that_stays_away(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "GRACE_S", 0.1)
    held = node.whatsapp.answer = Held()
    first = asyncio.ensure_future(node.send("uno"))
    await eventually(lambda: node.whatsapp.sent)
    second = asyncio.ensure_future(error_of(node.send("dos", request_id="two")))
    await eventually(lambda: _accepted(node) == 2)
    node.whatsapp.login.clear()  # the next client does not get in
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)
    error = await second  # while the library still has the first
    assert error.reason is Reason.SESSION_DISCONNECTED
    assert error.retry_after is not None
    held.go()
    await first
    monkeypatch.setattr(outbox_module, "ASK_AGAIN_AFTER", outbox_module.timedelta(0))
    node.whatsapp.login.append(Connected(ACCOUNT))
    await node.until(SessionState.CONNECTED)
    again = await node.send("dos", request_id="two")
    assert again.state == SENT
    assert again.message_id == error.metadata["message_id"]


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (LoggedOut("by the phone"), Reason.SESSION_LOGGED_OUT),
        (TemporaryBan("too many", outbox_module.timedelta(hours=1)), Reason.ACCOUNT_BANNED),
    ],
)
async def test_what_waits_fails_when_the_session_ends(
    node: Node, signal: LoggedOut | TemporaryBan, reason: Reason
) -> None:
    held = node.whatsapp.answer = Held(
        "websocket disconnected before message send returned response"
    )
    first = asyncio.ensure_future(error_of(node.send("uno")))
    await eventually(lambda: node.whatsapp.sent)
    second = asyncio.ensure_future(error_of(node.send("dos")))
    await eventually(lambda: _accepted(node) == 2)
    node.whatsapp.stored = None
    node.whatsapp.say(signal)
    assert (await second).reason is reason
    if not isinstance(signal, LoggedOut):  # that deletes what could tell: it is unknown at once
        held.go()
    assert (await first).reason is Reason.SEND_OUTCOME_UNKNOWN
    held.go()
    error = await error_of(node.send("tres"))
    assert error.reason is reason
    assert "message_id" not in error.metadata  # nothing was accepted


async def test_a_session_that_just_starts_is_waited_for(make_node: Callable[..., Node]) -> None:
    node = await make_node().start()
    node.machine.adopt(ACCOUNT)
    await node.stop()
    node = make_node()
    starting = asyncio.ensure_future(node.start(ACCOUNT))
    await starting
    node.whatsapp.say(Disconnected())
    call = asyncio.ensure_future(node.send())
    await asyncio.sleep(0.05)
    node.whatsapp.say(Connected(ACCOUNT))
    assert (await call).state == SENT


async def test_a_line_that_is_down_for_long_is_not_waited_for(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "GRACE_S", 0.05)
    node.whatsapp.login.clear()
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)
    began = time.monotonic()
    error = await error_of(node.send(request_id="one"))
    assert time.monotonic() - began < 1
    assert error.reason is Reason.SESSION_DISCONNECTED
    assert error.retry_after is not None
    node.whatsapp.login.append(Connected(ACCOUNT))
    await node.until(SessionState.CONNECTED)
    assert (await node.send("algo más", request_id="one")).state == SENT  # the id is free


async def test_receipts_raise_the_message_and_are_events(node: Node) -> None:
    message = await node.send()
    ids = (message.whatsapp_id,)
    for kind in (ReceiptKind.DELIVERED, ReceiptKind.READ):
        receipt = Receipt(kind, ids, "1@lid", "1@lid", datetime.now(UTC))
        await asyncio.to_thread(node.whatsapp.inbox.receipt, receipt)
    again = await node.send(request_id=message.request_id)
    assert again.state == message_pb2.MESSAGE_STATE_READ
    events = await node.events(2 + 5)
    states = [e.message_state_changed.state for e in events if e.HasField("message_state_changed")]
    assert states == [1, 2, 4, 5, 6]
    assert [event.cursor.sequence for event in events] == list(range(1, 8))


async def test_a_crash_in_the_middle_of_a_send(
    make_node: Callable[..., Node], tmp_path: Path
) -> None:
    node = await make_node().start(ACCOUNT)
    held = node.whatsapp.answer = Held()
    call = asyncio.ensure_future(node.send(request_id="one"))
    await eventually(lambda: node.whatsapp.sent)
    await node.crash()
    with pytest.raises((MeshError, grpc.RpcError, asyncio.CancelledError)):
        await call
    second = await make_node().start(ACCOUNT)
    error = await error_of(second.send(request_id="one"))
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    assert not second.whatsapp.sent
    held.go()  # the old process wakes: its outcome is not written over the new owner's
    await asyncio.sleep(0.05)
    assert (await error_of(second.send(request_id="one"))).reason is Reason.SEND_OUTCOME_UNKNOWN


async def test_a_message_that_was_only_accepted_goes_out_after_a_crash(
    make_node: Callable[..., Node],
) -> None:
    node = await make_node().start(ACCOUNT)
    held = node.whatsapp.answer = Held()
    calls = [asyncio.ensure_future(node.send("uno"))]
    await eventually(lambda: node.whatsapp.sent)
    calls.append(asyncio.ensure_future(node.send("dos", request_id="two")))
    await eventually(lambda: _accepted(node) == 2)
    await node.crash()
    await asyncio.gather(*calls, return_exceptions=True)
    second = await make_node().start(ACCOUNT)
    assert (await second.send("dos", request_id="two")).state == SENT
    assert second.whatsapp.sent == [("525512345678@s.whatsapp.net", "dos")]
    held.go()


async def test_a_message_whose_time_is_over_does_not_go_out_after_a_crash(
    make_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await make_node().start(ACCOUNT)
    held = node.whatsapp.answer = Held()
    calls = [asyncio.ensure_future(node.send("uno"))]
    await eventually(lambda: node.whatsapp.sent)
    monkeypatch.setitem(outbox_module.EXPIRES_IN, Delivery.NOW, outbox_module.timedelta(0))
    calls.append(asyncio.ensure_future(node.send("dos", request_id="two")))
    await eventually(lambda: _accepted(node) == 2)
    await node.crash()
    await asyncio.gather(*calls, return_exceptions=True)
    second = await make_node().start(ACCOUNT)
    query = "SELECT state, reason FROM messages WHERE request_id = 'two'"
    failed = (message_pb2.MESSAGE_STATE_FAILED, Reason.MESSAGE_EXPIRED)
    await eventually(lambda: _rows(second, query) == [failed])
    assert not second.whatsapp.sent
    held.go()


async def test_a_stop_lets_the_callers_go_typed(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    call = asyncio.ensure_future(error_of(node.send()))
    await eventually(lambda: node.whatsapp.sent)
    began = time.monotonic()
    stopping = asyncio.ensure_future(node.stop(drain_s=0.1))
    assert (await call).reason is Reason.SHUTTING_DOWN
    await stopping
    assert time.monotonic() - began < 2
    held.go()


async def test_a_stop_waits_for_a_quick_send(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    call = asyncio.ensure_future(node.send())
    await eventually(lambda: node.whatsapp.sent)
    stopping = asyncio.ensure_future(node.stop(drain_s=3))
    await asyncio.sleep(0.05)
    held.go()
    assert (await call).state == SENT
    await stopping


async def test_a_full_queue(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_QUEUED", 1)
    held = node.whatsapp.answer = Held()
    calls = [asyncio.ensure_future(node.send("uno"))]
    await eventually(lambda: node.whatsapp.sent)
    calls.append(asyncio.ensure_future(node.send("dos")))
    await eventually(lambda: _accepted(node) == 2)
    error = await error_of(node.send("tres"))
    assert error.reason is Reason.QUEUE_FULL
    held.go()
    await asyncio.gather(*calls)


async def test_a_caller_who_goes_away_leaves_the_message_alone(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    call = asyncio.ensure_future(node.send(request_id="one"))
    await eventually(lambda: node.whatsapp.sent)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    held.go()
    assert (await node.send(request_id="one")).state == SENT
    assert len(node.whatsapp.sent) == 1
    assert not node.tenant.outbox._waiters


async def test_a_call_for_another_tenant_does_nothing(make_node: Callable[..., Node]) -> None:
    """Ports that were swapped, routes that are stale: nobody sends from another's number."""
    north = await make_node(tenant_id="north").start(ACCOUNT)
    south = await make_node(tenant_id="south").start(dataclasses.replace(ACCOUNT))
    for node, other in ((north, "south"), (south, "north")):
        error = await error_of(node.send(tenant_id=other))
        assert error.reason is Reason.WRONG_BOTNODE
    wrong = {"botmesh-tenant-id": "south"}, {"botmesh-mesh": "production"}
    for metadata in wrong:
        assert (await error_of(north.send(metadata=metadata))).reason is Reason.WRONG_BOTNODE
    assert not north.whatsapp.sent
    assert not south.whatsapp.sent
    right = {"botmesh-tenant-id": "north", "botmesh-mesh": "test"}
    assert (await north.send(metadata=right)).state == SENT
    assert (await north.send(tenant_id="", metadata=right)).state == SENT
