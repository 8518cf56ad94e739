"""The outbox's options: waiting for the session, expiring, taking back, sending once more."""

import asyncio
import base64
import dataclasses
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2, message_pb2
from botnode import outbox as outbox_module
from botnode import patience as patience_module
from botnode import pump as pump_module
from botnode.clock import now
from botnode.outbox import SendCommand
from botnode.ports import (
    CaughtUp,
    Connected,
    Disconnected,
    KeepAliveRestored,
    KeepAliveTimeout,
    LoggedOut,
    Receipt,
    ReceiptKind,
    SendError,
    TemporaryBan,
)
from botnode.states import SessionState
from tests.integration.botnode.conftest import Node, error_of, eventually, typed_errors
from tests.integration.botnode.fake_whatsapp import ACCOUNT
from tests.integration.botnode.held import Held

QUEUE = message_pb2.DELIVERY_QUEUE
QUEUED = message_pb2.MESSAGE_STATE_QUEUED
SENDING = message_pb2.MESSAGE_STATE_SENDING
UNKNOWN = message_pb2.MESSAGE_STATE_UNKNOWN
SENT = message_pb2.MESSAGE_STATE_SENT
DELIVERED = message_pb2.MESSAGE_STATE_DELIVERED
FAILED = message_pb2.MESSAGE_STATE_FAILED
TEXT = message_pb2.MessageContent(text=message_pb2.TextContent(body="uno")).SerializeToString()
ANOTHER = dataclasses.replace(ACCOUNT, jid="5215587654321:1@s.whatsapp.net")


async def get(node: Node, **key: str) -> bot_pb2.GetMessageResponse:
    request = bot_pb2.GetMessageRequest(tenant_id="shop", **key)
    with typed_errors():
        return await node.stub.GetMessage(request, metadata=node.metadata, timeout=5)


async def list_messages(node: Node, **more: Any) -> bot_pb2.ListMessagesResponse:
    request = bot_pb2.ListMessagesRequest(tenant_id="shop", **more)
    with typed_errors():
        return await node.stub.ListMessages(request, metadata=node.metadata, timeout=5)


async def cancel(node: Node, message_id: str) -> message_pb2.Message:
    request = bot_pb2.CancelMessageRequest(tenant_id="shop", message_id=message_id)
    with typed_errors():
        answer = await node.stub.CancelMessage(request, metadata=node.metadata, timeout=5)
    return answer.message


async def state_of(node: Node, message_id: str) -> int:
    return (await get(node, message_id=message_id)).message.state


async def until_state(node: Node, message_id: str, state: int) -> message_pb2.Message:
    async with asyncio.timeout(5):
        while True:
            found = (await get(node, message_id=message_id)).message
            if found.state == state:
                return found
            await asyncio.sleep(0.01)


async def until_accepted(node: Node, count: int) -> None:
    async with asyncio.timeout(5):
        while True:
            if len((await list_messages(node)).messages) == count:
                return
            await asyncio.sleep(0.01)


async def go_down(node: Node) -> None:
    node.whatsapp.login.clear()  # the next client does not get in
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)


async def come_back(node: Node) -> None:
    node.whatsapp.login.append(Connected(ACCOUNT))
    if node.whatsapp.sink is not None:
        node.whatsapp.say(Connected(ACCOUNT))
    await node.until(SessionState.CONNECTED)


# -- QUEUE


async def test_a_message_may_wait_for_the_session(node: Node) -> None:
    await go_down(node)
    waiting = await node.send("uno", delivery=QUEUE)  # at once, not at the deadline
    assert waiting.state == QUEUED
    assert waiting.delivery == QUEUE
    until = waiting.expire_time.ToDatetime() - waiting.create_time.ToDatetime()
    assert until == timedelta(hours=24)
    again = await node.send("uno", delivery=QUEUE, request_id=waiting.request_id)
    assert again.message_id == waiting.message_id
    await come_back(node)
    await until_state(node, waiting.message_id, SENT)
    assert len(node.whatsapp.sent) == 1


