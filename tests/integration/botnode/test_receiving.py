"""What WhatsApp brings is on disk before the library goes on."""

import asyncio
import dataclasses
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import pytest
from sqlalchemy.exc import DatabaseError

from botmesh.errors import Reason
from botmesh.v1 import MessageContent, PollContent, UndecryptableMessage, bot_pb2, event_pb2
from botnode import receipts
from botnode.ports import MessageKey, Original, Receipt, ReceiptKind, ReceivedMessage
from botnode.store import Transaction
from tests.integration.botnode.conftest import (
    Node,
    error_of,
    eventually,
    text_content,
    typed_errors,
)
from tests.integration.botnode.fake_whatsapp import ACCOUNT

MESSAGE = ReceivedMessage(
    whatsapp_id="3EB0IN",
    chat_jid="1@lid",
    sender_jid="1@lid",
    sender_number="+525512345678",
    push_name="Ana",
    from_me=False,
    group=False,
    time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    kind="conversation",
    content=text_content("¿abren hoy?").SerializeToString(),
)

RECEIPT = Receipt(ReceiptKind.DELIVERED, ("3EB0",), "1@lid", "1@lid", MESSAGE.time)


async def bring(node: Node, message: ReceivedMessage = MESSAGE) -> None:
    """As the library does: on a thread of its own."""
    await asyncio.to_thread(node.whatsapp.inbox.message, message)


async def test_a_message_is_an_event(node: Node) -> None:
    await bring(node)
    received = (await node.events(3))[2].message_received
    assert received.content.text.body == "¿abren hoy?"
    assert received.sender_number == "+525512345678"
    assert received.push_name == "Ana"
    assert received.send_time.ToDatetime(tzinfo=UTC) == MESSAGE.time


async def test_a_kind_that_is_not_decoded_is_told_without_content(node: Node) -> None:
    await bring(node, dataclasses.replace(MESSAGE, kind="stickerMessage", content=None))
    received = (await node.events(3))[2].message_received
    assert not received.HasField("content")
    assert received.undecoded_kind == "stickerMessage"


async def test_a_repeat_is_no_second_event(node: Node) -> None:
    await bring(node)
    await bring(node)
    await bring(node, dataclasses.replace(MESSAGE, sender_jid="2@lid"))  # another's, same id
    await bring(node, dataclasses.replace(MESSAGE, whatsapp_id="3EB0LAST"))
    events = await node.events(5)
    ids = [(e.message_received.whatsapp_id, e.message_received.sender_jid) for e in events[2:]]
    assert ids == [("3EB0IN", "1@lid"), ("3EB0IN", "2@lid"), ("3EB0LAST", "1@lid")]


async def test_what_cannot_be_read_is_told_once_and_not_after_it_came(node: Node) -> None:
    event = event_pb2.Event(message_undecryptable=UndecryptableMessage(whatsapp_id="3EB0IN"))

    async def tell(whatsapp_id: str | None) -> None:
        about = whatsapp_id and MessageKey("1@lid", "1@lid", whatsapp_id)
        arguments = ("message_undecryptable", event.SerializeToString(), about)
        await asyncio.to_thread(node.whatsapp.inbox.notice, *arguments)

    for whatsapp_id in ("3EB0IN", "3EB0IN", None, None):
        await tell(whatsapp_id)
    await bring(node)
    await tell("3EB0IN")
    await bring(node, dataclasses.replace(MESSAGE, whatsapp_id="3EB0LAST"))
    await tell("3EB0LAST")
    kinds = [str(event.WhichOneof("kind")) for event in await node.events(7)]
    assert kinds[2:] == ["message_undecryptable"] * 3 + ["message_received"] * 2


