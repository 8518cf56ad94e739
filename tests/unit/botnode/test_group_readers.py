"""Who in a group has a message: people, each once."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from botmesh.v1 import event_pb2
from botnode import group_readers, receipts, retention
from botnode.clock import now
from botnode.message import OutboundMessage
from botnode.message_row import find
from botnode.messages import Attempt, MessageRows
from botnode.ports import Receipt, ReceiptKind, Sent
from botnode.states import MessageState
from botnode.store import Store, Transaction
from botnode.tables import events, messages
from botnode.tables import group_readers as table

GROUP = "120363@g.us"
ACCOUNT = "+5215500000000"  # that of make_message
ID, AGAIN = "3EB0", "3EB1"
DELIVERED, READ = ReceiptKind.DELIVERED, ReceiptKind.READ


class Sending:
    """A message to a group, and receipts for it."""

    def __init__(self, store: Store, rows: MessageRows, message: OutboundMessage) -> None:
        self.store, self.rows, self.message_id = store, rows, message.message_id

    async def begin(self) -> None:
        attempt = Attempt(b"s" * 32, ACCOUNT, "1:1@s.whatsapp.net", "1:2:3")
        message = await self.now()
        await self.store.write(lambda tx: self.rows.begin_attempt(tx, message, attempt))

    async def sent(self, whatsapp_id: str = ID) -> None:
        sent = Sent(whatsapp_id, now())
        await self.store.write(lambda tx: self.rows.sent(tx, self.message_id, sent))

    async def receive(
        self, kind: ReceiptKind, jid: str, other_jid: str = "", whatsapp_id: str = ID
    ) -> None:
        receipt = Receipt(kind, (whatsapp_id,), GROUP, jid, now(), other_jid)
        await self.store.write(lambda tx: self._apply(tx, receipt))

    def _apply(self, tx: Transaction, receipt: Receipt) -> None:
        receipts.apply(tx, self.rows.changer, receipt, ACCOUNT)

    async def now(self) -> OutboundMessage:
        found = await self.store.read(lambda c: find(c, self.message_id))
        assert found is not None
        return found

    async def counts(self) -> tuple[int, int]:
        message = await self.now()
        return message.delivered_count, message.read_count

    async def told(self) -> list[tuple[int, int, int]]:
        """State and counts of each event since it was sent."""
        query = select(events.c.payload).order_by(events.c.sequence)
        payloads = await self.store.read(lambda c: c.execute(query).scalars().all())
        records = [event_pb2.Event.FromString(p).message_state_changed for p in payloads]
        return [(r.state, r.delivered_count, r.read_count) for r in records[3:]]


@pytest.fixture
async def sending(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> Sending:
    message = make_message(to=GROUP)
    await store.write(lambda tx: rows.insert(tx, message))
    sending = Sending(store, rows, message)
    await sending.begin()
    return sending


async def test_each_person_counts_once(sending: Sending) -> None:
    await sending.sent()
    for jid in ("1@lid", "2@lid", "1@lid"):  # the third is another device of the first
        await sending.receive(DELIVERED, jid)
    assert await sending.counts() == (2, 0)
    for _ in range(2):
        await sending.receive(READ, "2@lid")
    await sending.receive(READ, "3@lid")  # whose delivery was not told
    await sending.receive(DELIVERED, "3@lid")
    assert await sending.counts() == (3, 2)
    assert await sending.told() == [(5, 1, 0), (5, 2, 0), (6, 2, 1), (6, 3, 2)]


async def test_a_number_and_a_lid_are_one_person(sending: Sending) -> None:
    await sending.sent()
    await sending.receive(DELIVERED, "1@lid", "521551@s.whatsapp.net")
    await sending.receive(READ, "521551@s.whatsapp.net")
    assert await sending.counts() == (1, 1)
    await sending.receive(DELIVERED, "521552@s.whatsapp.net")
    await sending.receive(READ, "2@lid", "521552@s.whatsapp.net")
    assert await sending.counts() == (2, 2)
    await sending.receive(DELIVERED, "3@lid")
    await sending.receive(DELIVERED, "4@lid")
    assert await sending.counts() == (4, 2)


async def test_receipts_that_are_faster_than_the_acknowledgement(sending: Sending) -> None:
    await sending.receive(DELIVERED, "1@lid")
    await sending.receive(DELIVERED, "2@lid")
    await sending.receive(READ, "2@lid")
    await sending.sent()
    message = await sending.now()
    assert message.state is MessageState.READ
    assert (message.delivered_count, message.read_count) == (2, 1)
    assert (await sending.told())[-1] == (6, 2, 1)
    await sending.receive(READ, "1@lid")
    assert await sending.counts() == (2, 2)


async def test_a_thousand_people_are_few_events(sending: Sending) -> None:
    await sending.sent()

    def all_of(tx: Transaction, kind: ReceiptKind) -> None:
        for person in range(1000):
            receipt = Receipt(kind, (ID,), GROUP, f"{person}@lid", now())
            receipts.apply(tx, sending.rows.changer, receipt, ACCOUNT)

    for kind in (DELIVERED, READ):
        await sending.store.write(lambda tx, k=kind: all_of(tx, k))
    assert await sending.counts() == (1000, 1000)
    told = await sending.told()
    counted = [*range(1, 17), 32, 64, 128, 256, 512]
    assert [delivered for state, delivered, _ in told if state == 5] == counted
    assert [read for state, _, read in told if state == 6] == counted


async def test_a_message_that_was_sent_twice(sending: Sending) -> None:
    await sending.sent()
    twice = update(messages).values(whatsapp_id=AGAIN, earlier_whatsapp_id=ID)
    await sending.receive(DELIVERED, "1@lid")
    await sending.store.write(lambda tx: tx.connection.execute(twice))
    await sending.receive(DELIVERED, "1@lid", whatsapp_id=AGAIN)
    await sending.receive(READ, "1@lid", whatsapp_id=AGAIN)
    assert await sending.counts() == (1, 1)


async def test_who_reads_what_was_never_sent_here_is_forgotten(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kept() -> int:
        query = select(func.count()).select_from(table)
        return int(await sending.store.read(lambda c: c.execute(query).scalar_one()))

    await sending.receive(DELIVERED, "1@lid", whatsapp_id="of another device")
    await sending.sent()
    await sending.receive(DELIVERED, "1@lid")
    monkeypatch.setattr(receipts, "KEEP_EARLY_MS", -1000)
    await sending.receive(DELIVERED, "2@lid", whatsapp_id="also of another")
    assert await kept() == 2
    old = update(messages).values(update_ms=0, expire_ms=0)
    await sending.store.write(lambda tx: tx.connection.execute(old))
    assert await sending.store.write(retention.trim_messages) == 1
    assert await kept() == 1


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(0, 0, False), (0, 1, True), (15, 16, True), (16, 17, False), (31, 32, True), (32, 32, False)],
)
def test_which_counts_are_told(before: int, after: int, told: bool) -> None:
    assert group_readers.is_told(before, after) is told