async def test_a_caller_who_waits_is_let_go_when_the_session_is_lost(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    first = asyncio.ensure_future(node.send("uno", delivery=QUEUE, timeout=30))
    await eventually(lambda: node.whatsapp.sent)
    second = asyncio.ensure_future(node.send("dos", delivery=QUEUE, timeout=30))
    await eventually(lambda: len(node.tenant.outbox._waiters) == 2)
    await go_down(node)
    assert (await second).state == QUEUED
    assert not first.done()  # the library has it: its outcome comes
    held.go()
    assert (await first).state == SENT


async def test_it_waits_for_the_outcome_while_the_session_is_up(node: Node) -> None:
    assert (await node.send("uno", delivery=QUEUE)).state == SENT


async def test_a_tenant_without_an_account_queues_nothing(unpaired: Node) -> None:
    error = await error_of(unpaired.send("uno", delivery=QUEUE))
    assert error.reason is Reason.SESSION_NOT_PAIRED
    assert (await list_messages(unpaired)).messages == []


async def test_a_ban_is_waited_for_by_whoever_may(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    sends = [asyncio.ensure_future(node.send("uno"))]
    await eventually(lambda: node.whatsapp.sent)
    sends.append(asyncio.ensure_future(error_of(node.send("dos"))))
    sends.append(asyncio.ensure_future(node.send("tres", delivery=QUEUE)))
    await eventually(lambda: len(node.tenant.outbox._waiters) == 3)
    node.whatsapp.say(TemporaryBan("too many", timedelta(hours=1)))
    assert (await sends[1]).reason is Reason.ACCOUNT_BANNED
    waiting = await sends[2]
    assert waiting.state == QUEUED
    also = await node.send("cuatro", delivery=QUEUE)
    assert also.state == QUEUED
    assert (await error_of(node.send("cinco"))).reason is Reason.ACCOUNT_BANNED
    held.go()
    await sends[0]


async def test_429_puts_a_message_that_may_wait_back(node: Node) -> None:
    def answer(_to: str, text: str) -> str:
        if text == "uno":
            raise SendError("server returned error 429")
        return "3EB0"

    node.whatsapp.answer = answer
    waiting = await node.send("uno", delivery=QUEUE)
    assert (waiting.state, waiting.reason, waiting.attempts) == (QUEUED, "RATE_LIMITED", 1)
    behind = await node.send("dos", delivery=QUEUE, timeout=0.5)
    assert behind.state == QUEUED  # the same recipient's later messages stay behind it
    assert (await node.send("tres", "+525587654321")).state == SENT
    assert (await error_of(node.send("uno", "+525500000001"))).reason is Reason.RATE_LIMITED


async def test_a_request_is_bound_to_its_options(node: Node) -> None:
    request_id = str(uuid.uuid4())
    await node.send("uno", request_id=request_id)
    await node.send("uno", request_id=request_id, delivery=message_pb2.DELIVERY_NOW)
    for other in ({"delivery": QUEUE}, {"allow_duplicate": True}, {"expires_in": "90s"}):
        error = await error_of(node.send("uno", request_id=request_id, **_options(other)))
        assert error.reason is Reason.REQUEST_ID_REUSED


def _options(values: dict[str, Any]) -> dict[str, Any]:
    if "expires_in" in values:
        return {"expires_in": timedelta(seconds=90)}
    return values


# -- expiry


async def test_a_message_that_waited_too_long_fails(node: Node) -> None:
    await go_down(node)
    waiting = await node.send("uno", delivery=QUEUE, expires_in=timedelta(seconds=1))
    failed = await until_state(node, waiting.message_id, FAILED)
    assert failed.reason == "MESSAGE_EXPIRED"
    error = await error_of(
        node.send(
            "uno",
            delivery=QUEUE,
            expires_in=timedelta(seconds=1),
            request_id=waiting.request_id,
        )
    )
    assert error.reason is Reason.MESSAGE_EXPIRED
    await come_back(node)
    assert not node.whatsapp.sent


async def test_it_expires_while_the_library_is_busy(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    first = asyncio.ensure_future(node.send("uno"))
    await eventually(lambda: node.whatsapp.sent)
    error = await error_of(node.send("dos", expires_in=timedelta(seconds=1)))
    assert error.reason is Reason.MESSAGE_EXPIRED
    held.go()
    await first


# -- cancelling


async def test_a_waiting_message_is_taken_back(node: Node) -> None:
    held = node.whatsapp.answer = Held()
    first = asyncio.ensure_future(node.send("uno", request_id="one"))
    await eventually(lambda: node.whatsapp.sent)
    second = asyncio.ensure_future(error_of(node.send("dos", request_id="two")))
    await until_accepted(node, 2)
    ids = {m.content.text.body: m.message_id for m in (await list_messages(node)).messages}
    cancelled = await cancel(node, ids["dos"])
    assert (cancelled.state, cancelled.reason) == (FAILED, "MESSAGE_CANCELLED")
    assert (await cancel(node, ids["dos"])) == cancelled
    error = await second
    assert error.reason is Reason.MESSAGE_CANCELLED
    assert error.metadata["message_id"] == ids["dos"]
    busy = await error_of(cancel(node, ids["uno"]))
    assert busy.reason is Reason.MESSAGE_NOT_CANCELLABLE
    assert busy.metadata["state"] == "SENDING"
    held.go()
    await first
    assert (await error_of(cancel(node, ids["uno"]))).metadata["state"] == "SENT"
    assert [text for _, text in node.whatsapp.sent] == ["uno"]


# -- looking


async def test_a_message_by_its_ids_with_its_timeline(node: Node) -> None:
    sent = await node.send("uno", request_id="one")
    receipt = Receipt(ReceiptKind.RETRY, (sent.whatsapp_id,), "1@lid", "1@lid", now())
    await asyncio.to_thread(node.whatsapp.inbox.receipt, receipt)
    read = dataclasses.replace(receipt, kind=ReceiptKind.READ)
    found = await get(node, request_id="one")
    assert found.message.undecrypted
    await asyncio.to_thread(node.whatsapp.inbox.receipt, read)
    found = await get(node, message_id=sent.message_id)
    assert found.message.message_id == sent.message_id
    assert not found.message.undecrypted
    steps = [(step.state, step.attempts, step.undecrypted) for step in found.timeline]
    assert steps == [
        (QUEUED, 0, False),
        (SENDING, 1, False),
        (SENT, 1, False),
        (SENT, 1, True),
        (message_pb2.MESSAGE_STATE_READ, 1, False),
    ]
    sequences = [step.sequence for step in found.timeline]
    assert sequences == sorted(sequences)
    kinds = [event.WhichOneof("kind") for event in await node.events(7)]
    assert kinds.count("message_decryption_changed") == 1


@pytest.mark.parametrize("key", [{"message_id": "no-such"}, {"request_id": "no-such"}])
async def test_no_such_message(node: Node, key: dict[str, str]) -> None:
    assert (await error_of(get(node, **key))).reason is Reason.MESSAGE_NOT_FOUND
    if "message_id" in key:
        assert (await error_of(cancel(node, **key))).reason is Reason.MESSAGE_NOT_FOUND


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ({}, "message_id"),
        ({"message_id": "x" * 129}, "message_id"),
        ({"request_id": ""}, "request_id"),
    ],
)
async def test_bad_keys(node: Node, key: dict[str, str], field: str) -> None:
    error = await error_of(get(node, **key))
    assert [violation.field for violation in error.violations] == [field]


async def test_pages(node: Node) -> None:
    for number in range(5):
        await node.send(f"{number}", "+525512345678" if number % 2 else "+525587654321")
    seen: list[str] = []
    token = ""
    while True:
        page = await list_messages(node, page_size=2, page_token=token)
        assert len(page.messages) <= 2
        seen += [message.content.text.body for message in page.messages]
        if not (token := page.next_page_token):
            break
    assert sorted(seen) == ["0", "1", "2", "3", "4"]
    everything = (await list_messages(node)).messages
    times = [message.create_time.ToNanoseconds() for message in everything]
    assert times == sorted(times, reverse=True)
    assert [message.content.text.body for message in everything] == seen


async def test_filters(node: Node) -> None:
    node.whatsapp.answer = _fail_second
    first = await node.send("uno")
    await error_of(node.send("dos", "+525587654321"))
    failed = (await list_messages(node, states=[FAILED])).messages
    assert [message.content.text.body for message in failed] == ["dos"]
    to_first = (await list_messages(node, to="+52 55 1234 5678")).messages
    assert [message.content.text.body for message in to_first] == ["uno"]
    since = (await list_messages(node, create_time_from=first.create_time)).messages
    assert len(since) == 2
    assert not (await list_messages(node, create_time_before=first.create_time)).messages


def _fail_second(_to: str, text: str) -> str:
    if text == "dos":
        raise SendError("server returned error 463")
    return f"3EB0{text}"


def token(content: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    ("request_part", "field"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_token": "garbage!"}, "page_token"),
        ({"page_token": "W10="}, "page_token"),
        ({"page_token": "eyJhIjoxfQ=="}, "page_token"),
        ({"page_token": token([10**30, "m", ""])}, "page_token"),
        ({"page_token": token([float("inf"), "m", ""])}, "page_token"),
        ({"page_token": token([True, "m", ""])}, "page_token"),
        ({"page_token": base64.urlsafe_b64encode(b"[" * 300).decode()}, "page_token"),
        ({"page_token": "A" * 10_000}, "page_token"),
        ({"states": [99]}, "states"),
        ({"states": [0]}, "states"),
        ({"to": "nobody"}, "to"),
    ],
)
async def test_bad_lists(node: Node, request_part: dict[str, Any], field: str) -> None:
    error = await error_of(list_messages(node, **request_part))
    assert [violation.field for violation in error.violations] == [field]


async def test_a_page_fits_into_an_answer(node: Node) -> None:
    await go_down(node)
    for _ in range(25):
        await node.send("語" * 65_000, delivery=QUEUE)
    seen, page_token = 0, ""
    while True:
        page = await list_messages(node, page_size=500, page_token=page_token)
        seen += len(page.messages)
        if not (page_token := page.next_page_token):
            break
    assert seen == 25


async def test_a_token_is_of_its_list(node: Node) -> None:
    await node.send("uno")
    await node.send("dos")
    page = await list_messages(node, page_size=1)
    error = await error_of(
        list_messages(node, page_size=1, page_token=page.next_page_token, states=[SENT])
    )
    assert [violation.field for violation in error.violations] == ["page_token"]


@pytest.mark.parametrize(
    ("request_part", "field"),
    [
        ({"delivery": 9}, "delivery"),
        ({"expires_in": timedelta(0)}, "expires_in"),
        ({"expires_in": timedelta(days=8)}, "expires_in"),
        ({"expires_in": timedelta(seconds=-1)}, "expires_in"),
    ],
)
async def test_bad_options(node: Node, request_part: dict[str, Any], field: str) -> None:
    error = await error_of(node.send("uno", **request_part))
    assert [violation.field for violation in error.violations] == [field]
    assert not (await list_messages(node)).messages


# -- once more


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump_module, "DUPLICATE_AFTER_S", 0.1)


