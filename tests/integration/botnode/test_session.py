"""The session's life, with a library that does what the test says."""

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from botmesh.errors import Reason
from botmesh.v1 import session_pb2
from botnode import line as line_module
from botnode.hearing import Doubts
from botnode.ports import (
    Account,
    ClientOutdated,
    Connected,
    ConnectFailure,
    Disconnected,
    Doubtful,
    Ended,
    KeepAliveRestored,
    KeepAliveTimeout,
    LoggedOut,
    PairingEnded,
    StoreFailure,
    StreamReplaced,
    TemporaryBan,
    Unheard,
)
from botnode.states import SessionState
from botnode.tables import meta
from tests.integration.botnode.conftest import TIMING, Node, error_of, eventually
from tests.integration.botnode.fake_whatsapp import ACCOUNT

S = SessionState


async def test_pairing(unpaired: Node) -> None:
    assert unpaired.whatsapp.opened == 0
    steps = unpaired.stream_qr()
    first = asyncio.ensure_future(anext(steps))
    await eventually(lambda: unpaired.whatsapp.opened)
    unpaired.whatsapp.show("A")
    assert (await first).code.code == "A"
    unpaired.whatsapp.show("B")
    step = await anext(steps)
    assert step.code.code == "B"
    assert step.code.expires_in.seconds in (19, 20)
    unpaired.whatsapp.scan()
    assert (await anext(steps)).paired.phone_number == ACCOUNT.phone_number
    with pytest.raises(StopAsyncIteration):
        await anext(steps)
    await unpaired.until(S.CONNECTED)
    assert unpaired.moves == [S.UNPAIRED, S.PAIRING, S.CONNECTING, S.CONNECTED]
    await unpaired.flush()
    stored = await unpaired.tenant._store.read(lambda c: c.execute(select(meta)).one())
    assert (stored.account_jid, stored.session_state) == (ACCOUNT.jid, "CONNECTED")


async def test_doubts_of_the_line_do_not_end_a_pairing(unpaired: Node) -> None:
    steps = unpaired.stream_qr()
    first = asyncio.ensure_future(anext(steps))
    await eventually(lambda: unpaired.whatsapp.opened)
    unpaired.whatsapp.show("A")
    await first
    for signal in (KeepAliveTimeout(), Doubtful("it stands still"), Unheard("no answer")):
        unpaired.whatsapp.say(signal)
    unpaired.whatsapp.say(KeepAliveRestored())
    unpaired.whatsapp.show("B")
    assert (await anext(steps)).code.code == "B"
    unpaired.whatsapp.scan()
    assert (await anext(steps)).paired.phone_number == ACCOUNT.phone_number
    assert (unpaired.whatsapp.opened, unpaired.whatsapp.closed) == (1, 0)


async def test_paired_is_told_only_after_the_login(unpaired: Node) -> None:
    steps = unpaired.stream_qr()
    step = asyncio.ensure_future(anext(steps))
    await eventually(lambda: unpaired.whatsapp.opened)
    unpaired.whatsapp.stored = ACCOUNT
    unpaired.whatsapp.say(PairingEnded("success"))
    await unpaired.until(S.CONNECTING)
    late = unpaired.stream_qr()
    late_step = asyncio.ensure_future(anext(late))
    await asyncio.sleep(0.1)
    assert not step.done()
    assert not late_step.done()
    unpaired.whatsapp.say(Connected(ACCOUNT))
    assert (await step).HasField("paired")
    assert (await late_step).HasField("paired")


async def test_a_paired_tenant_says_so_at_once(node: Node) -> None:
    steps = [step async for step in node.stream_qr()]
    assert [step.paired.jid for step in steps] == [ACCOUNT.jid]
    node.whatsapp.say(Disconnected())
    await node.until(S.RECONNECTING)
    steps = [step async for step in node.stream_qr()]
    assert [step.paired.jid for step in steps] == [ACCOUNT.jid]


