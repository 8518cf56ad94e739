"""Which message may go out, with a clock that stands still until it is told."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from botmesh.errors import MeshError, Reason
from botnode.clock import now, now_ms
from botnode.message import Delivery, OutboundMessage
from botnode.messages import Attempt, MessageRows
from botnode.pacer import Pacer, Turn
from botnode.pacing import DAY_MS, MINUTE_MS, Pace
from botnode.ports import Receipt, ReceiptKind, ReceivedMessage, Sent
from botnode.states import MessageState
from botnode.store import Store, Transaction

ACCOUNT = "+5215500000000"  # that of make_message
HOUR_MS = 60 * MINUTE_MS
ONE, TWO = "5215500000001@s.whatsapp.net", "5215500000002@s.whatsapp.net"
LID, GROUP = "100000000000001@lid", "120363000000000001@g.us"


class Clock:
    """Wall time in milliseconds."""

    def __init__(self) -> None:
        self.ms = now_ms()

    def __call__(self) -> int:
        return self.ms


class Account:
    """One account's messages, sent without a library."""

    def __init__(self, store: Store, rows: MessageRows, make: Any) -> None:
        self._store, self._rows, self._make = store, rows, make
        self.clock = Clock()
        self.use(Pace())

    def use(self, pace: Pace) -> None:
        """Go on as a process that was started anew."""
        self.pacer = Pacer(pace, self._rows, clock=self.clock, luck=Random(7))

    async def accept(self, to: str = ONE, delivery: Delivery = Delivery.QUEUE) -> OutboundMessage:
        message: OutboundMessage = self._make(to=to, delivery=delivery)

        def work(tx: Transaction) -> None:
            self.pacer.admit(tx.connection, message)
            self._rows.insert(tx, message)

        await self._store.write(work)
        return message

    async def refused(self, to: str = ONE) -> MeshError:
        with pytest.raises(MeshError) as caught:
            await self.accept(to, Delivery.NOW)
        return caught.value

    async def begin(self) -> OutboundMessage | None:
        """Hand the next message over, if one may go."""

        def work(tx: Transaction) -> OutboundMessage | None:
            self.turn: Turn = self.pacer.turn(tx, ACCOUNT)
            found = self.turn.next(tx.connection)
            if found is None:
                return None
            begun = self._rows.begin_attempt(tx, found, Attempt(b"s" * 32, ACCOUNT, "d", "g"))
            assert begun is not None
            self.pacer.begun(tx, begun)
            return begun

        return await self._store.write(work)

    async def end(self, message: OutboundMessage, refusal: Reason | None = None) -> None:
        def work(tx: Transaction) -> None:
            if refusal is None:
                ended = self._rows.sent(tx, message.message_id, Sent("3EB0", now()))
            else:
                ended = self._rows.failed(tx, message.message_id, refusal, "")
            self.pacer.ended(tx, ended)
            if refusal in (Reason.RATE_LIMITED, Reason.REACH_OUT_LOCKED):
                self.pacer.heed(tx, message, refusal)

        await self._store.write(work)

    async def send(self, refusal: Reason | None = None) -> str | None:
        """The recipient of the next message, which goes out."""
        begun = await self.begin()
        if begun is None:
            return None
        await self.end(begun, refusal)
        return begun.recipient_jid

    async def hear(self, chat: str, number: str = "", **more: Any) -> None:
        message = ReceivedMessage(
            whatsapp_id="3EB1",
            chat_jid=chat,
            sender_jid=more.pop("sender", chat),
            sender_number=number,
            push_name="",
            from_me=more.pop("from_me", False),
            group=chat == GROUP,
            time=now(),
            kind="conversation",
            content=None,
        )
        await self._store.write(lambda tx: self.pacer.received(tx, ACCOUNT, message))

    async def receipt(self, message: OutboundMessage, lid: str) -> None:
        receipt = Receipt(ReceiptKind.DELIVERED, ("3EB0",), lid, lid, now())
        await self._store.write(lambda tx: self.pacer.receipt(tx, receipt, [message]))

    async def status(self) -> Any:
        return await self._store.read(lambda c: self.pacer.status(c, ACCOUNT))


