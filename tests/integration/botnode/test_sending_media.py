"""Messages with media: looked at, stored, brought to WhatsApp, then sent."""

import asyncio
import dataclasses
import hashlib
import itertools
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from botmesh.errors import MeshError, Reason
from botmesh.v1 import MessageContent, bot_pb2, message_pb2
from botnode import media_courier, media_preparation, outbox
from botnode import media_uploads as uploads
from botnode.media_ports import MediaKind
from botnode.ports import Account
from botnode.tables import media_uploads
from botnode.tables import messages as message_table
from tests import media_samples
from tests.integration.botnode.conftest import Node, error_of, eventually
from tests.integration.botnode.fake_whatsapp import ACCOUNT
from tests.integration.botnode.test_media import Client

PICTURE = media_samples.picture("PNG", (64, 48))
OTHER = "+525500000001"
QUEUE = message_pb2.DELIVERY_QUEUE
ANOTHER = Account("5215500000000:1@s.whatsapp.net", "1@lid")


def image(data: bytes = PICTURE, **fields: Any) -> MessageContent:
    media = message_pb2.Media(data=data)
    return MessageContent(image=message_pb2.ImageContent(media=media, **fields))


def by_id(media_id: str, **fields: Any) -> MessageContent:
    media = message_pb2.Media(media_id=media_id)
    return MessageContent(image=message_pb2.ImageContent(media=media, **fields))


def document(data: bytes, name: str = "a.bin") -> MessageContent:
    media = message_pb2.Media(data=data)
    return MessageContent(document=message_pb2.DocumentContent(media=media, file_name=name))


@pytest.fixture
def client(node: Node) -> Client:
    return Client(node)


async def test_a_picture_is_looked_at_stored_brought_and_sent(client: Client) -> None:
    node = client.node
    message = await node.send(content=image(caption="mira"))
    sent = message.content.image
    assert message.state == message_pb2.MESSAGE_STATE_SENT
    assert sent.media.content_type == "image/png"
    assert (sent.media.size_bytes, sent.caption) == (len(PICTURE), "mira")
    assert sent.media.sha256 == hashlib.sha256(PICTURE).digest()
    assert (sent.media.data, bool(sent.thumbnail), sent.width > 0) == (b"", True, True)
    assert node.transfer.uploads == [(PICTURE, MediaKind.IMAGE)]
    (uploaded,) = node.whatsapp.media
    assert uploaded is not None
    assert uploaded.url == "https://media.example/1"
    stored = await client.get(sent.media.media_id)
    assert (stored.state, stored.content_type) == (3, "image/png")
    assert b"".join((await client.download(stored.media_id))[1]) == PICTURE
    event = (await node.events(4))[-1].message_state_changed
    assert event.content.image.media == sent.media
    assert not event.content.image.thumbnail
    request = bot_pb2.ListMessagesRequest(tenant_id="shop")
    (listed,) = (await node.stub.ListMessages(request, metadata=node.metadata)).messages
    assert listed.content.image.media == sent.media
    assert not listed.content.image.thumbnail


async def test_the_same_bytes_are_stored_looked_at_and_brought_once(client: Client) -> None:
    node = client.node
    messages = [await node.send(content=image(caption=text), to=OTHER) for text in "ab"]
    first, second = (message.content.image.media for message in messages)
    assert first == second
    assert len(client.files) == 1
    assert len(node.transfer.uploads) == 1
    looks: list[Any] = []
    inspect = node.tenant._inspector.inspect
    node.tenant._inspector.inspect = lambda *a, **k: looks.append(a) or inspect(*a, **k)  # type: ignore[method-assign,func-returns-value]  # counted
    await node.send(content=by_id(first.media_id))
    assert looks == []
    await node.send(content=document(PICTURE))  # as something else it is brought again
    assert [kind for _, kind in node.transfer.uploads] == [MediaKind.IMAGE, MediaKind.DOCUMENT]
    assert len(client.files) == 1


async def test_a_repeat_with_the_same_bytes_joins(client: Client) -> None:
    request_id = str(uuid.uuid4())
    first = await client.node.send(content=image(), request_id=request_id)
    again = await client.node.send(content=image(), request_id=request_id)
    assert again.message_id == first.message_id
    other = media_samples.picture("PNG", (9, 9))
    error = await error_of(client.node.send(content=image(other), request_id=request_id))
    assert error.reason is Reason.REQUEST_ID_REUSED
    assert len(client.node.whatsapp.contents) == 1
    assert len(client.files) == 1


async def test_nothing_is_stored_of_what_cannot_be_sent(client: Client) -> None:
    error = await error_of(client.node.send(content=image(b"no picture")))
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["content.image.media"]
    assert client.files == {}
    assert not list(client.node.folder.inspection.iterdir())