async def test_three_rounds_then_a_new_process(unpaired: Node) -> None:
    steps = unpaired.stream_qr()
    watching = asyncio.ensure_future(anext(steps))
    for number in range(1, 4):
        await eventually(lambda count=number: unpaired.whatsapp.opened == count)
        unpaired.whatsapp.say(PairingEnded("timeout"))
    await eventually(lambda: unpaired.said == ["renew"])
    assert unpaired.whatsapp.opened == 3
    watching.cancel()


async def test_a_new_process_goes_on_with_the_pairing(
    unpaired: Node, make_node: Callable[..., Node]
) -> None:
    steps = unpaired.stream_qr()
    watching = asyncio.ensure_future(anext(steps))
    for number in range(1, 4):
        await eventually(lambda count=number: unpaired.whatsapp.opened == count)
        unpaired.whatsapp.say(PairingEnded("timeout"))
    await eventually(lambda: unpaired.said == ["renew"])
    began_at = unpaired.tenant.hub._round.began_at
    await unpaired.stop()
    with pytest.raises(Exception, match="SHUTTING_DOWN"):
        await watching
    renewed = await make_node().start()
    assert abs(renewed.tenant.hub._round.began_at - began_at) < 0.5


async def test_the_codes_are_known_to_run_out_without_a_word(unpaired: Node) -> None:
    """The library says nothing when a round ends in certain ways: the clock tells."""
    steps = unpaired.stream_qr()
    watching = asyncio.ensure_future(anext(steps))
    await eventually(lambda: unpaired.whatsapp.opened == 1)
    await eventually(lambda: unpaired.whatsapp.opened == 2)
    assert (await watching).failed.message == "WhatsApp sent no code"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("error", "could not agree on keys"),
        ("err-scanned-without-multidevice", "multi-device"),
        ("a word of a newer library", "a word of a newer library"),
    ],
)
async def test_a_failed_try_is_told_and_followed(unpaired: Node, outcome: str, words: str) -> None:
    steps = unpaired.stream_qr()
    step = asyncio.ensure_future(anext(steps))
    await eventually(lambda: unpaired.whatsapp.opened)
    unpaired.whatsapp.say(PairingEnded(outcome))
    assert words in (await step).failed.message
    await eventually(lambda: unpaired.whatsapp.opened == 2)
    unpaired.whatsapp.show("B")
    assert (await anext(steps)).code.code == "B"


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (PairingEnded("err-client-outdated"), Reason.CLIENT_OUTDATED),
        (ClientOutdated(), Reason.CLIENT_OUTDATED),
        (TemporaryBan("too many", timedelta(hours=1)), Reason.ACCOUNT_BANNED),
    ],
)
async def test_refused_for_good_ends_the_watchers(
    unpaired: Node, signal: PairingEnded | ClientOutdated | TemporaryBan, reason: Reason
) -> None:
    watching = asyncio.ensure_future(error_of(anext(unpaired.stream_qr())))
    await eventually(lambda: unpaired.whatsapp.opened)
    unpaired.whatsapp.say(signal)
    assert (await watching).reason is reason


async def test_when_the_last_watcher_leaves_the_round_is_the_last(unpaired: Node) -> None:
    steps = unpaired.stream_qr()
    step = asyncio.ensure_future(anext(steps))
    await eventually(lambda: unpaired.whatsapp.opened)
    unpaired.whatsapp.show("A")
    await step
    await steps.aclose()
    await eventually(lambda: not unpaired.tenant.hub.watching)
    assert unpaired.machine.state is S.PAIRING  # a phone may still scan what was shown
    unpaired.whatsapp.say(PairingEnded("timeout"))
    await unpaired.until(S.UNPAIRED)
    assert unpaired.whatsapp.opened == 1