CUT = "websocket disconnected before message send returned response"


async def _cut(node: Node, **options: Any) -> str:
    def answer(_to: str, _text: str) -> str:
        raise SendError(CUT)

    node.whatsapp.answer = answer
    error = await error_of(node.send("uno", **options))
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    node.whatsapp.answer = lambda _to, _text: "3EB0SECOND"
    return error.metadata["message_id"]


@pytest.mark.usefixtures("soon")
async def test_a_message_is_sent_once_more_where_that_is_allowed(node: Node) -> None:
    message_id = await _cut(node, allow_duplicate=True)
    await go_down(node)
    node.whatsapp.catches_up = False
    await come_back(node)
    assert (await state_of(node, message_id)) == UNKNOWN
    node.whatsapp.say(CaughtUp())
    sent = await until_state(node, message_id, SENT)
    assert (sent.attempts, sent.whatsapp_id, len(node.whatsapp.sent)) == (2, "3EB0SECOND", 2)


@pytest.mark.usefixtures("soon")
async def test_nothing_is_sent_twice_without_leave(node: Node) -> None:
    message_id = await _cut(node)
    allowed = await _cut(node, allow_duplicate=True)
    node.whatsapp.say(CaughtUp())
    await until_state(node, allowed, SENT)
    assert (await state_of(node, message_id)) == UNKNOWN
    assert len(node.whatsapp.sent) == 3