async def test_secrets_outlive_the_process(node: Node, make_node: Callable[..., Node]) -> None:
    poll = MessageContent(poll=PollContent(name="¿Sí?", options=["sí", "no"]))
    content = poll.SerializeToString(deterministic=True)
    await bring(node, dataclasses.replace(MESSAGE, content=content, secret=bytes(32)))
    sent = await node.send(content=poll)
    await node.stop()
    second = await make_node().start(ACCOUNT)
    originals = second.whatsapp.inbox.originals
    assert await asyncio.to_thread(originals, "3EB0IN") == [Original(bytes(32), "1@lid", content)]
    (own,) = await asyncio.to_thread(originals, sent.whatsapp_id)
    assert own == Original(node.whatsapp.secrets[0], "", content)


async def test_the_library_waits_until_it_is_on_disk(node: Node) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        started.set()
        go_on.wait(5)

    node.tenant._store.submit(hold)
    await asyncio.to_thread(started.wait, 5)
    bringing = asyncio.ensure_future(bring(node))
    await asyncio.sleep(0.1)
    assert not bringing.done()
    go_on.set()
    await bringing
    head = await node.tenant._store.read(lambda c: c.exec_driver_sql("SELECT 1").scalar_one())
    assert head == 1
    assert len(await node.events(3)) == 3


async def test_following_live(node: Node) -> None:
    await node.flush()
    request = bot_pb2.StreamEventsRequest(tenant_id="shop")
    call = node.stub.StreamEvents(request, metadata=node.metadata, timeout=5)
    items = aiter(call)
    head = (await anext(items)).head
    assert head.sequence == 2
    await bring(node)
    event = (await anext(items)).event
    assert event.cursor.sequence == 3
    assert event.cursor.log_id == head.log_id
    call.cancel()


async def drained(stream: Any) -> None:
    with typed_errors():
        while await stream.read() is not grpc.aio.EOF:
            pass


async def test_streams_end_with_the_process_and_with_their_consumers(node: Node) -> None:
    request = bot_pb2.StreamEventsRequest(tenant_id="shop")
    streams = [node.stub.StreamEvents(request, metadata=node.metadata) for _ in range(3)]
    for stream in streams:
        await stream.read()
    streams.pop().cancel()
    events, calls = node.tenant.events, node.services._calls
    await eventually(lambda: (events._followers, len(calls._streams)) == (2, 2))
    node.services.stop()
    for stream in streams:
        assert (await error_of(drained(stream))).reason is Reason.SHUTTING_DOWN
    assert (events._followers, calls._streams) == (0, set())


async def test_going_on_after_a_cursor_over_a_restart(
    node: Node, make_node: Callable[..., Node]
) -> None:
    await bring(node)
    cursor = (await node.events(3))[2].cursor
    await node.stop()
    second = await make_node().start(ACCOUNT)
    request = bot_pb2.StreamEventsRequest(tenant_id="shop", after=cursor)
    items = aiter(second.stub.StreamEvents(request, metadata=second.metadata, timeout=5))
    await anext(items)
    assert (await anext(items)).event.cursor.sequence == cursor.sequence + 1


async def test_a_cursor_of_another_log(node: Node) -> None:
    async def follow() -> object:
        request = bot_pb2.StreamEventsRequest(tenant_id="shop")
        request.after.log_id = "another"
        with typed_errors():
            return await anext(
                aiter(node.stub.StreamEvents(request, metadata=node.metadata, timeout=5))
            )

    assert (await error_of(follow())).reason is Reason.EVENT_LOG_CHANGED


@pytest.mark.parametrize("method", ["message", "receipt"])
async def test_what_cannot_be_kept_ends_the_process(
    node: Node, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """WhatsApp was told that it arrived: nothing would bring it again."""

    def broken(*_: object) -> None:
        raise DatabaseError("INSERT", {}, sqlite3.DatabaseError("database disk image is malformed"))

    inbox = node.whatsapp.inbox
    monkeypatch.setattr(inbox, "_keep", broken)
    monkeypatch.setattr(receipts, "apply", broken)
    brought = MESSAGE if method == "message" else RECEIPT
    await asyncio.to_thread(getattr(inbox, method), brought)
    await eventually(lambda: node.said == ["crash"])