async def test_deaf_then_heard_again(make_node: Callable[..., Node]) -> None:
    timing = dataclasses.replace(TIMING, doubts=Doubts(answer_s=5))
    node = await make_node().start(ACCOUNT, timing)
    node.whatsapp.say(KeepAliveTimeout())
    await node.until(S.DEAF)
    assert (await error_of(node.send(timeout=0.2))).reason is Reason.SESSION_DISCONNECTED
    node.whatsapp.say(KeepAliveRestored())
    await node.until(S.CONNECTED)
    assert node.whatsapp.opened == 1


async def test_deaf_for_long_is_begun_anew(node: Node) -> None:
    node.whatsapp.say(KeepAliveTimeout())
    await eventually(lambda: node.whatsapp.opened == 2)
    await node.until(S.CONNECTED)
    assert node.moves[-3:] == [S.DEAF, S.RECONNECTING, S.CONNECTED]
    assert node.whatsapp.closed == 1


async def test_a_line_that_does_not_come_back_by_itself_is_begun_anew(node: Node) -> None:
    node.whatsapp.say(Disconnected())
    await eventually(lambda: node.whatsapp.opened == 2)
    await node.until(S.CONNECTED)


@pytest.mark.parametrize("signal", [Ended("dial tcp: no route"), ConnectFailure("generic")])
async def test_a_client_that_ended_is_followed_by_another(
    node: Node, signal: Ended | ConnectFailure
) -> None:
    node.whatsapp.login.clear()
    node.whatsapp.say(signal)
    await node.until(S.RECONNECTING)
    assert (await node.session()).last_error
    await eventually(lambda: node.whatsapp.opened == 2)
    node.whatsapp.say(Ended("dial tcp: no route"))
    await eventually(lambda: node.whatsapp.opened == 3)
    node.whatsapp.say(Connected(ACCOUNT))
    await node.until(S.CONNECTED)
    assert not (await node.session()).last_error


async def test_too_many_clients_renew_the_process(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "MAX_RECYCLED_CLIENTS", 3)
    node.whatsapp.login[:] = [Ended("no network")]
    node.whatsapp.say(Ended("no network"))
    await eventually(lambda: node.said == ["renew"])
    assert node.whatsapp.opened == 3


async def test_a_client_that_cannot_be_stopped_goes_with_the_process(
    make_node: Callable[..., Node],
) -> None:
    node = await make_node().start(ACCOUNT, dataclasses.replace(TIMING, close_s=0.05))
    close = node.whatsapp.close
    node.tenant.line.close = asyncio.Event().wait  # type: ignore[assignment] - it never returns
    node.whatsapp.say(Ended("it is stuck"))
    await eventually(lambda: node.said == ["renew"])
    assert node.whatsapp.opened == 1  # no second client beside it
    node.tenant.line.close = close


async def test_logged_out(node: Node) -> None:
    node.whatsapp.stored = None
    node.whatsapp.say(LoggedOut("by the phone"))
    await node.until(S.LOGGED_OUT)
    session = await node.session()
    assert session.reason == Reason.SESSION_LOGGED_OUT
    assert not session.jid
    assert node.whatsapp.closed == 1
    await asyncio.sleep(0.05)
    assert node.whatsapp.opened == 1  # nobody watches: it does not dial
    steps = node.stream_qr()
    step = asyncio.ensure_future(anext(steps))
    await eventually(lambda: node.whatsapp.opened == 2)
    node.whatsapp.login.clear()
    await node.until(S.CONNECTED)
    assert (await step).HasField("paired")


async def test_a_fresh_pairing_waits_until_the_keys_are_gone(node: Node) -> None:
    keys = node.folder.session_db
    keys.write_bytes(b"keys")
    node.whatsapp.say(LoggedOut("by the phone"))
    await asyncio.sleep(0.05)
    assert node.machine.state is S.CONNECTED  # the library still has the account
    node.whatsapp.stored = None
    await node.until(S.LOGGED_OUT)
    assert keys.exists()  # the library deletes what is in it, not the file