@pytest.mark.usefixtures("soon")
async def test_a_receipt_saves_the_second_attempt(node: Node) -> None:
    message_id = await _cut(node, allow_duplicate=True)
    _name(node, message_id, "3EB0FIRST")
    receipt = Receipt(ReceiptKind.DELIVERED, ("3EB0FIRST",), "1@lid", "1@lid", now())
    await asyncio.to_thread(node.whatsapp.inbox.receipt, receipt)
    other = await _cut(node, allow_duplicate=True)
    node.whatsapp.say(CaughtUp())
    await until_state(node, other, SENT)
    assert (await state_of(node, message_id)) == DELIVERED
    assert len(node.whatsapp.sent) == 3


def _name(node: Node, message_id: str, whatsapp_id: str) -> None:
    def work(tx: Any) -> None:
        tx.connection.exec_driver_sql(
            "UPDATE messages SET whatsapp_id = ? WHERE message_id = ?", (whatsapp_id, message_id)
        )

    node.tenant._store.write_and_wait(work)


@pytest.mark.usefixtures("soon")
async def test_a_second_attempt_that_is_cut_is_the_last(node: Node) -> None:
    message_id = await _cut(node, allow_duplicate=True)

    def answer(_to: str, _text: str) -> str:
        raise SendError(CUT)

    node.whatsapp.answer = answer
    node.whatsapp.say(CaughtUp())
    await eventually(lambda: len(node.whatsapp.sent) == 2)
    node.whatsapp.answer = lambda _to, _text: "3EB0"
    other = await _cut(node, allow_duplicate=True)
    await until_state(node, other, SENT)
    found = await get(node, message_id=message_id)
    assert (found.message.state, found.message.attempts) == (UNKNOWN, 2)


