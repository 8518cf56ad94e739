"""The secrets of messages, kept for those that come about them."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from botmesh.v1 import MessageContent, PollContent, TextContent
from botnode import cut_sends, message_secrets, retention
from botnode.clock import now, now_ms
from botnode.message import OutboundMessage
from botnode.messages import Attempt, MessageRows
from botnode.ports import Original, ReceivedMessage, Sent
from botnode.states import MessageState
from botnode.store import Store, Transaction
from botnode.tables import message_secrets as table
from botnode.tables import messages

ME = "+5215500000000"
POLL = MessageContent(poll=PollContent(name="¿Sí?", options=["sí", "no"]))
TEXT = MessageContent(text=TextContent(body="hola"))
SECRET = bytes(range(32))


def received(
    content: MessageContent, *, from_me: bool = False, secret: bytes = SECRET
) -> ReceivedMessage:
    return ReceivedMessage(
        whatsapp_id="3EB0",
        chat_jid="9@g.us",
        sender_jid="1@lid",
        sender_number="",
        push_name="",
        from_me=from_me,
        group=True,
        time=datetime(2026, 1, 2, tzinfo=UTC),
        kind="conversation",
        content=content.SerializeToString(),
        secret=secret,
    )


async def found(store: Store, account: str = ME) -> list[Original]:
    return await store.read(lambda c: message_secrets.find(c, account, "3EB0"))


async def put(store: Store, message: ReceivedMessage) -> None:
    await store.write(lambda tx: message_secrets.put_received(tx, ME, message))


async def test_of_a_received_message_the_secret_is_kept_and_of_a_poll_the_words(
    store: Store,
) -> None:
    around = MessageContent(poll=POLL.poll, forwarded=True)
    await put(store, received(around))
    await put(store, received(TEXT, from_me=True))
    await put(store, received(TEXT, from_me=True))  # the same of another kind
    assert await found(store) == [
        Original(SECRET, "", b""),
        Original(SECRET, "1@lid", POLL.SerializeToString()),
    ]
    assert await found(store, "+1") == []


async def test_what_has_no_secret_is_not_kept(store: Store) -> None:
    await put(store, received(POLL, secret=b""))
    assert await found(store) == []


async def test_an_own_poll_outlives_its_place_in_the_outbox(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    for content, whatsapp_id in ((POLL, "3EB0"), (TEXT, "3EB1")):
        message = make_message()
        await store.write(lambda tx, m=message: rows.insert(tx, m))
        old = {
            "content": content.SerializeToString(),
            "message_secret": SECRET,
            "whatsapp_id": whatsapp_id,
            "state": MessageState.SENT.value,
            "update_ms": 0,
            "expire_ms": 0,
        }
        change = update(messages).where(messages.c.message_id == message.message_id).values(old)
        await store.write(lambda tx, c=change: tx.connection.execute(c))
    sent = await found(store)
    assert await store.write(retention.trim_messages) == 2
    assert await found(store) == sent == [Original(SECRET, "", POLL.SerializeToString())]
    assert await store.read(lambda c: message_secrets.find(c, ME, "3EB1")) == []


async def test_both_copies_of_a_poll_that_was_repeated_have_their_secret(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    message = make_message(allow_duplicate=True)
    message = dataclasses.replace(message, content=POLL.SerializeToString())
    first, second = (Attempt(bytes([n]) * 32, ME, "d", "g") for n in (1, 2))

    def twice(tx: Transaction) -> None:
        rows.insert(tx, message)
        rows.begin_attempt(tx, message, first)
        rows.cut_sending(tx, "cut")
        cut_sends.name(tx, rows, {first.secret: "3EB0"})
        rows.begin_duplicate(tx, message.message_id, second)
        rows.sent(tx, message.message_id, Sent("3EB1", now()))

    await store.write(twice)

    async def secrets() -> list[bytes]:
        return [
            original.secret
            for whatsapp_id in ("3EB0", "3EB1")
            for original in await store.read(
                lambda c, i=whatsapp_id: message_secrets.find(c, ME, i)
            )
        ]

    assert await secrets() == [first.secret, second.secret]
    await store.write(
        lambda tx: tx.connection.execute(update(messages).values(update_ms=0, expire_ms=0))
    )
    assert await store.write(retention.trim_messages) == 1
    assert await secrets() == [first.secret, second.secret]


async def test_polls_are_kept_longer(store: Store) -> None:
    await put(store, received(POLL))
    await put(store, received(TEXT, from_me=True))
    for days, left in ((29, 2), (31, 1), (364, 1), (366, 0)):
        then = now_ms() - int(timedelta(days=days).total_seconds() * 1000)
        await store.write(
            lambda tx, t=then: tx.connection.execute(update(table).values(create_ms=t))
        )
        await store.write(message_secrets.trim)
        assert len(await found(store)) == left