async def test_keys_that_the_library_keeps_are_deleted(node: Node) -> None:
    keys = node.folder.session_db
    keys.write_bytes(b"keys")
    node.whatsapp.say(LoggedOut("by the phone"))
    await node.until(S.LOGGED_OUT)
    assert not keys.exists()


async def test_replaced_three_times_then_it_stays(node: Node) -> None:
    for number in range(3):
        node.whatsapp.say(StreamReplaced())
        await eventually(lambda count=number: node.whatsapp.opened == count + 2)
        await node.until(S.CONNECTED)
    node.whatsapp.say(StreamReplaced())
    await node.until(S.REPLACED)
    await asyncio.sleep(0.1)
    assert node.machine.state is S.REPLACED
    assert (await error_of(node.send())).reason is Reason.SESSION_REPLACED
    assert (await node.log_out(force=True)).state == session_pb2.SESSION_STATE_LOGGED_OUT


async def test_replaced_by_the_new_owner_of_the_folder(node: Node) -> None:
    node.holds_lease = False
    node.whatsapp.say(StreamReplaced())
    await eventually(lambda: node.said)
    assert node.said == ["lost: another process owns the tenant's folder"]
    assert node.whatsapp.opened == 1


async def test_banned(node: Node) -> None:
    node.whatsapp.login.clear()
    node.whatsapp.say(TemporaryBan("too many", timedelta(seconds=0.3)))
    await node.until(S.BANNED)
    session = await node.session()
    assert session.HasField("ban_expire_time")
    error = await error_of(node.send())
    assert error.reason is Reason.ACCOUNT_BANNED
    assert error.retry_after is not None
    assert node.whatsapp.opened == 1
    await node.until(S.CONNECTING)
    node.whatsapp.say(Connected(ACCOUNT))
    await node.until(S.CONNECTED)


async def test_banned_for_an_unknown_time(node: Node) -> None:
    node.whatsapp.say(TemporaryBan("too many", None))
    await node.until(S.BANNED)
    assert not (await node.session()).HasField("ban_expire_time")
    await node.until(S.CONNECTED)


async def test_outdated(make_node: Callable[..., Node]) -> None:
    timing = dataclasses.replace(TIMING, outdated_s=2.0)  # longer than a call takes
    node = await make_node().start(ACCOUNT, timing)
    node.whatsapp.say(ClientOutdated())
    await node.until(S.OUTDATED)
    assert (await error_of(node.send())).reason is Reason.CLIENT_OUTDATED
    await node.until(S.CONNECTED)


async def test_a_store_that_broke_ends_the_process(node: Node) -> None:
    node.whatsapp.say(StoreFailure("database disk image is malformed"))
    await eventually(lambda: node.said)
    assert "session.db cannot be used" in node.said[0]


async def test_log_out(node: Node) -> None:
    assert (await node.log_out()).state == session_pb2.SESSION_STATE_LOGGED_OUT
    assert (await node.log_out()).state == session_pb2.SESSION_STATE_LOGGED_OUT  # idempotent


async def test_log_out_of_what_never_had_an_account(unpaired: Node) -> None:
    assert (await unpaired.log_out()).state == session_pb2.SESSION_STATE_UNPAIRED


async def test_log_out_when_whatsapp_cannot_be_told(node: Node) -> None:
    node.whatsapp.can_log_out = False
    keys = node.folder.session_db
    keys.write_bytes(b"keys")
    assert (await error_of(node.log_out())).reason is Reason.SESSION_DISCONNECTED
    assert keys.exists()
    assert (await node.log_out(force=True)).state == session_pb2.SESSION_STATE_LOGGED_OUT
    assert not keys.exists()


