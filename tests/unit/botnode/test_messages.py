"""A message's fate, row by row."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from botmesh.errors import Reason
from botmesh.v1 import event_pb2
from botnode.clock import now
from botnode.message import OutboundMessage
from botnode.messages import MessageRows
from botnode.ports import Receipt, ReceiptKind
from botnode.states import MessageState
from botnode.store import Store
from botnode.tables import early_receipts, events, messages

ID = "3EB0AAAA"
ACCOUNT = "+5215500000000"  # that of make_message


class Outbox:
    """One message and what is done to it."""

    def __init__(self, store: Store, rows: MessageRows, message: OutboundMessage) -> None:
        self.store, self.rows, self.message = store, rows, message

    async def do(self, name: str, *arguments: Any) -> Any:
        change = getattr(self.rows, name)
        return await self.store.write(lambda tx: change(tx, self.message.message_id, *arguments))

    async def insert(self, expire: timedelta = timedelta(minutes=5)) -> None:
        await self.store.write(
            lambda tx: self.rows.insert(tx, self.message, self.message.create_time + expire)
        )

    async def receive(self, kind: ReceiptKind, whatsapp_id: str = ID) -> None:
        receipt = Receipt(kind, (whatsapp_id,), "1@lid", "1@lid", now())
        await self.store.write(lambda tx: self.rows.apply_receipt(tx, receipt))

    async def now(self) -> OutboundMessage:
        found = await self.store.read(lambda c: self.rows.find(c, self.message.message_id))
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
    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    assert (await outbox.now()).attempt == 1
    await outbox.do("sent", ID, now())
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.READ)
    message = await outbox.now()
    assert message.state is MessageState.READ
    assert message.sent_time and message.delivered_time and message.read_time  # noqa: PT018
    assert await outbox.history() == [1, 2, 4, 5, 6]


async def test_states_only_rise(outbox: Outbox) -> None:
    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    await outbox.do("sent", ID, now())
    await outbox.receive(ReceiptKind.READ)
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.SENDER)
    assert await outbox.do("failed", Reason.INTERNAL, "late") is None
    assert await outbox.do("unknown", "late") is None
    assert await outbox.do("begin_attempt", b"t" * 32, ACCOUNT) is None
    assert (await outbox.now()).state is MessageState.READ
    assert (await outbox.now()).delivered_time is not None
    assert await outbox.history() == [1, 2, 4, 6]


async def test_a_receipt_before_the_id_is_known(outbox: Outbox, store: Store) -> None:
    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.DELIVERED)
    await outbox.receive(ReceiptKind.SENDER)
    message = await outbox.do("sent", ID, now())
    assert message.state is MessageState.DELIVERED
    left = await store.read(lambda c: c.execute(select(early_receipts)).all())
    assert left == []


async def test_a_cut_send_is_unknown_and_a_receipt_tells(outbox: Outbox, store: Store) -> None:
    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    await store.write(lambda tx: outbox.rows.cut_sending(tx, "the process ended"))
    message = await outbox.now()
    assert message.state is MessageState.UNKNOWN
    assert message.reason == Reason.SEND_OUTCOME_UNKNOWN
    assert await store.read(outbox.rows.nameless_secrets) == [b"s" * 32]
    await store.write(lambda tx: outbox.rows.name_by_secret(tx, {b"s" * 32: ID}))
    assert (await outbox.now()).whatsapp_id == ID
    assert await store.read(outbox.rows.nameless_secrets) == []
    await outbox.receive(ReceiptKind.SENDER)  # our own phone has its copy
    message = await outbox.now()
    assert message.state is MessageState.SENT
    assert message.reason == ""
    assert message.sent_time is not None


async def test_an_unknown_message_is_named_after_its_receipt_came(
    outbox: Outbox, store: Store
) -> None:
    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    await outbox.receive(ReceiptKind.DELIVERED)
    await store.write(lambda tx: outbox.rows.cut_sending(tx, "the process ended"))
    await store.write(lambda tx: outbox.rows.name_by_secret(tx, {b"s" * 32: ID}))
    assert (await outbox.now()).state is MessageState.DELIVERED


async def test_failed_is_the_end(outbox: Outbox) -> None:
    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    message = await outbox.do("failed", Reason.REACH_OUT_LOCKED, "server returned error 463")
    assert message.reason == "REACH_OUT_LOCKED"
    assert await outbox.do("sent", ID, now()) is None
    assert (await outbox.now()).state is MessageState.FAILED


async def test_put_back_waits_again_with_a_fresh_secret(outbox: Outbox, store: Store) -> None:
    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    await outbox.do("put_back", "websocket not connected")
    assert (await outbox.now()).state is MessageState.QUEUED
    await outbox.do("begin_attempt", b"t" * 32, ACCOUNT)
    assert (await outbox.now()).attempt == 2
    secret = await store.read(lambda c: c.execute(select(messages.c.message_secret)).scalar_one())
    assert secret == b"t" * 32


async def test_a_phone_that_cannot_decrypt(outbox: Outbox, store: Store) -> None:
    async def undecrypted() -> bool:
        query = select(messages.c.undecrypted)
        return bool(await store.read(lambda c: c.execute(query).scalar_one()))

    await outbox.do("begin_attempt", b"s" * 32, ACCOUNT)
    await outbox.do("sent", ID, now())
    await outbox.receive(ReceiptKind.RETRY)
    assert (await outbox.now()).state is MessageState.SENT
    assert await undecrypted()
    await outbox.receive(ReceiptKind.DELIVERED)
    assert not await undecrypted()


async def test_order_and_expiry(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    first, second = Outbox(store, rows, make_message()), Outbox(store, rows, make_message())
    await first.insert(timedelta(seconds=-1))
    await second.insert()
    waiting = await store.read(rows.next_queued)
    assert waiting is not None
    assert waiting.message_id == first.message.message_id
    assert await store.read(rows.count_queued) == 2
    (expired,) = await store.write(rows.expire_queued)
    assert expired.message_id == first.message.message_id
    assert expired.reason == Reason.SESSION_DISCONNECTED
    (failed,) = await store.write(lambda tx: rows.fail_queued(tx, Reason.ACCOUNT_BANNED, "banned"))
    assert failed.message_id == second.message.message_id
    assert await store.read(rows.next_queued) is None


async def test_no_attempt_when_the_time_is_over(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    late = Outbox(store, rows, make_message())
    await late.insert(timedelta(seconds=-1))
    message = await late.do("begin_attempt", b"s" * 32, ACCOUNT)
    assert (message.state, message.attempt) == (MessageState.FAILED, 0)
    assert message.reason == Reason.SESSION_DISCONNECTED
    assert await late.history() == [1, 7]


async def test_no_attempt_for_another_account(outbox: Outbox) -> None:
    message = await outbox.do("begin_attempt", b"s" * 32, "+5215587654321")
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
    waiting = await store.read(rows.next_queued)
    assert waiting is not None
    assert waiting.message_id == second.message.message_id
    begun = await first.do("begin_attempt", b"s" * 32, "+5215587654321")
    assert begun.state is MessageState.SENDING