# -- accounts


async def test_what_waits_for_one_account_never_goes_out_from_another(
    make_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience_module, "GRACE_S", 60)
    node = await make_node().start(ACCOUNT)
    await go_down(node)
    waiting = await node.send("uno", delivery=QUEUE)
    await node.stop()
    second = await make_node().start(ANOTHER)
    failed = await until_state(second, waiting.message_id, FAILED)
    assert failed.reason == "ACCOUNT_CHANGED"
    assert not second.whatsapp.sent


async def test_what_waits_outlives_a_log_out(node: Node) -> None:
    await go_down(node)
    waiting = await node.send("uno", delivery=QUEUE)
    node.whatsapp.stored = None
    node.whatsapp.say(LoggedOut("by the phone"))
    await node.until(SessionState.LOGGED_OUT)
    error = await error_of(node.send("dos", delivery=QUEUE))
    assert error.reason is Reason.SESSION_LOGGED_OUT
    assert (await state_of(node, waiting.message_id)) == QUEUED
    steps = node.stream_qr()
    watching = asyncio.ensure_future(anext(steps))
    await node.until(SessionState.PAIRING)
    node.whatsapp.show("2@code")
    await watching
    node.whatsapp.scan()  # the same account again
    await node.until(SessionState.CONNECTED)
    await until_state(node, waiting.message_id, SENT)
    await steps.aclose()


# -- the line


async def test_the_first_send_waits_until_the_session_has_caught_up(node: Node) -> None:
    await go_down(node)
    node.whatsapp.catches_up = False
    await come_back(node)
    call = asyncio.ensure_future(node.send("uno"))
    await until_accepted(node, 1)
    assert not node.whatsapp.sent
    node.whatsapp.say(CaughtUp())
    assert (await call).state == SENT


async def test_it_does_not_wait_for_ever(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump_module, "SETTLE_S", 0.2)
    await go_down(node)
    node.whatsapp.catches_up = False
    await come_back(node)
    assert (await node.send("uno")).state == SENT


async def test_a_refusal_after_the_line_was_lost_may_be_of_the_second_frame(node: Node) -> None:
    held = node.whatsapp.answer = Held("server returned error 479")
    call = asyncio.ensure_future(error_of(node.send("uno")))
    await eventually(lambda: node.whatsapp.sent)
    node.whatsapp.say(Disconnected())
    node.whatsapp.say(Connected(ACCOUNT))
    held.go()
    assert (await call).reason is Reason.SEND_OUTCOME_UNKNOWN
    assert (await error_of(node.send("dos"))).reason is Reason.MESSAGE_REJECTED


