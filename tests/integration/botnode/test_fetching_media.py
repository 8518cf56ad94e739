"""Received media: written down with its message, fetched in turn, tried again, told of once."""

import asyncio
import dataclasses
import errno
import hashlib
import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1 import MediaState, event_pb2, message_pb2
from botnode import media_fetcher
from botnode.media_fetcher import FetchLimit
from botnode.media_ports import MediaKind, MediaReference, ReceivedMedia
from botnode.media_store import new_id
from botnode.ports import Connected, Disconnected, ReceivedMessage
from tests.integration.botnode.conftest import Node, error_of, eventually
from tests.integration.botnode.fake_whatsapp import ACCOUNT
from tests.integration.botnode.test_media import Client
from tests.integration.botnode.test_receiving import MESSAGE, bring

JPEG = b"\xff\xd8\xff\xe0 a picture"
_numbers = itertools.count(1)


def message_with(data: bytes = JPEG, content_type: str = "image/jpeg") -> ReceivedMessage:
    sha256 = hashlib.sha256(data).digest()
    place = MediaReference(MediaKind.IMAGE, "", "/v/x?y", bytes(32), sha256, bytes(32), len(data))
    media = ReceivedMedia(new_id(), place, content_type, "")
    content = message_pb2.MessageContent()
    content.image.media.media_id = media.media_id
    return dataclasses.replace(
        MESSAGE,
        whatsapp_id=f"3EB0{next(_numbers)}",
        kind="imageMessage",
        content=content.SerializeToString(),
        media=media,
    )


def id_of(message: ReceivedMessage) -> str:
    assert message.media is not None
    return message.media.media_id


def write(path: Path) -> int:
    return path.write_bytes(JPEG)


async def give(_: MediaReference, path: Path, _limit: int) -> int:
    return write(path)


def refuse(reason: Reason, text: str = "no") -> Callable[..., Any]:
    async def fetch(_: MediaReference, path: Path, _limit: int) -> int:
        write(path)
        raise MeshError(reason, text)

    return fetch


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_fetcher, "RETRY_AFTER", timedelta(milliseconds=5))


@pytest.fixture
def rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_fetcher, "RETRY_AFTER", timedelta(hours=1))
    monkeypatch.setattr(media_fetcher, "LONGEST_RETRY", timedelta(hours=1))


async def told(node: Node, count: int = 1) -> list[event_pb2.Event]:
    """What became of messages and media so far; in time so many events."""
    session = 2
    return (await node.events(session + count))[session:]


async def test_media_is_fetched_on_receipt(node: Node) -> None:
    node.transfer.fetch = give
    message = message_with(content_type="application/octet-stream")
    await bring(node, message)
    came, changed = await told(node, 2)
    media_id = came.message_received.content.image.media.media_id
    assert media_id == id_of(message)
    record = changed.media_changed
    assert (record.media_id, record.state) == (media_id, MediaState.MEDIA_STATE_AVAILABLE)
    assert (record.content_type, record.size_bytes) == ("image/jpeg", len(JPEG))
    assert record.received
    assert message.media is not None
    assert node.transfer.fetched == [message.media.reference]
    stored, pieces = await Client(node).download(media_id)
    assert (stored, b"".join(pieces)) == (record, JPEG)


async def test_a_repeat_brings_no_second_media(node: Node) -> None:
    node.transfer.fetch = give
    message = message_with()
    again = message_with()
    await bring(node, message)
    await bring(node, dataclasses.replace(again, whatsapp_id=message.whatsapp_id))
    await bring(node, message_with())
    kinds = [event.WhichOneof("kind") for event in await told(node, 4)]
    assert sorted(map(str, kinds)) == ["media_changed"] * 2 + ["message_received"] * 2
    assert (await error_of(Client(node).get(id_of(again)))).reason is Reason.MEDIA_NOT_FOUND
    assert len(Client(node).files) == 2


async def test_a_new_process_goes_on(node: Node, make_node: Callable[..., Node]) -> None:
    message = message_with()
    await bring(node, message)
    await eventually(lambda: node.transfer.fetched)
    await node.crash()
    other = make_node()
    other.transfer.fetch = give
    await other.start(dataclasses.replace(ACCOUNT))
    await eventually(lambda: other.transfer.fetched and not other.tenant._fetcher._errands)
    record = await Client(other).get(id_of(message))
    assert record.state == MediaState.MEDIA_STATE_AVAILABLE