@pytest.fixture
def account(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> Account:
    return Account(store, rows, make_message)


async def test_without_a_pace_everything_goes(account: Account) -> None:
    for number in range(40):
        await account.accept(f"52155000001{number:02}@s.whatsapp.net", Delivery.NOW)
    assert len([to for _ in range(40) if (to := await account.send())]) == 40
    assert account.pacer.wait_s() is None


async def test_a_minute_has_so_many_messages(account: Account) -> None:
    account.use(Pace(messages_per_minute=3))
    await account.accept(TWO, Delivery.NOW)
    for _ in range(3):
        await account.accept()
    assert [await account.send() for _ in range(4)] == [TWO, ONE, ONE, None]
    assert account.pacer.wait_s() == pytest.approx(60)
    account.use(Pace(messages_per_minute=3))  # a new process knows what went out
    assert await account.send() is None
    account.clock.ms += MINUTE_MS - 1
    assert await account.send() is None
    account.clock.ms += 1
    assert await account.send() == ONE


async def test_who_cannot_wait_is_refused_before_anything_is_stored(account: Account) -> None:
    account.use(Pace(messages_per_minute=3))
    for to in (ONE, TWO, ONE):
        await account.accept(to, Delivery.NOW)
    refusal = await account.refused()  # three wait, and three may go
    assert refusal.reason is Reason.RATE_LIMITED
    for _ in range(3):
        await account.send()
    account.clock.ms += 20_000
    refusal = await account.refused()
    assert refusal.retry_after == timedelta(seconds=40)
    assert account.turn.given_up == []


async def test_what_cannot_wait_passes_what_can(account: Account) -> None:
    account.use(Pace(messages_per_minute=15))
    for _ in range(13):
        await account.accept(ONE)
    await account.accept(TWO, Delivery.NOW)
    await account.accept(ONE, Delivery.NOW)  # not its own recipient's earlier ones
    assert [await account.send() for _ in range(14)] == [TWO] + [ONE] * 12 + [None]
    other = "5215500000003@s.whatsapp.net"
    await account.accept(other, Delivery.NOW)  # a part of the minute was kept for it
    assert await account.send() == other


@pytest.mark.parametrize("every_ms", [500, 2000, 7000])
async def test_both_kinds_have_their_part_of_every_minute(account: Account, every_ms: int) -> None:
    """However many come that cannot wait, or can; who is let in goes out."""
    account.use(Pace(messages_per_minute=10))
    minutes = []
    for minute in range(5):
        went: list[str | None] = []
        for _ in range(0, MINUTE_MS, every_ms):
            account.clock.ms += every_ms
            with contextlib.suppress(MeshError):
                await account.accept(ONE, Delivery.NOW)
            while (to := await account.send()) is not None:
                went.append(to)
            assert account.turn.given_up == []
        minutes.append((went.count(ONE), went.count(TWO)))
        for _ in range(10 if minute < 3 else 0):
            await account.accept(TWO)
    assert minutes[0][0] >= 8
    assert all(2 <= count <= 8 for counts in minutes[1:] for count in counts), minutes


async def test_while_nothing_can_wait_the_rest_have_the_whole_minute(account: Account) -> None:
    account.use(Pace(messages_per_minute=10, new_chats_per_day=1))
    for _ in range(10):
        await account.accept(ONE, Delivery.NOW)
        assert await account.send() == ONE
    account.clock.ms += MINUTE_MS
    await account.accept(TWO)  # a new chat, which the day has no room for
    for _ in range(10):
        await account.accept(ONE, Delivery.NOW)
        assert await account.send() == ONE


async def test_after_some_that_cannot_wait_one_goes_that_can(account: Account) -> None:
    account.use(Pace(least_pause_ms=1000, most_pause_ms=1000))
    await account.accept(TWO)
    for _ in range(9):
        await account.accept(ONE, Delivery.NOW)
    went = []
    for _ in range(10):
        account.clock.ms += 1000
        went.append(await account.send())
    assert went == [ONE] * 4 + [TWO] + [ONE] * 5


async def test_nobody_who_was_let_in_loses_the_place_to_one_that_waits(account: Account) -> None:
    account.use(Pace(messages_per_minute=10))
    for to in [TWO] * 4 + [ONE] * 5:
        await account.accept(to, Delivery.NOW if to == ONE else Delivery.QUEUE)
        assert await account.send() == to
    await account.accept(TWO)
    await account.accept(ONE, Delivery.NOW)
    assert [await account.send() for _ in range(2)] == [ONE, None]
    assert account.turn.given_up == []


async def test_a_rest_comes_after_the_first_few(account: Account) -> None:
    account.use(Pace(least_pause_ms=500, most_pause_ms=1500))
    for _ in range(7):
        await account.accept()
    assert [await account.send() for _ in range(6)] == [ONE] * 5 + [None]
    rest_s = account.pacer.wait_s()
    assert rest_s is not None
    assert 0.5 <= rest_s <= 1.5
    account.clock.ms += round(rest_s * 1000)
    assert await account.send() == ONE
    account.clock.ms -= HOUR_MS  # the clock is set back
    assert await account.send() == ONE


async def test_a_day_has_so_many_new_chats(account: Account) -> None:
    account.use(Pace(new_chats_per_day=1))
    await account.accept(ONE)
    await account.accept(TWO)
    await account.accept(ONE)
    await account.accept(GROUP)
    assert [await account.send() for _ in range(4)] == [ONE, ONE, GROUP, None]
    status = await account.status()
    assert (status.new_chats, status.gate.new_chats_reason) == (1, Reason.RATE_LIMITED)
    assert (await account.refused(TWO)).retry_after == timedelta(milliseconds=DAY_MS)
    await account.accept(ONE, Delivery.NOW)
    assert await account.send() == ONE
    await account.hear(LID, "+5215500000002")  # now TWO wrote first
    assert await account.send() == TWO
    account.clock.ms += DAY_MS
    assert (await account.status()).new_chats == 0


async def test_a_message_that_never_reached_them_begins_no_chat(account: Account) -> None:
    account.use(Pace(new_chats_per_day=1))
    await account.accept(ONE)
    await account.accept(TWO)
    assert await account.send(Reason.RECIPIENT_NOT_ON_WHATSAPP) == ONE
    assert (await account.status()).new_chats == 0
    assert await account.send() == TWO


async def test_number_and_lid_are_one_person(account: Account) -> None:
    account.use(Pace(new_chats_per_day=1))
    await account.accept(ONE)
    begun = await account.begin()
    assert begun is not None
    await account.end(begun)
    await account.receipt(begun, LID)
    await account.accept(LID, Delivery.NOW)
    assert await account.send() == LID
    assert (await account.status()).new_chats == 1


async def test_a_word_in_a_group_is_no_chat_but_tells_who_they_are(account: Account) -> None:
    account.use(Pace(new_chats_per_day=1))
    await account.accept(ONE)
    await account.send()
    await account.hear(GROUP, "+5215500000002", sender="100000000000002@lid")
    assert (await account.refused(TWO)).reason is Reason.RATE_LIMITED
    await account.hear(GROUP, "+5215500000001", sender=LID)
    await account.accept(LID, Delivery.NOW)


async def test_what_the_own_phone_wrote_is_a_chat(account: Account) -> None:
    account.use(Pace(new_chats_per_day=1))
    await account.accept(TWO)
    await account.send()
    await account.hear(LID, "+5215500000000", from_me=True)
    await account.accept(LID, Delivery.NOW)
    assert await account.send() == LID


async def test_a_lock_on_new_chats(account: Account) -> None:
    account.use(Pace(reach_out_pause_ms=6 * HOUR_MS))
    for to in (ONE, TWO, GROUP):
        await account.accept(to)
    late = await account.accept("5215500000009@s.whatsapp.net", Delivery.NOW)
    await account.hear(LID)
    assert await account.send(Reason.REACH_OUT_LOCKED) == late.recipient_jid
    assert (await account.refused(TWO)).reason is Reason.REACH_OUT_LOCKED
    await account.accept(LID, Delivery.NOW)
    assert [await account.send() for _ in range(3)] == [LID, GROUP, None]
    account.use(Pace(reach_out_pause_ms=6 * HOUR_MS))  # a new process knows
    gate = (await account.status()).gate
    assert gate.new_chats_ms == account.clock.ms + 6 * HOUR_MS
    account.clock.ms = gate.new_chats_ms
    assert await account.send(Reason.REACH_OUT_LOCKED) == ONE
    account.clock.ms += 12 * HOUR_MS - 1  # twice as long
    assert await account.send() is None
    account.clock.ms += 1
    assert await account.send() == TWO  # and a chat that is begun ends the row
    await account.accept("5215500000008@s.whatsapp.net")
    await account.send(Reason.REACH_OUT_LOCKED)
    gate = (await account.status()).gate
    assert gate.new_chats_ms == account.clock.ms + 6 * HOUR_MS


async def test_a_lock_shuts_out_who_never_answered(account: Account) -> None:
    account.use(Pace(reach_out_pause_ms=HOUR_MS))
    await account.accept(ONE)
    begun = await account.begin()
    assert begun is not None
    await account.end(begun)
    await account.receipt(begun, LID)
    await account.accept(ONE)
    assert await account.send(Reason.REACH_OUT_LOCKED) == ONE
    for to in (ONE, LID):
        assert (await account.refused(to)).reason is Reason.REACH_OUT_LOCKED


async def test_a_lock_forgets_that_chat_alone(account: Account) -> None:
    account.use(Pace(reach_out_pause_ms=HOUR_MS))
    for to in (ONE, TWO):  # on the own phone: no message of the outbox began these chats
        await account.hear(to, from_me=True)
    await account.accept(ONE)
    await account.send(Reason.REACH_OUT_LOCKED)
    assert (await account.refused(ONE)).reason is Reason.REACH_OUT_LOCKED
    await account.accept(TWO, Delivery.NOW)
    assert await account.send() == TWO


async def test_429_stops_everything(account: Account) -> None:
    account.use(Pace(rate_limit_pause_ms=MINUTE_MS))
    impatient = await account.accept(ONE, Delivery.NOW)
    begun = await account.begin()
    assert begun is not None
    waiting = await account.accept(TWO, Delivery.NOW)
    await account.accept(TWO)
    await account.end(begun, Reason.RATE_LIMITED)
    assert begun.message_id == impatient.message_id
    assert await account.send() is None
    (given_up,) = account.turn.given_up
    assert (given_up.message_id, given_up.state, given_up.reason) == (
        waiting.message_id,
        MessageState.FAILED,
        Reason.RATE_LIMITED,
    )
    assert (await account.refused(GROUP)).retry_after == timedelta(minutes=1)
    account.clock.ms += MINUTE_MS
    assert await account.send() == TWO
    await account.accept(ONE)
    await account.send(Reason.RATE_LIMITED)
    assert (await account.refused()).retry_after == timedelta(minutes=1)  # a new row
