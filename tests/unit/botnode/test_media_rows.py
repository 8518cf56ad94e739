"""Rows of media: whose they are, and how long they stay."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from botmesh.errors import MeshError, Reason
from botnode import media_rows
from botnode.clock import now
from botnode.media import Media, MediaState
from botnode.media_rows import Announced
from botnode.message import OutboundMessage
from botnode.messages import MessageRows
from botnode.states import MessageState
from botnode.store import Store
from botnode.tables import media as media_table
from botnode.tables import messages

DAY, WEEK = timedelta(days=1), timedelta(days=7)


def announced(media_id: str = "", content: bytes = b"abc") -> Announced:
    sha256 = hashlib.sha256(content).digest()
    return Announced(media_id or str(uuid.uuid4()), len(content), sha256, "text/plain")


async def whole(store: Store) -> Media:
    """Media whose bytes are there."""
    wanted = announced()
    await store.write(lambda tx: media_rows.add(tx, wanted, MediaState.AVAILABLE, WEEK))
    return await known(store, wanted.media_id)


async def known(store: Store, media_id: str) -> Media:
    found = await store.read(lambda c: media_rows.find(c, media_id))
    assert found is not None
    return found


async def expire(store: Store) -> None:
    change = update(media_table).values(expire_ms=1)
    await store.write(lambda tx: tx.connection.execute(change))


async def test_a_claim_goes_on_with_the_same_upload(store: Store) -> None:
    wanted = announced()
    first = await store.write(lambda tx: media_rows.claim(tx, wanted, DAY, WEEK))
    again = await store.write(lambda tx: media_rows.claim(tx, wanted, DAY, WEEK))
    assert (first.file_id, first.state) == (again.file_id, MediaState.UPLOADING)
    assert first.file_id != first.media_id
    assert timedelta(0) <= now() + DAY - again.expire_time < timedelta(minutes=1)


@pytest.mark.parametrize("content", [b"abd", b"abcd"])
async def test_a_claim_of_another_content(store: Store, content: bytes) -> None:
    media = await whole(store)
    with pytest.raises(MeshError) as caught:
        await store.write(
            lambda tx: media_rows.claim(tx, announced(media.media_id, content), DAY, WEEK)
        )
    assert caught.value.reason is Reason.MEDIA_ID_REUSED


async def test_use_moves_the_end_on_and_never_back(store: Store) -> None:
    media = await whole(store)
    later = await store.write(lambda tx: media_rows.use(tx, media.media_id, 2 * WEEK))
    assert later is not None
    assert later.expire_time > media.expire_time
    same = await store.write(lambda tx: media_rows.use(tx, media.media_id, DAY))
    assert same is not None
    assert same.expire_time == later.expire_time


@pytest.mark.parametrize(
    ("state", "allow_duplicate", "keeps"),
    [
        (MessageState.QUEUED, False, True),
        (MessageState.SENDING, False, True),
        (MessageState.UNKNOWN, True, True),
        (MessageState.UNKNOWN, False, False),
        (MessageState.SENT, False, False),
        (MessageState.FAILED, False, False),
    ],
)
async def test_a_message_that_waits_keeps_its_media(
    store: Store,
    rows: MessageRows,
    make_message: Callable[..., OutboundMessage],
    state: MessageState,
    allow_duplicate: bool,
    keeps: bool,
) -> None:
    media, message = await whole(store), make_message(allow_duplicate=allow_duplicate)
    await store.write(lambda tx: rows.insert(tx, message))
    link = update(messages).values(media_id=media.media_id, state=state.value)
    await store.write(lambda tx: tx.connection.execute(link))
    await expire(store)
    gone = await store.write(lambda tx: media_rows.remove_expired(tx, []))
    assert gone == ([] if keeps else [media.file_id])
    if keeps:
        file_id = await store.write(lambda tx: media_rows.remove_unless_waiting(tx, media.media_id))
        assert file_id == ""
        assert (await known(store, media.media_id)).deleted


async def test_an_upload_under_way_is_not_too_old(store: Store) -> None:
    media = await whole(store)
    await expire(store)
    assert await store.write(lambda tx: media_rows.remove_expired(tx, [media.media_id])) == []
    assert await store.write(lambda tx: media_rows.remove_expired(tx, [])) == [media.file_id]