async def test_two_at_a_time_and_what_is_asked_for_first(node: Node) -> None:
    go_on = asyncio.Semaphore(0)

    async def fetch(_: MediaReference, path: Path, _limit: int) -> int:
        await go_on.acquire()
        return write(path)

    node.transfer.fetch = fetch
    messages = [message_with(JPEG + str(count).encode()) for count in range(5)]
    for message in messages:
        await bring(node, message)
    await eventually(lambda: len(node.transfer.fetched) == 2)
    waiting = asyncio.create_task(Client(node).download(id_of(messages[4])))
    errands = node.tenant._fetcher._errands
    await eventually(lambda: errands[id_of(messages[4])].asked_for)
    assert len(node.transfer.fetched) == 2
    go_on.release()
    await eventually(lambda: len(node.transfer.fetched) == 3)
    assert messages[4].media is not None
    assert node.transfer.fetched[2] == messages[4].media.reference
    for _ in range(4):
        go_on.release()
    await waiting
    assert len(await told(node, 10)) == 10
    await eventually(lambda: not errands)


async def test_what_fails_for_now_is_tried_again(node: Node) -> None:
    node.transfer.fetch = refuse(Reason.MEDIA_TRANSFER_FAILED)
    message = message_with()
    await bring(node, message)
    await eventually(lambda: len(node.transfer.fetched) > 3)
    record = await Client(node).get(id_of(message))
    assert record.state == MediaState.MEDIA_STATE_FETCHING
    node.transfer.fetch = give
    assert (await told(node, 2))[1].media_changed.state == MediaState.MEDIA_STATE_AVAILABLE


@pytest.mark.usefixtures("rarely")
async def test_a_new_line_is_a_reason_to_try_at_once(node: Node) -> None:
    node.transfer.fetch = refuse(Reason.MEDIA_TRANSFER_FAILED)
    message = message_with()
    await bring(node, message)
    client, errands = Client(node), node.tenant._fetcher._errands
    await eventually(lambda: errands[id_of(message)].failed)
    error = await error_of(client.download(id_of(message), timeout_s=0.3))
    assert (error.reason, error.message) == (Reason.MEDIA_TRANSFER_FAILED, "no")
    node.transfer.fetch = give
    node.whatsapp.say(Disconnected())
    node.whatsapp.say(Connected(ACCOUNT))
    await client.download(id_of(message))


@pytest.mark.parametrize(
    "reason", [Reason.MEDIA_EXPIRED, Reason.MEDIA_DAMAGED, Reason.MEDIA_TOO_LARGE]
)
async def test_what_fails_for_good(node: Node, reason: Reason) -> None:
    node.transfer.fetch = refuse(reason, "why")
    message = message_with()
    await bring(node, message)
    record = (await told(node, 2))[1].media_changed
    assert (record.state, record.reason, record.detail) == (
        MediaState.MEDIA_STATE_FAILED,
        reason.value,
        "why",
    )
    error = await error_of(Client(node).download(id_of(message)))
    assert (error.reason, error.message) == (reason, "why")
    assert not Client(node).files