@pytest.mark.parametrize(
    ("media_id", "reason"),
    [("unknown", Reason.MEDIA_NOT_FOUND), ("unfinished", Reason.MEDIA_INCOMPLETE)],
)
async def test_media_that_is_not_there(client: Client, media_id: str, reason: Reason) -> None:
    wanted = str(uuid.uuid4())
    if media_id == "unfinished":
        (await client.begin(wanted)).cancel()
    error = await error_of(client.node.send(content=by_id(wanted)))
    assert error.reason is reason
    listed = await client.node.stub.ListMessages(
        bot_pb2.ListMessagesRequest(tenant_id="shop"), metadata=client.node.metadata
    )
    assert not listed.messages


async def test_media_larger_than_its_kind_may_be(client: Client) -> None:
    content = bytes(600 * 1024)
    stored = await client.upload(content)
    media = message_pb2.Media(media_id=stored.media_id)
    sticker = MessageContent(sticker=message_pb2.StickerContent(media=media))
    error = await error_of(client.node.send(content=sticker))
    assert error.reason is Reason.MEDIA_TOO_LARGE


async def test_a_document_has_the_type_that_it_was_uploaded_with(client: Client) -> None:
    stored = await client.upload(b"nobody knows", content_type="application/x-order")
    media = message_pb2.Media(media_id=stored.media_id)
    content = MessageContent(document=message_pb2.DocumentContent(media=media, file_name="order"))
    message = await client.node.send(content=content)
    assert message.content.document.media.content_type == "application/x-order"


