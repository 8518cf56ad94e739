"""The rows of media in node.db, inside one transaction each."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, or_, select, update

from botmesh.errors import Reason
from botnode.clock import from_ms, now_ms
from botnode.media import Media, MediaState, media_error
from botnode.statement import Statement
from botnode.states import MessageState
from botnode.store import Transaction
from botnode.tables import media, media_looks, messages

_C = media.c
# Messages that go out with the media, or may.
_ALL_FILES = Statement(
    select(media).where(
        or_(
            _C.state == MediaState.UPLOADING.value,
            _C.state == MediaState.AVAILABLE.value,
        )
    )
)
_FETCHING = Statement(
    select(_C.media_id).where(_C.state == MediaState.FETCHING.value).order_by(_C.create_ms)
)
_WAITING = exists().where(
    messages.c.media_id == _C.media_id,
    (messages.c.state < MessageState.UNKNOWN.value)
    | ((messages.c.state == MessageState.UNKNOWN.value) & messages.c.allow_duplicate),
)
_EXPIRED = Statement(
    select(_C.media_id).where((_C.expire_ms < bindparam("now")) | _C.deleted, ~_WAITING).limit(1)
)
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Announced:
    """What an upload shall bring."""

    media_id: str
    size_bytes: int
    sha256: bytes
    content_type: str


def find(connection: Connection, media_id: str) -> Media | None:
    """Media by its id, also what is deleted and waits for a message."""
    row = connection.execute(select(media).where(_C.media_id == media_id)).one_or_none()
    return None if row is None else to_media(row)


def all_files(connection: Connection) -> list[Media]:
    """Everything that has, or may have, a file."""
    return [to_media(row) for row in _ALL_FILES.run(connection, {})]


def received_bytes(connection: Connection) -> int:
    """How many bytes the received media has that is there."""
    query = select(func.coalesce(func.sum(_C.size_bytes), 0)).where(
        _C.received, _C.state == MediaState.AVAILABLE.value
    )
    return int(connection.execute(query).scalar_one())


def fetching(connection: Connection) -> list[str]:
    """The ids of what was received and is to be fetched, the oldest first."""
    return [row.media_id for row in _FETCHING.run(connection, {})]


def claim(tx: Transaction, announced: Announced, unfinished: timedelta, kept: timedelta) -> Media:
    """The row of an upload: a new one, or the one that it goes on with, or that is whole.

    Raises:
        MeshError: MEDIA_ID_REUSED.
    """
    known = find(tx.connection, announced.media_id)
    if known is None:
        return add(tx, announced, MediaState.UPLOADING, unfinished)
    same = (known.size_bytes, known.sha256) == (announced.size_bytes, announced.sha256)
    if not same or known.state not in (MediaState.UPLOADING, MediaState.AVAILABLE):
        raise media_error(Reason.MEDIA_ID_REUSED, announced.media_id)
    is_whole = known.state is MediaState.AVAILABLE
    return _change(tx, known.media_id, kept if is_whole else unfinished, deleted=False) or known


def add(tx: Transaction, announced: Announced, state: MediaState, kept: timedelta) -> Media:
    """A new row of media that is sent."""
    return _insert(tx, announced, kept, state=state.value)


def add_received(
    tx: Transaction, announced: Announced, kept: timedelta, *, source: bytes, file_name: str = ""
) -> Media:
    """A new row of media that was received and is to be fetched.

    Args:
        tx: the one that writes the message down.
        announced: as the message says.
        kept: how long to keep it.
        source: what the library's adapter needs to fetch it.
        file_name: as its sender called it.
    """
    return _insert(
        tx,
        announced,
        kept,
        state=MediaState.FETCHING.value,
        received=True,
        source=source,
        file_name=file_name,
    )


def _insert(tx: Transaction, announced: Announced, kept: timedelta, **values: Any) -> Media:
    now = now_ms()
    values.setdefault("file_id", str(uuid.uuid4()))
    row = tx.connection.execute(
        insert(media)
        .values(
            media_id=announced.media_id,
            content_type=announced.content_type,
            size_bytes=announced.size_bytes,
            sha256=announced.sha256,
            create_ms=now,
            expire_ms=now + _ms(kept),
            **values,
        )
        .returning(media)
    ).one()
    return to_media(row)


def finish(
    tx: Transaction, media_id: str, content_type: str, kept: timedelta, size_bytes: int
) -> Media | None:
    """All bytes are there."""
    return _change(
        tx,
        media_id,
        kept,
        state=MediaState.AVAILABLE.value,
        content_type=content_type,
        size_bytes=size_bytes,
        reason="",
        detail="",
    )


def fail(tx: Transaction, media_id: str, reason: Reason, detail: str) -> Media | None:
    """It cannot be fetched."""
    return _change(
        tx, media_id, None, state=MediaState.FAILED.value, reason=reason.value, detail=detail
    )


def find_same(connection: Connection, sha256: bytes, size_bytes: int) -> Media | None:
    """Media of the tenant that has these bytes, and that no caller deleted."""
    query = (
        select(media)
        .where(
            _C.sha256 == sha256,
            _C.size_bytes == size_bytes,
            _C.state == MediaState.AVAILABLE.value,
            ~_C.deleted,
        )
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else to_media(row)


def add_file(tx: Transaction, announced: Announced, file_id: str, kept: timedelta) -> Media:
    """A new row for a file that is whole."""
    return _insert(tx, announced, kept, state=MediaState.AVAILABLE.value, file_id=file_id)


def use(tx: Transaction, media_id: str, kept: timedelta) -> Media | None:
    """It goes out with a message: its time begins anew."""
    return _change(tx, media_id, kept)


def _change(tx: Transaction, media_id: str, kept: timedelta | None, **values: Any) -> Media | None:
    """Change a row; with ``kept`` it expires no earlier than after that."""
    if kept is not None:
        known = tx.connection.execute(
            select(_C.expire_ms, _C.state).where(_C.media_id == media_id)
        ).one_or_none()
        if known is None:
            return None
        values["expire_ms"] = max(known.expire_ms, now_ms() + _ms(kept))
    changed = tx.connection.execute(
        update(media).where(_C.media_id == media_id).values(**values).returning(media)
    ).one_or_none()
    return None if changed is None else to_media(changed)


def remove(tx: Transaction, media_ids: Iterable[str]) -> None:
    """Forget media, whoever waits with it."""
    tx.connection.execute(delete(media).where(_C.media_id.in_(list(media_ids))))


def is_waited_with(connection: Connection, media_id: str) -> bool:
    """Whether a message waits with media."""
    query = select(_C.media_id).where(_C.media_id == media_id, _WAITING)
    return connection.execute(query).scalar_one_or_none() is not None


def remove_unused(tx: Transaction, media_ids: Collection[str]) -> list[str]:
    """Forget what no message was ever accepted with; the files to remove."""
    used = exists().where(messages.c.media_id == _C.media_id)
    doomed = delete(media).where(_C.media_id.in_(list(media_ids)), ~used).returning(_C.file_id)
    return list(tx.connection.execute(doomed).scalars())


def remove_unless_waiting(tx: Transaction, media_id: str) -> str:
    """Forget media, or mark it if a message waits with it; the file to remove, or empty."""
    doomed = delete(media).where(_C.media_id == media_id, ~_WAITING).returning(_C.file_id)
    file_id = tx.connection.execute(doomed).scalar_one_or_none()
    if file_id is None:
        tx.connection.execute(update(media).where(_C.media_id == media_id).values(deleted=True))
    return file_id or ""


def remove_expired(tx: Transaction, under_way: Collection[str]) -> list[str]:
    """Forget some of what is deleted or too old, and waits for nothing; the files to remove.

    Args:
        tx: the transaction.
        under_way: uploads that are not at rest.
    """
    if _EXPIRED.first(tx.connection, {"now": now_ms()}) is None:
        return []
    doomed = (
        select(_C.media_id)
        .where(
            (_C.expire_ms < now_ms()) | _C.deleted,
            ~_WAITING,
            _C.media_id.not_in(list(under_way)),
        )
        .limit(MOST_AT_ONCE)
    )
    gone = tx.connection.execute(delete(media).where(_C.media_id.in_(doomed)).returning(_C.file_id))
    return list(gone.scalars())


# -- what media turned out to be


def find_look(connection: Connection, media_id: str, form: str) -> tuple[str, bytes] | None:
    """What goes out for media that is sent in a form, and its serialised description."""
    query = select(media_looks.c.sent_media_id, media_looks.c.content).where(
        media_looks.c.media_id == media_id, media_looks.c.form == form
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.sent_media_id, row.content)


def add_look(tx: Transaction, media_id: str, form: str, sent_media_id: str, content: bytes) -> None:
    """Keep what media turned out to be.

    Raises:
        MeshError: MEDIA_NOT_FOUND if it was deleted meanwhile.
    """
    known = find(tx.connection, media_id)
    if known is None or known.deleted:
        raise media_error(Reason.MEDIA_NOT_FOUND, media_id)
    mine = (media_looks.c.media_id == media_id) & (media_looks.c.form == form)
    tx.connection.execute(delete(media_looks).where(mine))
    tx.connection.execute(
        insert(media_looks).values(
            media_id=media_id, form=form, sent_media_id=sent_media_id, content=content
        )
    )


def to_media(row: Any) -> Media:
    """The media in a row."""
    create_time, expire_time = from_ms(row.create_ms), from_ms(row.expire_ms)
    assert create_time is not None  # noqa: S101 - the columns are not nullable
    assert expire_time is not None  # noqa: S101 - as above
    return Media(
        media_id=row.media_id,
        file_id=row.file_id,
        state=MediaState(row.state),
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        create_time=create_time,
        expire_time=expire_time,
        stored_bytes=row.size_bytes if row.state == MediaState.AVAILABLE else 0,
        file_name=row.file_name,
        reason=row.reason,
        detail=row.detail,
        received=bool(row.received),
        deleted=bool(row.deleted),
        source=row.source,
    )


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