async def test_a_log_out_that_is_slow_is_noticed_when_it_is_done(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()
    asked = 0
    quick = node.whatsapp.log_out

    async def log_out() -> None:
        nonlocal asked
        asked += 1
        await go.wait()
        await quick()

    monkeypatch.setattr(node.whatsapp, "log_out", log_out)
    for _ in range(2):
        error = await error_of(node.log_out())
        assert error.reason is Reason.SESSION_DISCONNECTED
        assert "no answer" in error.message
    assert node.machine.state is S.CONNECTED
    go.set()
    await node.until(S.LOGGED_OUT)
    assert asked == 1
    assert (await node.log_out()).state == session_pb2.SESSION_STATE_LOGGED_OUT


async def test_an_account_that_was_paired_meanwhile_is_not_logged_out(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()
    monkeypatch.setattr(node.whatsapp, "log_out", go.wait)
    await error_of(node.log_out())
    other = Account("5215512345678:2@s.whatsapp.net", "119271086564630@lid")
    node.whatsapp.say(Disconnected())
    node.whatsapp.say(Connected(other))
    await eventually(lambda: node.machine.current.account == other)
    go.set()
    await asyncio.sleep(0.05)
    assert node.machine.state is S.CONNECTED


async def test_a_log_out_takes_the_time_that_it_takes(make_node: Callable[..., Node]) -> None:
    """Even while something else is waited for with a shorter patience."""
    timing = dataclasses.replace(TIMING, login_s=0.1, reconnect_s=0.1, log_out_s=2)
    node = await make_node().start(ACCOUNT, timing)
    node.whatsapp.login.clear()
    slow_close = node.whatsapp.close

    async def close() -> None:
        await asyncio.sleep(0.3)
        await slow_close()

    node.tenant.line.close = close
    node.whatsapp.say(Disconnected())
    await node.until(S.RECONNECTING)
    assert (await node.log_out(force=True)).state == session_pb2.SESSION_STATE_LOGGED_OUT


async def test_signals_of_a_client_that_was_closed_do_not_count(node: Node) -> None:
    old = node.whatsapp.sink
    node.whatsapp.say(KeepAliveTimeout())
    await eventually(lambda: node.whatsapp.opened == 2)
    await node.until(S.CONNECTED)
    assert old is not None
    assert node.whatsapp.closed == 1


async def test_a_fault_of_our_own_ends_the_process(node: Node) -> None:
    node.whatsapp.say("nonsense")
    node.machine.move = _broken
    node.whatsapp.say(Disconnected())
    await eventually(lambda: node.said == ["crash"])


def _broken(*_: object, **__: object) -> None:
    raise RuntimeError("a fault")


async def test_each_move_is_an_event(node: Node) -> None:
    node.whatsapp.say(Disconnected())
    await node.until(S.RECONNECTING)
    events = await node.events(3)
    states = [session_pb2.SessionState.Name(e.session_state_changed.state) for e in events]
    assert states == [f"SESSION_STATE_{s}" for s in ("CONNECTING", "CONNECTED", "RECONNECTING")]
    assert events[1].session_state_changed.jid == ACCOUNT.jid
    assert {event.tenant_id for event in events} == {"shop"}


async def test_streams_end_typed_when_the_process_stops(node: Node) -> None:
    waiting = asyncio.ensure_future(error_of(node.events(1000)))
    await asyncio.sleep(0.1)
    await node.stop()
    assert (await waiting).reason is Reason.SHUTTING_DOWN


async def test_the_account_of_another_pairing(node: Node) -> None:
    node.whatsapp.stored = None
    node.whatsapp.login.clear()
    node.whatsapp.say(LoggedOut("by the phone"))
    await node.until(S.LOGGED_OUT)
    steps = node.stream_qr()
    step = asyncio.ensure_future(anext(steps))
    await eventually(lambda: node.whatsapp.opened == 2)
    other = Account("5215587654321:7@s.whatsapp.net", "2@lid")
    node.whatsapp.stored = other
    node.whatsapp.say(PairingEnded("success"))
    node.whatsapp.say(Connected(other))
    assert (await step).paired.phone_number == "+5215587654321"