async def test_the_pump_sleeps_while_media_is_brought(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, may_end, looks = client.node, asyncio.Event(), 0
    pump = node.tenant.outbox.pump
    find = pump._find

    async def counted() -> Any:
        nonlocal looks
        looks += 1
        return await find()

    monkeypatch.setattr(pump, "_find", counted)
    node.transfer.before = may_end.wait  # type: ignore[assignment]  # what it returns is not used
    pump._delayed = True
    sending = asyncio.create_task(node.send(content=image(), to=OTHER))
    await eventually(lambda: node.transfer.uploads)
    behind = asyncio.create_task(node.send("behind", to=OTHER))
    await asyncio.sleep(0.3)  # nothing tells that nothing happens
    assert looks < 8
    may_end.set()
    await asyncio.gather(sending, behind)


async def test_a_slow_transfer_holds_up_its_own_recipient_alone(client: Client) -> None:
    node, may_end = client.node, asyncio.Event()
    node.transfer.before = may_end.wait  # type: ignore[assignment]  # what it returns is not used
    slow = asyncio.create_task(node.send(content=image(), to=OTHER))
    await eventually(lambda: node.transfer.uploads)
    behind = asyncio.create_task(node.send("behind", to=OTHER))
    await node.send("somebody else's")
    assert [text for _, text in node.whatsapp.sent] == ["somebody else's"]
    may_end.set()
    await asyncio.gather(slow, behind)
    assert [to for to, _ in node.whatsapp.sent[1:]] == [f"{OTHER[1:]}@s.whatsapp.net"] * 2
    assert node.whatsapp.contents[1].HasField("image")


async def _fail_first(node: Node, times: int) -> None:
    left = iter(range(times))

    async def fail() -> None:
        if next(left, None) is not None:
            raise MeshError(Reason.MEDIA_TRANSFER_FAILED, "status code 502")

    node.transfer.before = fail


async def test_a_transfer_that_fails_fails_the_impatient(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "ASK_AGAIN_AFTER", timedelta(seconds=0.05))
    node, request_id = client.node, str(uuid.uuid4())
    await _fail_first(node, 1)
    error = await error_of(node.send(content=image(), request_id=request_id))
    assert (error.reason, error.retryable) == (Reason.MEDIA_TRANSFER_FAILED, True)
    assert error.retry_after is not None
    assert not node.whatsapp.contents
    await asyncio.sleep(error.retry_after.total_seconds())
    again = await node.send(content=image(), request_id=request_id)
    assert again.message_id == error.metadata["message_id"]
    assert again.state == message_pb2.MESSAGE_STATE_SENT


async def test_a_transfer_that_fails_is_tried_again_for_the_patient(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_courier, "RETRY_AFTER", timedelta(seconds=0.01))
    node = client.node
    await _fail_first(node, 2)
    message = await node.send(content=image(), delivery=QUEUE, timeout=20)
    assert message.state == message_pb2.MESSAGE_STATE_SENT
    assert len(node.transfer.uploads) == 3
    request = bot_pb2.GetMessageRequest(tenant_id="shop", message_id=message.message_id)
    found = await node.stub.GetMessage(request, metadata=node.metadata)
    steps = [(step.state, step.reason) for step in found.timeline]
    waiting, sending, sent = (
        message_pb2.MESSAGE_STATE_QUEUED,
        message_pb2.MESSAGE_STATE_SENDING,
        message_pb2.MESSAGE_STATE_SENT,
    )
    delayed = (waiting, "MEDIA_TRANSFER_FAILED")
    assert steps == [(waiting, ""), delayed, (sending, ""), (sent, "")]


@pytest.mark.parametrize("where", ["transfer", "store"])
async def test_whatever_breaks_a_transfer_is_not_tried_again_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(media_courier, "RETRY_AFTER", timedelta(seconds=0.05))
    node, add = client.node, uploads.add
    loop, tried_at = asyncio.get_running_loop(), list[float]()

    def breaks(*given: Any) -> None:
        tried_at.append(loop.time())
        if len(tried_at) < 4:
            raise RuntimeError("can't start new thread")
        if given:
            add(*given)

    async def before() -> None:
        breaks()

    if where == "transfer":
        node.transfer.before = before
    else:
        monkeypatch.setattr(uploads, "add", breaks)
    message = await node.send(content=image(), delivery=QUEUE, timeout=20)
    assert message.state == message_pb2.MESSAGE_STATE_SENT
    rests = [after - before for before, after in itertools.pairwise(tried_at)]
    assert [rest > least for rest, least in zip(rests, (0.05, 0.1, 0.2), strict=True)] == [True] * 3


async def test_a_transfer_that_breaks_has_a_reason(client: Client) -> None:
    node = client.node

    async def before() -> None:
        raise KeyError("ftp")

    node.transfer.before = before
    error = await error_of(node.send(content=image()))
    assert (error.reason, error.retryable) == (Reason.MEDIA_TRANSFER_FAILED, True)
    assert "ftp" not in error.message


async def test_media_that_is_gone_fails_its_message(client: Client) -> None:
    node = client.node
    stored = await client.upload(PICTURE)
    (file,) = node.folder.media.iterdir()
    await node.send(content=by_id(stored.media_id))
    file.unlink()

    def forget(tx: Any) -> None:
        tx.connection.execute(update(media_uploads).values(create_ms=1))

    await node.tenant._store.write(forget)
    error = await error_of(node.send(content=by_id(stored.media_id), delivery=QUEUE))
    assert error.reason is Reason.MEDIA_NOT_FOUND


async def test_an_old_reference_is_made_anew_before_a_message_goes_out(client: Client) -> None:
    node = client.node
    message = await node.send(content=image())
    node.whatsapp.answer = lambda _to, _text: "3EB0"

    def age(tx: Any) -> None:
        tx.connection.execute(update(media_uploads).values(create_ms=1))
        tx.connection.execute(update(message_table).values(state=1, media_pending=False))

    await node.tenant._store.write(age)
    node.tenant.outbox.pump.wake()
    await eventually(lambda: len(node.whatsapp.contents) == 2)
    assert len(node.transfer.uploads) == 2
    assert node.whatsapp.media[1] is not None
    assert node.whatsapp.media[1].url == "https://media.example/2"
    del message


async def test_a_waiting_message_keeps_what_is_deleted(client: Client) -> None:
    node, may_end = client.node, asyncio.Event()
    node.transfer.before = may_end.wait  # type: ignore[assignment]  # what it returns is not used
    stored = await client.upload(PICTURE)
    sending = asyncio.create_task(node.send(content=by_id(stored.media_id)))
    await eventually(lambda: node.transfer.uploads)
    await client.delete(stored.media_id)
    assert (await error_of(client.get(stored.media_id))).reason is Reason.MEDIA_NOT_FOUND
    error = await error_of(node.send(content=by_id(stored.media_id), to=OTHER))
    assert error.reason is Reason.MEDIA_NOT_FOUND
    may_end.set()
    assert (await sending).state == message_pb2.MESSAGE_STATE_SENT
    await node.tenant.media.trim()
    assert client.files == {}


async def test_a_look_that_takes_long_goes_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, may_end, request_id = client.node, asyncio.Event(), str(uuid.uuid4())
    inspector = node.tenant._inspector
    inspect, looks = inspector.inspect, 0

    async def slowly(*arguments: Any, **named: Any) -> Any:
        nonlocal looks
        looks += 1
        await may_end.wait()
        return await inspect(*arguments, **named)

    monkeypatch.setattr(inspector, "inspect", slowly)
    error = await error_of(node.send(content=image(), request_id=request_id, timeout=0.4))
    assert (error.reason, error.retryable) == (Reason.BOTNODE_UNAVAILABLE, True)
    may_end.set()
    message = await node.send(content=image(), request_id=request_id)
    assert (message.state, looks) == (message_pb2.MESSAGE_STATE_SENT, 1)


async def test_quoted_media_is_shown_without_its_bytes(client: Client) -> None:
    first = await client.node.send(content=image(caption="mira"))
    reply = MessageContent(text=message_pb2.TextContent(body="sí"))
    reply.quoted.original.message_id = first.message_id
    message = await client.node.send(content=reply)
    assert message.content.quoted.content.image == first.content.image


async def test_transfers_end_with_the_process(
    make_node: Callable[..., Node],
) -> None:
    node = await make_node().start(dataclasses.replace(ACCOUNT))
    ended = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    node.transfer.before = hang
    sending = asyncio.create_task(error_of(node.send(content=image(), delivery=QUEUE)))
    await eventually(lambda: node.transfer.uploads)
    await node.stop()
    assert ended.is_set()
    assert (await sending).reason is Reason.SHUTTING_DOWN
    node.transfer.before = None
    again = await node.start(dataclasses.replace(ACCOUNT))
    await eventually(lambda: again.whatsapp.contents)


async def test_another_account_brings_media_anew(make_node: Callable[..., Node]) -> None:
    first = await make_node().start(ACCOUNT)
    sent = await first.send(content=image())
    await first.stop()
    second = await make_node().start(ANOTHER)
    again = await second.send(content=by_id(sent.content.image.media.media_id))
    assert again.state == message_pb2.MESSAGE_STATE_SENT
    assert [len(node.transfer.uploads) for node in (first, second)] == [1, 1]


@pytest.mark.parametrize("by", ["media_id", "bytes"])
async def test_media_that_is_deleted_during_its_look(client: Client, by: str) -> None:
    node = client.node
    stored = await client.upload(PICTURE)
    inspect = node.tenant._inspector.inspect
    looks: list[Any] = []

    async def delete_first(*args: Any, **named: Any) -> Any:
        looks.append(args)
        found = await inspect(*args, **named)
        if len(looks) == 1:
            await client.delete(stored.media_id)
        return found

    node.tenant._inspector.inspect = delete_first  # type: ignore[method-assign]  # in between
    if by == "media_id":
        error = await error_of(node.send(content=by_id(stored.media_id)))
        assert error.reason is Reason.MEDIA_NOT_FOUND
        assert client.files == {}
    else:
        message = await node.send(content=image())
        assert message.content.image.media.media_id != stored.media_id
        assert len(client.files) == 1


async def test_nothing_is_looked_at_for_a_message_that_would_be_refused(unpaired: Node) -> None:
    looks: list[Any] = []
    unpaired.tenant._inspector.inspect = looks.append  # type: ignore[assignment]  # counted
    for options in ({}, {"delivery": QUEUE}):
        error = await error_of(unpaired.send(content=image(), **options))
        assert error.reason is Reason.SESSION_NOT_PAIRED
    assert (looks, Client(unpaired).files) == ([], {})


async def test_what_was_stored_for_a_refused_message_goes_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, calls = client.node, itertools.count()

    def refuse_the_second(*_: Any) -> None:
        if next(calls) % 2:
            raise MeshError(Reason.QUEUE_FULL, "full meanwhile")

    monkeypatch.setattr(node.tenant.outbox, "_check_place", refuse_the_second)
    error = await error_of(node.send(content=image()))
    assert error.reason is Reason.QUEUE_FULL
    await eventually(lambda: not client.files)
    monkeypatch.undo()
    message = await node.send(content=image())
    assert message.state == message_pb2.MESSAGE_STATE_SENT
    stored = await client.upload(b"%PDF-1.4 mine")
    monkeypatch.setattr(node.tenant.outbox, "_check_place", refuse_the_second)
    await error_of(node.send(content=document(b"%PDF-1.4 mine")))
    assert (await client.get(stored.media_id)).stored_bytes  # not made for the message
    assert len(client.files) == 2


async def test_looks_that_wait_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    node, go_on = client.node, asyncio.Event()
    inspect = node.tenant._inspector.inspect

    async def wait(*args: Any, **named: Any) -> Any:
        await go_on.wait()
        return await inspect(*args, **named)

    node.tenant._inspector.inspect = wait  # type: ignore[method-assign]  # in between
    monkeypatch.setattr(media_preparation, "MOST_LOOKS", 1)
    first = asyncio.create_task(node.send(content=image()))
    await eventually(lambda: node.tenant.preparation._looking)
    error = await error_of(node.send(content=document(b"%PDF-1.4")))
    assert (error.reason, error.retryable) == (Reason.QUEUE_FULL, True)
    assert len(client.files) == 1
    go_on.set()
    assert (await first).state == message_pb2.MESSAGE_STATE_SENT
    await node.send(content=document(b"%PDF-1.4"))
