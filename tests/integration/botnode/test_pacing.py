"""The pump and its pace: what waits, what is refused, and that nothing is overtaken."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from botmesh.errors import Reason
from botmesh.v1 import message_pb2
from botnode import messages as messages_module
from botnode import pump as pump_module
from botnode.pacing import Pace
from botnode.ports import SendError
from tests.integration.botnode.conftest import Node, error_of, eventually
from tests.integration.botnode.fake_whatsapp import ACCOUNT

QUEUE = message_pb2.DELIVERY_QUEUE
QUEUED = message_pb2.MESSAGE_STATE_QUEUED
SENT = message_pb2.MESSAGE_STATE_SENT
LIMITED = "server returned error 429"
LOST = "timed out waiting for message send response"
OTHER = "+525587654321"
Paced = Callable[..., Awaitable[Node]]


@pytest.fixture
def paced(make_node: Callable[..., Node]) -> Paced:
    async def start(**pace: int) -> Node:
        return await make_node().start(ACCOUNT, pace=Pace(**pace))

    return start


def refuse(node: Node, *errors: SendError | str) -> None:
    """The library's next sends fail with these."""
    answers = [SendError(error) if isinstance(error, str) else error for error in errors]

    def answer(_to: str, _text: str) -> str:
        if answers:
            raise answers.pop(0)
        return "3EB0"

    node.whatsapp.answer = answer


def count_looks(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Has one entry for each time that the pump looks for what is due."""
    looks: list[None] = []
    find = node.tenant.outbox.pump._find

    async def counting() -> object:
        looks.append(None)
        return await find()

    monkeypatch.setattr(node.tenant.outbox.pump, "_find", counting)
    return looks


async def limit_is_held_to(node: Node) -> None:
    """Wait until nothing goes out."""
    async with asyncio.timeout(5):
        while not (await node.session()).pacing.HasField("resume_time"):
            await node.flush()


async def test_rests_are_waited_for_in_order(paced: Paced) -> None:
    node = await paced(least_pause_ms=20, most_pause_ms=40)
    texts = [str(number) for number in range(8)]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    sends = []
    for text in texts:
        sends.append(asyncio.ensure_future(node.send(text)))
        await eventually(lambda: len(node.tenant.outbox._waiters) + sum(s.done() for s in sends))
        await node.flush()
    assert {message.state for message in await asyncio.gather(*sends)} == {SENT}
    assert [text for _, text in node.whatsapp.sent] == texts
    assert loop.time() - begun >= 2 * 0.02  # after the fifth, before the last


async def test_429_stops_all_until_it_is_over(paced: Paced) -> None:
    node = await paced(rate_limit_pause_ms=60_000)
    refuse(node, LIMITED)
    waiting = await node.send("uno", delivery=QUEUE)
    assert (waiting.state, waiting.reason) == (QUEUED, "RATE_LIMITED")
    assert (await node.send("dos", OTHER, delivery=QUEUE)).state == QUEUED
    refused = await error_of(node.send("tres", OTHER))
    assert refused.reason is Reason.RATE_LIMITED
    assert refused.retry_after is not None
    assert timedelta(seconds=50) < refused.retry_after <= timedelta(seconds=60)
    assert "message_id" not in refused.metadata
    assert node.whatsapp.sent == [("525512345678@s.whatsapp.net", "uno")]
    node.tenant.pacer.pace = Pace()  # as if it were over
    node.tenant.outbox.pump.wake()
    await eventually(lambda: len(node.whatsapp.sent) == 3)
    assert [text for _, text in node.whatsapp.sent[1:]] == ["uno", "dos"]


async def test_what_may_be_repeated_waits_without_turning(
    paced: Paced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump_module, "DUPLICATE_AFTER_S", 0.0)
    node = await paced(messages_per_minute=1)
    refuse(node, LOST)
    looks = count_looks(node, monkeypatch)
    error = await error_of(node.send("uno", allow_duplicate=True))
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    await asyncio.sleep(0.1)  # that nothing happens can only be waited for
    assert len(looks) < 5
    assert len(node.whatsapp.sent) == 1
    node.tenant.pacer.pace = Pace()  # as if the minute were over
    node.tenant.outbox.pump.wake()
    await eventually(lambda: len(node.whatsapp.sent) == 2)


async def test_a_message_put_back_waits_for_its_pace_without_turning(
    paced: Paced, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await paced(rate_limit_pause_ms=60_000)
    looks = count_looks(node, monkeypatch)
    refuse(node, LIMITED)
    assert (await node.send("uno", delivery=QUEUE)).state == QUEUED
    await asyncio.sleep(0.2)  # that nothing happens can only be waited for
    assert len(looks) < 5


@pytest.mark.parametrize("first", [LIMITED, LOST])
async def test_all_that_cannot_wait_hear_of_a_429_at_once(
    paced: Paced, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Also where one look fails few of them, and the first message may be repeated meanwhile."""
    monkeypatch.setattr(messages_module, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(pump_module, "DUPLICATE_AFTER_S", 0.0)
    node = await paced(rate_limit_pause_ms=60_000)
    go = threading.Event()
    errors = [first, LIMITED]

    def answer(_to: str, _text: str) -> str:
        assert go.wait(5)
        raise SendError(errors.pop(0))

    node.whatsapp.answer = answer
    sends = [
        asyncio.ensure_future(error_of(node.send(str(n), allow_duplicate=True, timeout=4)))
        for n in range(10)
    ]
    async with asyncio.timeout(5):
        while await node.tenant._store.read(node.tenant._rows.count_impatient) < len(sends) - 1:
            await node.flush()
    go.set()
    reasons = [(await send).reason for send in sends]
    assert reasons.count(Reason.RATE_LIMITED) == len(sends) - (first == LOST)


@pytest.mark.parametrize(
    "errors",
    [
        (SendError(LIMITED, line_lost=True),),  # of a frame that was repeated
        (LOST, LIMITED),  # of the second attempt
    ],
)
async def test_a_429_counts_where_the_message_may_have_arrived(
    paced: Paced, monkeypatch: pytest.MonkeyPatch, errors: tuple[SendError | str, ...]
) -> None:
    monkeypatch.setattr(pump_module, "DUPLICATE_AFTER_S", 0.0)
    node = await paced(rate_limit_pause_ms=60_000)
    refuse(node, *errors)
    error = await error_of(node.send("uno", allow_duplicate=True))
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    await limit_is_held_to(node)
    assert (await error_of(node.send("dos", OTHER))).reason is Reason.RATE_LIMITED
    assert len(node.whatsapp.sent) == len(errors)
