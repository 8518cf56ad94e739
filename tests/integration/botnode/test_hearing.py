"""Whether WhatsApp is there is found out, and a line without it is begun anew."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from botmesh.errors import Reason
from botmesh.v1 import message_pb2, session_pb2
from botnode import hearing
from botnode.hearing import Doubts
from botnode.line import MAX_RECYCLED_CLIENTS
from botnode.ports import Connected, Disconnected, Doubtful, KeepAliveTimeout, Unheard
from botnode.states import SessionState
from tests.integration.botnode.conftest import TIMING, Node, error_of, eventually
from tests.integration.botnode.fake_whatsapp import ACCOUNT
from tests.integration.botnode.held import Held

S = SessionState

DOUBTS = Doubts(
    unacknowledged_s=0.05, answer_s=0.02, unserved_s=0.15, rest_first_s=0.02, rest_most_s=0.05
)
CUT = "websocket disconnected before message send returned response"


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    """A send that goes on until the test is over, or cuts it."""
    held = Held(CUT)
    yield held
    held.go()


@pytest.fixture
async def doubting(make_node: Callable[..., Node], held: Held) -> Node:
    """A connected tenant with little patience; its sends get no acknowledgement."""
    node = await make_node().start(ACCOUNT, dataclasses.replace(TIMING, doubts=DOUBTS))
    node.whatsapp.answer = held
    return node


async def test_a_ping_without_an_answer_was_an_accident(make_node: Callable[..., Node]) -> None:
    node = await make_node().start(ACCOUNT, dataclasses.replace(TIMING, doubts=Doubts(answer_s=5)))
    node.whatsapp.answering = True
    node.whatsapp.say(KeepAliveTimeout())
    await eventually(lambda: S.DEAF in node.moves)
    await node.until(S.CONNECTED)
    assert (node.whatsapp.asked, node.whatsapp.opened) == (1, 1)


async def test_a_late_answer_to_the_question_counts(make_node: Callable[..., Node]) -> None:
    doubts = Doubts(answer_s=0.6)
    node = await make_node().start(ACCOUNT, dataclasses.replace(TIMING, doubts=doubts))
    in_time: list[float] = []

    async def late(timeout_s: float) -> bool:
        in_time.append(timeout_s)
        await asyncio.sleep(timeout_s * 2 / 3)
        return True

    node.whatsapp.answers = late  # type: ignore[method-assign] - nearly too late
    node.whatsapp.say(KeepAliveTimeout())
    await node.until(S.DEAF)
    await node.until(S.CONNECTED)
    assert (in_time, node.whatsapp.opened) == ([doubts.answer_s], 1)


async def test_a_send_without_an_acknowledgement_on_a_dead_line(doubting: Node, held: Held) -> None:
    sending = asyncio.ensure_future(error_of(doubting.send()))
    await eventually(lambda: doubting.whatsapp.opened == 2)
    held.go()
    error = await sending
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    await doubting.until(S.CONNECTED)
    assert doubting.moves[-3:] == [S.DEAF, S.RECONNECTING, S.CONNECTED]
    events = await doubting.events(6)
    (deaf,) = [e.session_state_changed for e in events if e.session_state_changed.last_error][:1]
    assert hearing.NO_ANSWER in deaf.last_error


async def test_a_line_that_answers_and_brings_nothing(doubting: Node) -> None:
    doubting.whatsapp.answering = True
    sending = asyncio.ensure_future(doubting.send())
    await eventually(lambda: doubting.whatsapp.opened == 2)
    assert doubting.whatsapp.asked >= 2
    assert S.DEAF in doubting.moves
    sending.cancel()


async def test_a_new_line_is_not_blamed_for_the_one_before(doubting: Node) -> None:
    node, asked = doubting, 0

    async def answers(_timeout_s: float) -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:  # beyond unserved_s; the library asks again on the new line
            node.whatsapp.say(Disconnected())
            await node.until(S.RECONNECTING)
            node.whatsapp.say(Connected(ACCOUNT))
            await node.until(S.CONNECTED)
        return True

    node.whatsapp.answers = answers  # type: ignore[method-assign] - it does more than answer
    sending = asyncio.ensure_future(node.send())
    await eventually(lambda: asked == 3)  # and the send is still looked after
    assert (node.whatsapp.opened, node.whatsapp.closed) == (1, 0)
    sending.cancel()


async def test_one_deaf_line_after_another_is_no_storm_of_logins(
    doubting: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(hearing.random, "uniform", lambda _least, most: most)

    async def pause(seconds: float) -> None:
        rests.append(seconds)

    doubting.tenant.line.pause = pause  # type: ignore[method-assign] - it writes down
    doubting.whatsapp.answering = True
    for lines in range(1, 6):
        doubting.whatsapp.answer = held = Held(CUT)
        sending = asyncio.ensure_future(error_of(doubting.send()))
        await eventually(lambda lines=lines: doubting.whatsapp.opened == 1 + lines)
        held.go()
        assert (await sending).reason is Reason.SEND_OUTCOME_UNKNOWN
        await doubting.until(S.CONNECTED)
    first, most = DOUBTS.rest_first_s, DOUBTS.rest_most_s
    assert rests == [0.0, first, 2 * first, most, most]


async def test_an_acknowledgement_ends_the_rests(doubting: Node) -> None:
    doubting.tenant.hearing._given_up = 3
    assert doubting.tenant.hearing._rest_s() > 0
    doubting.whatsapp.answer = lambda _to, _text: "3EB0"
    await doubting.send()
    assert doubting.tenant.hearing._rest_s() == 0


async def test_so_many_clients_that_the_process_is_renewed_take_an_hour(doubting: Node) -> None:
    hears = doubting.tenant.hearing
    hears._doubts, took_s = Doubts(), 0.0
    for given_up in range(MAX_RECYCLED_CLIENTS):
        hears._given_up = given_up
        took_s += Doubts().unserved_s + hears._rest_s()
    assert took_s > 2700  # with the shortest of all pauses


async def test_a_line_that_brings_something_is_not_deaf(doubting: Node, held: Held) -> None:
    doubting.whatsapp.answering = True
    sending = asyncio.ensure_future(error_of(doubting.send()))
    await eventually(lambda: doubting.whatsapp.sent)
    doubting.whatsapp.brought_at = time.monotonic()
    await eventually(lambda: doubting.whatsapp.asked >= 4)  # beyond unserved_s
    held.go()
    await sending
    assert doubting.whatsapp.opened == 1
    assert S.DEAF not in doubting.moves


async def test_a_first_message_to_a_large_group_may_take_long(doubting: Node) -> None:
    doubting.whatsapp.answering = True
    sending = asyncio.ensure_future(doubting.send(to="120363000000000001@g.us"))
    await eventually(lambda: doubting.whatsapp.asked >= 4)
    assert doubting.whatsapp.opened == 1
    sending.cancel()


async def test_an_acknowledged_send_raises_no_doubt(doubting: Node) -> None:
    doubting.whatsapp.answer = lambda _to, _text: "3EB0"
    message = await doubting.send()
    assert message.state == message_pb2.MESSAGE_STATE_SENT
    await asyncio.sleep(2 * DOUBTS.unacknowledged_s)
    assert doubting.whatsapp.asked == 0


async def test_a_library_that_stands_still_is_asked(doubting: Node) -> None:
    doubting.whatsapp.answering = True
    doubting.whatsapp.say(Doubtful("it has not got on"))
    await eventually(lambda: doubting.whatsapp.asked == 1)
    assert doubting.machine.state is S.CONNECTED
    doubting.whatsapp.answering = False
    doubting.whatsapp.say(Doubtful("it has not got on"))
    await eventually(lambda: doubting.whatsapp.opened == 2)


STILL = Doubtful("it has not got on", 61)


async def test_a_stuck_library_is_begun_anew_although_whatsapp_answers(node: Node) -> None:
    node.whatsapp.answering = True
    node.whatsapp.say(Doubtful("it has not got on", 31))
    await eventually(lambda: node.whatsapp.asked == 1)
    assert node.machine.state is S.CONNECTED
    node.whatsapp.say(STILL)
    await eventually(lambda: node.whatsapp.opened == 2)
    await node.until(S.CONNECTED)
    assert node.moves[-3:] == [S.DEAF, S.RECONNECTING, S.CONNECTED]
    assert node.tenant.hearing._rest_s() > 0  # should the next one be stuck too


async def test_a_library_that_hands_things_on_is_not_stuck(node: Node) -> None:
    node.whatsapp.answering = True
    node.whatsapp.brought_at = time.monotonic() - 30
    node.whatsapp.say(STILL)
    await eventually(lambda: node.whatsapp.asked == 1)
    assert (node.machine.state, node.whatsapp.opened) == (S.CONNECTED, 1)


async def test_a_library_that_waits_for_our_disk_is_not_stuck(node: Node) -> None:
    node.whatsapp.answering = True
    node.machine.set_storage("the disk is full")
    node.whatsapp.say(STILL)
    await eventually(lambda: node.whatsapp.asked == 1)
    assert (node.machine.state, node.whatsapp.opened) == (S.CONNECTED, 1)


async def test_a_login_that_whatsapp_does_not_serve(make_node: Callable[..., Node]) -> None:
    node = await make_node().start(ACCOUNT)
    node.whatsapp.login = [Unheard("WhatsApp does not bring this session its messages")]
    node.whatsapp.say(Unheard("WhatsApp does not bring this session its messages"))
    await eventually(lambda: node.whatsapp.opened >= 3)
    assert node.machine.state is not S.CONNECTED
    assert "does not bring" in (await node.session()).last_error
    node.whatsapp.login = [Connected(ACCOUNT)]
    await node.until(S.CONNECTED)


async def test_when_whatsapp_was_heard_last(node: Node) -> None:
    assert not (await node.session()).HasField("last_heard_time")
    await node.send()
    assert _age_s(await node.session()) < 1
    node.tenant.hearing._answered_at = time.monotonic() - 100
    node.tenant.hearing._up_at = time.monotonic() - 100
    # By now a keep-alive without an answer would be known.
    assert _age_s(await node.session()) == pytest.approx(hearing.PINGED_WITHIN_S, abs=1)
    node.whatsapp.brought_at = time.monotonic() - 5
    assert _age_s(await node.session()) == pytest.approx(5, abs=1)


def _age_s(session: session_pb2.Session) -> float:
    heard = session.last_heard_time.ToDatetime(tzinfo=UTC)
    return (datetime.now(UTC) - heard).total_seconds()
