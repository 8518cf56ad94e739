"""A tenant whose disk takes nothing: what it does, what it says, and that all goes on after it."""

import asyncio
import sqlite3
import uuid
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from botmesh.errors import Reason
from botmesh.v1 import message_pb2, session_pb2
from botnode import disk_errors
from botnode.ports import DiskFailure
from botnode.states import SessionState
from botnode.storage import StorageLimits
from botnode.tables import meta
from tests.integration.botnode.conftest import Node, error_of, eventually
from tests.integration.botnode.fake_whatsapp import ACCOUNT
from tests.integration.botnode.test_media import Client

STORAGE = StorageLimits(check_s=0.01, probe_s=0.01)
QUEUE = message_pb2.DELIVERY_QUEUE
FULL = "the disk is full"


@pytest.fixture
def disk(node: Node, monkeypatch: pytest.MonkeyPatch) -> "Disk":
    return Disk(node, monkeypatch)


class Disk:
    """The node's disk, which fills up and gets room again."""

    def __init__(self, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        self.node = node
        self.error = ""
        storage = node.tenant._storage
        monkeypatch.setattr(storage, "_shortage", lambda _=0: self.error)
        monkeypatch.setattr(storage, "_probe", lambda: self.error)
        storage._limits = STORAGE

    def fill(self) -> None:
        """A write fails."""
        self.error = FULL
        self.node.tenant._storage.failed(FULL)

    async def make_room(self) -> None:
        self.error = ""
        found = await self.node.machine.wait_for(lambda session: not session.storage_full, 5)
        assert found


async def test_a_full_disk(node: Node, disk: Disk) -> None:
    opened = node.whatsapp.opened
    disk.fill()
    session = await node.session()
    assert session.storage_full
    await node.until(SessionState.RECONNECTING)
    await eventually(lambda: node.whatsapp.hung_up)
    assert (await node.session()).last_error == FULL
    assert node.whatsapp.closed == 0  # what it holds is not thrown away
    for options in ({}, {"delivery": QUEUE}):
        error = await error_of(node.send("no", **options))
        assert error.reason is Reason.STORAGE_FULL
        assert error.retry_after is not None
        assert "message_id" not in error.metadata
    await disk.make_room()
    await node.until(SessionState.CONNECTED)
    assert (node.whatsapp.closed, node.whatsapp.opened) == (1, opened + 1)
    assert (await node.send("sí")).state == message_pb2.MESSAGE_STATE_SENT
    assert [text for _, text in node.whatsapp.sent] == ["sí"]
    assert not (await node.session()).storage_full


async def test_its_beginning_and_its_end_stand_in_the_event_log(node: Node, disk: Disk) -> None:
    disk.fill()
    await node.until(SessionState.RECONNECTING)
    await disk.make_room()
    await node.until(SessionState.CONNECTED)
    await node.flush()
    head = await node.tenant._store.read(_head)
    states = [
        (event.session_state_changed.state, event.session_state_changed.storage_full)
        for event in await node.events(head)
        if event.HasField("session_state_changed")
    ]
    connected = session_pb2.SESSION_STATE_CONNECTED
    reconnecting = session_pb2.SESSION_STATE_RECONNECTING
    assert states[-5:] == [
        (connected, False),
        (connected, True),
        (reconnecting, True),
        (reconnecting, False),
        (connected, False),
    ]


async def test_the_library_tells_it(node: Node, disk: Disk) -> None:
    disk.error = FULL
    node.whatsapp.say(DiskFailure(FULL))
    assert (await node.session()).storage_full
    await node.until(SessionState.RECONNECTING)
    await disk.make_room()
    await node.until(SessionState.CONNECTED)


async def test_a_trouble_that_is_over_before_anybody_looked(node: Node, disk: Disk) -> None:
    opened = node.whatsapp.opened
    storage = node.tenant._storage
    storage.failed(FULL)
    storage._set("")
    await node.flush()
    assert (node.whatsapp.opened, node.whatsapp.hung_up) == (opened, 0)
    assert node.machine.state is SessionState.CONNECTED


async def test_nothing_that_waits_goes_out(node: Node, disk: Disk) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    in_hand = asyncio.Event()

    def answer(_to: str, text: str) -> str:
        loop.call_soon_threadsafe(in_hand.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(5)
        return f"3EB0{text}"

    node.whatsapp.answer = answer
    first = asyncio.ensure_future(node.send("uno", delivery=QUEUE))
    await in_hand.wait()
    second = asyncio.ensure_future(node.send("dos", delivery=QUEUE))
    async with asyncio.timeout(5):
        while True:
            if await node.tenant._store.read(node.tenant._rows.count_queued):
                break
            await asyncio.sleep(0.01)
    disk.fill()
    release.set()
    assert (await first).state == message_pb2.MESSAGE_STATE_SENT  # it was on its way
    assert (await second).state == message_pb2.MESSAGE_STATE_QUEUED  # it waits for the session
    assert [text for _, text in node.whatsapp.sent] == ["uno"]
    await disk.make_room()
    await eventually(lambda: len(node.whatsapp.sent) == 2)


async def test_log_out_is_served_meanwhile(node: Node, disk: Disk) -> None:
    disk.fill()
    await node.until(SessionState.RECONNECTING)
    answer = asyncio.ensure_future(node.log_out(force=True))
    await eventually(lambda: node.machine.state is SessionState.LOGGED_OUT)
    await answer


async def test_who_pairs_is_told(unpaired: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(unpaired, monkeypatch)
    disk.fill()
    steps = unpaired.stream_qr()
    assert (await anext(steps)).failed.reason == Reason.STORAGE_FULL
    assert unpaired.whatsapp.opened == 0
    await disk.make_room()
    await eventually(lambda: unpaired.whatsapp.opened)
    unpaired.whatsapp.show("a code")
    assert (await anext(steps)).code.code == "a code"
    # And again, in the middle of a round.
    disk.fill()
    assert (await anext(steps)).failed.reason == Reason.STORAGE_FULL
    await disk.make_room()
    await eventually(lambda: unpaired.whatsapp.opened == 2)
    unpaired.whatsapp.scan()
    assert [step async for step in steps][-1].paired.jid == ACCOUNT.jid


def _head(connection: Connection) -> int:
    return int(connection.execute(select(meta.c.event_head)).scalar_one())


async def test_media_can_be_deleted_where_the_last_room_is_kept(node: Node, disk: Disk) -> None:
    client = Client(node)
    stored = await client.upload(b"old")
    media_id = str(uuid.uuid4())
    under_way = await client.begin(media_id)
    disk.error = FULL
    node.tenant._storage._set(FULL)
    await client.delete(stored.media_id)
    await client.delete(media_id)
    assert client.files == {}
    under_way.cancel()


async def test_the_file_goes_first_where_no_row_can(
    node: Node, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = Client(node), node.tenant._store
    stored = await client.upload(b"old")
    transact = store._transact

    def refuse(group: Any) -> Any:
        if disk.error:
            raise OperationalError("UPDATE", {}, sqlite3.OperationalError("disk is full"))
        return transact(group)

    monkeypatch.setattr(disk_errors, "of_database", lambda _: disk.error or None)
    monkeypatch.setattr(store, "_transact", refuse)
    disk.fill()
    error = await error_of(client.delete(stored.media_id))
    assert (error.reason, client.files) == (Reason.STORAGE_FULL, {})
    await disk.make_room()
    await eventually(lambda: not node.tenant.media._beside._tasks)
    assert (await error_of(client.get(stored.media_id))).reason is Reason.MEDIA_NOT_FOUND
