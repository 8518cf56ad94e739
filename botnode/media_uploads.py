"""Where media lies at WhatsApp, so that it is brought there once for many messages."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from botnode.clock import from_ms, now_ms, to_ms
from botnode.media_ports import Uploaded
from botnode.statement import Statement
from botnode.states import MessageState
from botnode.store import Transaction
from botnode.tables import media_uploads, messages

# WhatsApp keeps media for about a month; a message may be fetched some time after it was sent.
FRESH = timedelta(days=1)
MOST_AT_ONCE = 50

_C = media_uploads.c
_WAITS = (messages.c.state == MessageState.QUEUED.value) & messages.c.media_pending
_WANTED = Statement(
    select(messages.c.media_id, messages.c.media_kind)
    .where(_WAITS)
    .order_by(messages.c.position)
    .limit(1000)
)


def find(connection: Connection, account: str, media_id: str, kind: str) -> Uploaded | None:
    """Where media lies that an account sends as a kind of content, however long it has."""
    query = select(media_uploads).where(_row(account, media_id, kind))
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    media_key_time = from_ms(row.media_key_ms)
    assert media_key_time is not None  # noqa: S101 - the column is not nullable
    return Uploaded(
        url=row.url,
        direct_path=row.direct_path,
        media_key=row.media_key,
        media_key_time=media_key_time,
        file_sha256=row.file_sha256,
        file_enc_sha256=row.file_enc_sha256,
        file_length=row.file_length,
    )


def is_fresh(connection: Connection, account: str, media_id: str, kind: str) -> bool:
    """Whether a new message of an account can refer to it."""
    now = now_ms()
    oldest = now - int(FRESH.total_seconds() * 1000)
    query = select(_C.create_ms).where(_row(account, media_id, kind))
    create_ms = connection.execute(query).scalar_one_or_none()
    return create_ms is not None and oldest < create_ms <= now


def add(tx: Transaction, media_id: str, kind: str, uploaded: Uploaded) -> None:
    """WhatsApp has it: the messages that wait for that may go out.

    It was brought for the message that waits longest, and is that account's.
    """
    first = select(messages.c.account).where(_WAITS, _of(media_id, kind))
    account = tx.connection.execute(
        first.order_by(messages.c.position).limit(1)
    ).scalar_one_or_none()
    if account is None:  # nobody waits any more
        return
    tx.connection.execute(delete(media_uploads).where(_row(account, media_id, kind)))
    tx.connection.execute(
        insert(media_uploads).values(
            account=account,
            media_id=media_id,
            kind=kind,
            url=uploaded.url,
            direct_path=uploaded.direct_path,
            media_key=uploaded.media_key,
            media_key_ms=to_ms(uploaded.media_key_time),
            file_sha256=uploaded.file_sha256,
            file_enc_sha256=uploaded.file_enc_sha256,
            file_length=uploaded.file_length,
            create_ms=now_ms(),
        )
    )
    tx.connection.execute(
        update(messages)
        .where(_WAITS, _of(media_id, kind), messages.c.account == account)
        .values(media_pending=False)
    )


def wanted(connection: Connection) -> list[tuple[str, str]]:
    """Which media WhatsApp has to get, and as what: that of the oldest message first."""
    found = dict.fromkeys((row.media_id, row.media_kind) for row in _WANTED.run(connection, {}))
    return list(found)[:MOST_AT_ONCE]


def waiting_ids(connection: Connection, media_id: str, kind: str) -> list[str]:
    """The messages that wait until WhatsApp has media."""
    query = select(messages.c.message_id).where(_WAITS, _of(media_id, kind))
    return list(connection.execute(query).scalars())


def _row(account: str, media_id: str, kind: str) -> Any:
    return (_C.account == account) & (_C.media_id == media_id) & (_C.kind == kind)


def _of(media_id: str, kind: str) -> Any:
    return (messages.c.media_id == media_id) & (messages.c.media_kind == kind)