@pytest.mark.usefixtures("rarely")
async def test_a_full_disk_is_waited_for(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: MediaReference, path: Path, _limit: int) -> int:
        write(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    node.transfer.fetch = full
    first, second = message_with(), message_with()
    client, storage = Client(node), node.tenant._storage
    await bring(node, first)
    errands = node.tenant._fetcher._errands
    await eventually(lambda: errands[id_of(first)].failed)
    assert not client.files
    error = await error_of(client.download(id_of(first), timeout_s=0.3))
    assert error.reason is Reason.STORAGE_FULL
    node.transfer.fetch = give
    monkeypatch.setattr(storage, "lacks_room_for", lambda _: "too little room")
    await bring(node, second)
    await eventually(lambda: errands[id_of(second)].failed)
    assert len(node.transfer.fetched) == 1
    monkeypatch.undo()
    storage._set("the disk is full")
    storage._set("")
    for message in (first, second):
        await client.download(id_of(message))


async def test_what_is_said_to_be_too_large_is_not_even_waited_for(
    make_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make_node()
    node.limit = FetchLimit(len(JPEG) - 1)
    await node.start(dataclasses.replace(ACCOUNT))
    monkeypatch.setattr(node.tenant._storage, "lacks_room_for", lambda _: "too little room")
    await bring(node, message_with())
    record = (await told(node, 2))[1].media_changed
    assert record.reason == Reason.MEDIA_TOO_LARGE.value
    assert not node.transfer.fetched


async def test_nothing_by_itself(make_node: Callable[..., Node]) -> None:
    node = make_node()
    node.limit = FetchLimit(0, 1000)
    limits = []

    async def fetch(_: MediaReference, path: Path, limit: int) -> int:
        limits.append(limit)
        return write(path)

    node.transfer.fetch = fetch
    await node.start(dataclasses.replace(ACCOUNT))
    first, second = message_with(), message_with()
    await bring(node, first)
    await bring(node, second)
    await Client(node).download(id_of(second))
    events = await told(node, 3)
    assert [event.media_changed.media_id for event in events] == ["", "", id_of(second)]
    assert limits == [1000]
    await node.tenant.media.open()
    assert len(Client(node).files) == 1


async def test_what_is_deleted_meanwhile_leaves_nothing(node: Node) -> None:
    go_on = asyncio.Event()

    async def fetch(_: MediaReference, path: Path, _limit: int) -> int:
        await go_on.wait()
        return write(path)

    node.transfer.fetch = fetch
    message, after = message_with(), message_with()
    await bring(node, message)
    await eventually(lambda: node.transfer.fetched)
    client = Client(node)
    await client.delete(id_of(message))
    go_on.set()
    await eventually(lambda: not node.tenant._fetcher._errands)
    await bring(node, after)
    events = await told(node, 3)
    assert events[2].media_changed.media_id == id_of(after)
    await eventually(lambda: len(client.files) == 1)


async def test_a_fault_of_ours_is_no_endless_haste(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: MediaReference, _path: Path, _limit: int) -> int:
        raise ValueError("a fault")

    node.transfer.fetch = fail
    message = message_with()
    await bring(node, message)
    errands = node.tenant._fetcher._errands
    await eventually(lambda: errands[id_of(message)].failed > 1)
    node.transfer.fetch = give
    await Client(node).download(id_of(message))


@pytest.mark.usefixtures("rarely")
async def test_a_tenant_full_of_received_media_fetches_what_is_asked_for(
    make_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make_node()
    node.limit = FetchLimit(together_bytes=len(JPEG))
    node.transfer.fetch = give
    await node.start(dataclasses.replace(ACCOUNT))
    client = Client(node)
    first, second, third = (message_with() for _ in range(3))
    await bring(node, first)
    await eventually(lambda: not node.tenant._fetcher._errands)
    await bring(node, second)
    await bring(node, third)
    errands = node.tenant._fetcher._errands
    await eventually(lambda: len([errand for errand in errands.values() if errand.held]) == 2)
    assert len(node.transfer.fetched) == 1
    assert (await client.get(id_of(second))).state == MediaState.MEDIA_STATE_FETCHING
    monkeypatch.setattr(media_fetcher, "RETRY_AFTER", timedelta(0))
    await client.download(id_of(second))
    for message in (first, second):
        assert len(node.transfer.fetched) == 2
        await client.delete(id_of(message))
    await eventually(lambda: not errands)
    assert (await client.get(id_of(third))).state == MediaState.MEDIA_STATE_AVAILABLE


@pytest.mark.usefixtures("rarely")
async def test_a_sender_who_says_too_little_gets_no_more_room(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    async def fetch(_: MediaReference, path: Path, limit: int) -> int:
        limits.append(limit)
        await asyncio.to_thread(path.write_bytes, JPEG[:limit])
        if len(JPEG) > limit:
            raise MeshError(Reason.MEDIA_TOO_LARGE, "too large")
        return len(JPEG)

    node.transfer.fetch = fetch
    storage, message = node.tenant._storage, message_with()
    assert message.media is not None
    reference = dataclasses.replace(message.media.reference, file_length=1)
    message = dataclasses.replace(
        message, media=dataclasses.replace(message.media, reference=reference)
    )
    monkeypatch.setattr(storage, "media_room_bytes", lambda: 5)
    await bring(node, message)
    errands = node.tenant._fetcher._errands
    await eventually(lambda: errands[id_of(message)].failed)
    error = await error_of(Client(node).download(id_of(message), timeout_s=0.2))
    assert (error.reason, limits) == (Reason.STORAGE_FULL, [5])
    storage._set("the disk is full")
    storage._set("")  # there is no more room than before: it is not even begun
    await eventually(lambda: errands[id_of(message)].failed == 2)
    monkeypatch.undo()
    storage._set("the disk is full")
    storage._set("")
    await Client(node).download(id_of(message))
    assert len(limits) == 2


async def test_a_download_ends_where_others_take_the_room(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, ended = [1000], asyncio.Event()

    async def fetch(_: MediaReference, path: Path, _limit: int) -> int:
        write(path)
        room[0] = -1
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return 0

    node.transfer.fetch = fetch
    monkeypatch.setattr(media_fetcher, "ROOM_CHECK_S", 0.01)
    monkeypatch.setattr(node.tenant._storage, "media_room_bytes", lambda: room[0])
    await bring(node, message_with())
    await asyncio.wait_for(ended.wait(), 5)
    await eventually(lambda: not Client(node).files)
