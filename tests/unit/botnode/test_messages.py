"""A message's fate, row by row."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from botmesh.errors import Reason
from botmesh.v1 import event_pb2
from botnode import cut_sends, receipts
from botnode.clock import now
from botnode.message import Delivery, OutboundMessage
from botnode.message_row import find
from botnode.messages import _NEXT, Attempt, MessageRows
from botnode.ports import Receipt, ReceiptKind, Sent
from botnode.states import MessageState
from botnode.store import Store
from botnode.tables import early_receipts, events, messages

ID = "3EB0AAAA"
ACCOUNT = "+5215500000000"  # that of make_message


DEVICE = "5215500000000:1@s.whatsapp.net"


def attempt(secret: bytes = b"s", account: str = ACCOUNT) -> Attempt:
    return Attempt(secret * 32, account, DEVICE, "1:2:3")


class Outbox:
    """One message and what is done to it."""

    def __init__(self, store: Store, rows: MessageRows, message: OutboundMessage) -> None:
        self.store, self.rows, self.message = store, rows, message

    async def do(self, name: str, *arguments: Any) -> Any:
        change = getattr(self.rows, name)
        return await self.store.write(lambda tx: change(tx, self.message.message_id, *arguments))

    async def begin(self, attempt: Attempt) -> OutboundMessage | None:
        message = await self.now()
        return await self.store.write(lambda tx: self.rows.begin_attempt(tx, message, attempt))

    async def insert(self, expire: timedelta = timedelta(minutes=5)) -> None:
        self.message = dataclasses.replace(
            self.message, expire_time=self.message.create_time + expire
        )
        await self.store.write(lambda tx: self.rows.insert(tx, self.message))

    async def receive(
        self, kind: ReceiptKind, whatsapp_id: str = ID, account: str = ACCOUNT
    ) -> None:
        receipt = Receipt(kind, (whatsapp_id,), "1@lid", "1@lid", now())
        await self.store.write(lambda tx: receipts.apply(tx, self.rows.changer, receipt, account))

    async def now(self) -> OutboundMessage:
        found = await self.store.read(lambda c: find(c, self.message.message_id))
        assert found is not None
        return found

    async def history(self) -> list[int]:
        payloads = await self.store.read(
            lambda c: (
                c.execute(select(events.c.payload).order_by(events.c.sequence)).scalars().all()
            )
        )
        return [event_pb2.Event.FromString(p).message_state_changed.state for p in payloads]


@pytest.fixture
async def outbox(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> Outbox:
    outbox = Outbox(store, rows, make_message())
    await outbox.insert()
    return outbox


async def test_a_good_life(outbox: Outbox) -> None:
    await outbox.begin(attempt(b"s"))
    assert (await outbox.now()).attempt == 1
    await outbox.do("sent", Sent(ID, now()))
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.READ)
    message = await outbox.now()
    assert message.state is MessageState.READ
    assert all((message.sent_time, message.delivered_time, message.read_time))
    assert await outbox.history() == [1, 2, 4, 5, 6]


async def test_states_only_rise(outbox: Outbox) -> None:
    await outbox.begin(attempt(b"s"))
    await outbox.do("sent", Sent(ID, now()))
    await outbox.receive(ReceiptKind.READ)
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.SENDER)
    assert await outbox.do("failed", Reason.INTERNAL, "late") is None
    assert await outbox.do("unknown", "late") is None
    assert await outbox.begin(attempt(b"t")) is None
    assert (await outbox.now()).state is MessageState.READ
    assert (await outbox.now()).delivered_time is not None
    assert await outbox.history() == [1, 2, 4, 6]


async def test_a_receipt_before_the_id_is_known(outbox: Outbox, store: Store) -> None:
    await outbox.begin(attempt(b"s"))
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.SENDER)
    message = await outbox.do("sent", Sent(ID, now()))
    assert message.state is MessageState.DELIVERED
    left = await store.read(lambda c: c.execute(select(early_receipts)).all())
    assert left == []


async def test_a_cut_send_is_unknown_and_a_receipt_tells(outbox: Outbox, store: Store) -> None:
    await outbox.begin(attempt(b"s"))
    await store.write(lambda tx: outbox.rows.cut_sending(tx, "the process ended"))
    message = await outbox.now()
    assert message.state is MessageState.UNKNOWN
    assert message.reason == Reason.SEND_OUTCOME_UNKNOWN
    assert await store.read(cut_sends.open_secrets) == [b"s" * 32]
    await store.write(lambda tx: cut_sends.name(tx, outbox.rows, {b"s" * 32: ID}))
    assert (await outbox.now()).whatsapp_id == ID
    assert await store.read(cut_sends.open_secrets) == []
    await outbox.receive(ReceiptKind.SENDER)  # our own phone has its copy
    message = await outbox.now()
    assert message.state is MessageState.SENT
    assert message.reason == ""
    assert message.sent_time is not None


async def test_an_unknown_message_is_named_after_its_receipt_came(
    outbox: Outbox, store: Store
) -> None:
    await outbox.begin(attempt(b"s"))
    await outbox.receive(ReceiptKind.DELIVERED)
    await store.write(lambda tx: outbox.rows.cut_sending(tx, "the process ended"))
    await store.write(lambda tx: cut_sends.name(tx, outbox.rows, {b"s" * 32: ID}))
    assert (await outbox.now()).state is MessageState.DELIVERED


async def test_failed_is_the_end(outbox: Outbox) -> None:
    await outbox.begin(attempt(b"s"))
    message = await outbox.do("failed", Reason.REACH_OUT_LOCKED, "server returned error 463")
    assert message.reason == "REACH_OUT_LOCKED"
    assert await outbox.do("sent", Sent(ID, now())) is None
    assert (await outbox.now()).state is MessageState.FAILED


async def test_put_back_waits_again_with_a_fresh_secret(outbox: Outbox, store: Store) -> None:
    await outbox.begin(attempt(b"s"))
    await outbox.do("put_back", "websocket not connected")
    assert (await outbox.now()).state is MessageState.QUEUED
    await outbox.begin(attempt(b"t"))
    assert (await outbox.now()).attempt == 2
    secret = await store.read(lambda c: c.execute(select(messages.c.message_secret)).scalar_one())
    assert secret == b"t" * 32


async def test_a_phone_that_cannot_decrypt(outbox: Outbox, store: Store) -> None:
    await outbox.begin(attempt())
    await outbox.do("sent", Sent(ID, now()))
    await outbox.receive(ReceiptKind.RETRY)
    await outbox.receive(ReceiptKind.RETRY)
    assert (await outbox.now()).state is MessageState.SENT
    assert (await outbox.now()).undecrypted
    await outbox.receive(ReceiptKind.DELIVERED)
    assert not (await outbox.now()).undecrypted
    await outbox.receive(ReceiptKind.RETRY)  # another device of theirs
    assert (await outbox.now()).undecrypted
    await outbox.receive(ReceiptKind.DELIVERED)
    assert not (await outbox.now()).undecrypted
    kinds = await store.read(lambda c: c.execute(select(events.c.kind)).scalars().all())
    assert kinds == ["message_state_changed"] * 3 + [
        "message_decryption_changed",
        "message_state_changed",
        "message_decryption_changed",
        "message_decryption_changed",
    ]


async def test_a_phone_that_cannot_decrypt_has_the_message(outbox: Outbox, store: Store) -> None:
    await outbox.begin(attempt())
    await store.write(lambda tx: outbox.rows.cut_sending(tx, "cut"))
    await store.write(lambda tx: cut_sends.name(tx, outbox.rows, {b"s" * 32: ID}))
    await outbox.receive(ReceiptKind.RETRY)
    message = await outbox.now()
    assert (message.state, message.undecrypted) == (MessageState.SENT, True)


async def test_receipts_of_another_account_change_nothing(outbox: Outbox) -> None:
    await outbox.begin(attempt())
    await outbox.do("sent", Sent(ID, now()))
    await outbox.receive(ReceiptKind.DELIVERED, account="+5215587654321")
    assert (await outbox.now()).state is MessageState.SENT


async def test_a_receipt_never_raises_what_failed(outbox: Outbox) -> None:
    await outbox.begin(attempt())
    await outbox.do("sent", Sent(ID, now()))
    await outbox.do("failed", Reason.INTERNAL, "no effect: it was sent")
    assert (await outbox.now()).state is MessageState.SENT


async def test_order_and_expiry(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    first, second = Outbox(store, rows, make_message()), Outbox(store, rows, make_message())
    await first.insert(timedelta(seconds=-1))
    await second.insert()
    waiting = await store.read(rows.next_due)
    assert waiting is not None
    assert waiting.message_id == first.message.message_id
    assert await store.read(rows.count_queued) == 2
    (expired,) = await store.write(rows.expire_queued)
    assert expired.message_id == first.message.message_id
    assert expired.reason == Reason.MESSAGE_EXPIRED
    (failed,) = await store.write(
        lambda tx: rows.fail_impatient(tx, Reason.ACCOUNT_BANNED, "banned")
    )
    assert failed.message_id == second.message.message_id
    assert await store.read(rows.next_due) is None


async def test_no_attempt_when_the_time_is_over(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    late = Outbox(store, rows, make_message())
    await late.insert(timedelta(seconds=-1))
    message = await late.begin(attempt(b"s"))
    assert (message.state, message.attempt) == (MessageState.FAILED, 0)
    assert message.reason == Reason.MESSAGE_EXPIRED
    assert await late.history() == [1, 7]


async def test_no_attempt_for_another_account(outbox: Outbox) -> None:
    message = await outbox.begin(attempt(account="+5215587654321"))
    assert (message.state, message.attempt) == (MessageState.FAILED, 0)
    assert message.reason == Reason.ACCOUNT_CHANGED


async def test_a_failed_message_waits_again_behind_all_others(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    first, second = Outbox(store, rows, make_message()), Outbox(store, rows, make_message())
    await first.insert(timedelta(seconds=-1))
    await second.insert()
    soon = now() + timedelta(minutes=5)
    assert await first.do("requeue", ACCOUNT, soon) is None  # it waits already
    await store.write(rows.expire_queued)
    message = await first.do("requeue", "+5215587654321", soon)
    assert (message.state, message.reason, message.detail) == (MessageState.QUEUED, "", "")
    waiting = await store.read(rows.next_due)
    assert waiting is not None
    assert waiting.message_id == second.message.message_id
    begun = await first.begin(attempt(account="+5215587654321"))
    assert begun.state is MessageState.SENDING


async def test_a_message_that_waits_for_its_next_attempt_holds_up_its_recipient_alone(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    one, two = "5215511111111@s.whatsapp.net", "5215522222222@s.whatsapp.net"
    held, behind, other = (Outbox(store, rows, make_message(to=to)) for to in (one, one, two))
    for outbox in (held, behind, other):
        await outbox.insert()

    async def next_id() -> str | None:
        due = await store.read(rows.next_due)
        return due and due.message_id

    assert await next_id() == held.message.message_id
    await held.begin(attempt())
    await store.write(
        lambda tx: rows.put_back(
            tx, held.message.message_id, "429", not_before=now() + timedelta(minutes=1)
        )
    )
    assert await next_id() == other.message.message_id
    assert (await store.read(rows.waiting)).not_before is not None
    await other.do("failed", Reason.INTERNAL, "gone")
    assert await next_id() is None
    await store.write(
        lambda tx: tx.connection.execute(
            update(messages)
            .where(messages.c.message_id == held.message.message_id)
            .values(not_before_ms=1)
        )
    )
    assert await next_id() == held.message.message_id
    assert (await store.read(rows.waiting)).not_before is None


async def test_a_second_attempt_that_never_left_leaves_the_first_findable(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    """Else its id would never be learnt, nor its receipt heeded, and it would be sent again."""
    outbox = Outbox(store, rows, make_message(allow_duplicate=True))
    await outbox.insert()
    await outbox.begin(attempt(b"a"))
    await store.write(lambda tx: rows.cut_sending(tx, "cut"))
    for second in (b"b", b"c"):
        await outbox.do("begin_duplicate", attempt(second))
        assert await store.read(cut_sends.open_secrets) == [second * 32]
        await outbox.do("unrepeated", "websocket not connected")
        assert not (await outbox.now()).duplicated
        assert await store.read(cut_sends.open_secrets) == [b"a" * 32]
    await store.write(lambda tx: cut_sends.name(tx, rows, {b"a" * 32: "FIRST"}))
    await outbox.receive(ReceiptKind.DELIVERED, "FIRST")
    assert (await outbox.now()).state is MessageState.DELIVERED
    assert await store.read(lambda c: rows.next_duplicate(c, ACCOUNT)) is None


async def test_a_second_attempt_may_be_raised_by_receipts_of_the_first(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    outbox = Outbox(store, rows, make_message(allow_duplicate=True))
    await outbox.insert()
    await outbox.begin(attempt(b"s"))
    await store.write(lambda tx: rows.cut_sending(tx, "cut"))
    await store.write(lambda tx: cut_sends.name(tx, rows, {b"s" * 32: "FIRST"}))
    due = await store.read(lambda c: rows.next_duplicate(c, ACCOUNT))
    assert due is not None
    assert await store.read(lambda c: rows.next_duplicate(c, "+5215587654321")) is None
    await outbox.do("begin_duplicate", attempt(b"t"))
    message = await outbox.now()
    assert (message.attempt, message.whatsapp_id, message.duplicated) == (2, "", True)
    await outbox.do("unrepeated", "websocket not connected")
    message = await outbox.now()
    assert (message.state, message.whatsapp_id) == (MessageState.UNKNOWN, "FIRST")
    await outbox.do("begin_duplicate", attempt(b"u"))
    await outbox.do("unknown", "cut again")
    assert await store.read(lambda c: rows.next_duplicate(c, ACCOUNT)) is None  # once is enough
    await outbox.receive(ReceiptKind.DELIVERED, "FIRST")
    assert (await outbox.now()).state is MessageState.DELIVERED


async def test_cancelling(outbox: Outbox) -> None:
    for _ in range(2):
        message = await outbox.do("cancel")
        assert (message.state, message.reason) == (MessageState.FAILED, "MESSAGE_CANCELLED")
    assert await outbox.history() == [1, 7]
    assert await outbox.begin(attempt()) is None


async def test_what_was_accepted_for_another_account_fails(
    store: Store, rows: MessageRows, outbox: Outbox
) -> None:
    assert await store.write(lambda tx: rows.fail_strangers(tx, ACCOUNT)) == []
    (failed,) = await store.write(lambda tx: rows.fail_strangers(tx, "+5215587654321"))
    assert failed.reason == Reason.ACCOUNT_CHANGED


async def test_only_the_impatient_fail_with_the_session(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    impatient = Outbox(store, rows, make_message())
    patient = Outbox(store, rows, make_message(delivery=Delivery.QUEUE))
    await impatient.insert()
    await patient.insert()
    gone = await store.write(
        lambda tx: rows.fail_impatient(tx, Reason.SESSION_DISCONNECTED, "gone")
    )
    assert [message.message_id for message in gone] == [impatient.message.message_id]


async def test_what_is_due_is_found_without_what_was_settled(store: Store) -> None:
    def plan(connection: Connection) -> str:
        text = _NEXT._core.compile(dialect=connection.dialect)
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (1,) * 7)
        return "\n".join(row.detail for row in steps)

    found = await store.read(plan)
    assert "ix_messages_queued" in found
    assert "ix_messages_state_position" in found


async def test_a_clock_that_was_set_back_holds_nothing_up(outbox: Outbox) -> None:
    await outbox.begin(attempt())
    await outbox.do("put_back", "429")
    hour = now() + timedelta(hours=1)
    change = update(messages).values(not_before_ms=int(hour.timestamp() * 1000))
    await outbox.store.write(lambda tx: tx.connection.execute(change))
    assert await outbox.store.read(outbox.rows.next_due) is not None