async def test_a_session_that_was_lost_and_is_back_at_once_has_caught_up(node: Node) -> None:
    node.whatsapp.say(Disconnected())
    node.whatsapp.say(Connected(ACCOUNT))  # before the loop saw the loss
    await node.until(SessionState.CONNECTED)
    node.whatsapp.answer = lambda _to, _text: "3EB0"
    await eventually(lambda: node.tenant.outbox.pump._settling_s() <= 0)
    assert (await node.send("uno", timeout=2)).state == SENT


async def test_a_line_that_was_deaf_has_missed_nothing(node: Node) -> None:
    node.whatsapp.say(KeepAliveTimeout())
    await node.until(SessionState.DEAF)
    node.whatsapp.say(KeepAliveRestored())
    await node.until(SessionState.CONNECTED)
    assert node.tenant.outbox.pump._settling_s() <= 0


async def test_an_accepted_message_goes_out_whoever_goes_away(node: Node) -> None:
    outbox = node.tenant.outbox
    command = SendCommand("one", "1@s.whatsapp.net", TEXT, b"h" * 32)
    await eventually(lambda: outbox.pump._resting)
    outbox.pump._reserved = True  # as while another is being accepted
    call = asyncio.ensure_future(outbox.send(command, 5))
    await asyncio.sleep(0)
    call.cancel()
    outbox.pump._reserved = False
    await eventually(lambda: node.whatsapp.sent)


async def test_who_joined_a_failure_does_not_speak_for_who_asks_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two repeats of a failed request around the time from which it may be made again."""

    def answer(_to: str, _text: str) -> str:
        raise SendError("server returned error 429")

    node.whatsapp.answer = answer
    await error_of(node.send("uno", request_id="one"))
    node.whatsapp.answer = lambda _to, _text: "3EB0"
    may_go = iter([False, True])
    monkeypatch.setattr(outbox_module, "_may_go_again", lambda _: next(may_go, False))
    before, after = await asyncio.gather(
        node.send("uno", request_id="one"),
        node.send("uno", request_id="one"),
        return_exceptions=True,
    )
    outcomes = sorted((before, after), key=lambda outcome: isinstance(outcome, MeshError))
    assert isinstance(outcomes[0], message_pb2.Message)
    assert outcomes[0].state == SENT
    assert isinstance(outcomes[1], MeshError)


# -- order


async def test_a_message_for_now_does_not_overtake(node: Node) -> None:
    await go_down(node)
    waiting = await node.send("uno", delivery=QUEUE)
    call: asyncio.Future[message_pb2.Message | MeshError] = asyncio.ensure_future(node.send("dos"))
    await come_back(node)
    await call
    await until_state(node, waiting.message_id, SENT)
    assert [text for _, text in node.whatsapp.sent] == ["uno", "dos"]


async def test_a_full_outbox(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_QUEUED", 2)
    await go_down(node)
    for text in ("uno", "dos"):
        assert (await node.send(text, delivery=QUEUE)).state == QUEUED
    error = await error_of(node.send("tres", delivery=QUEUE))
    assert error.reason is Reason.QUEUE_FULL
    assert error.retry_after is not None
    assert len((await list_messages(node)).messages) == 2


# -- devices that a message was not encrypted for


async def test_a_phone_that_was_left_out_makes_the_outcome_unknown(node: Node) -> None:
    node.whatsapp.unreached = ("119271086564630:3@lid", "200000000000001@lid")
    error = await error_of(node.send("uno"))
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    receipt = Receipt(
        ReceiptKind.DELIVERED, (error.metadata["whatsapp_id"],), "1@lid", "1@lid", now()
    )
    await asyncio.to_thread(node.whatsapp.inbox.receipt, receipt)
    assert (await state_of(node, error.metadata["message_id"])) == DELIVERED


async def test_another_device_that_was_left_out_cannot_read_it(node: Node) -> None:
    node.whatsapp.unreached = ("200000000000001:7@lid",)
    message = await node.send("uno")
    assert (message.state, message.undecrypted) == (SENT, True)


async def test_a_device_of_our_own_that_was_left_out_is_our_own_affair(node: Node) -> None:
    node.whatsapp.unreached = ("119271086564630:3@lid", "5215512345678@s.whatsapp.net")
    message = await node.send("uno")
    assert (message.state, message.undecrypted) == (SENT, False)
