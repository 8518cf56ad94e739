"""The secrets of messages, which later messages about them are encrypted with.

A vote may come months after its poll, when the poll's event and its place in the outbox are long
gone: polls are kept for a year. All else that is encrypted this way, such as an edit, comes soon.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, bindparam, delete, select

from botmesh.v1 import message_pb2
from botnode.clock import now_ms
from botnode.ports import Original, ReceivedMessage
from botnode.statement import Statement
from botnode.store import Transaction
from botnode.tables import message_secrets, messages

KEEP_MS = int(timedelta(days=30).total_seconds() * 1000)
KEEP_POLLS_MS = int(timedelta(days=365).total_seconds() * 1000)

_C = message_secrets.c
_PUT = Statement(message_secrets.insert())
_DROP = Statement(
    delete(message_secrets).where(
        _C.account == bindparam("account"),
        _C.whatsapp_id == bindparam("wanted"),
        _C.sender_jid == bindparam("sender"),
    )
)
_FIND = Statement(
    select(_C.secret, _C.sender_jid, _C.content).where(
        _C.account == bindparam("account"), _C.whatsapp_id == bindparam("wanted")
    )
)
_FIND_SENT = Statement(
    select(messages.c.message_secret, messages.c.content).where(
        messages.c.account == bindparam("account"),
        messages.c.whatsapp_id == bindparam("wanted"),
        messages.c.message_secret.is_not(None),
    )
)
# The first copy of a message that was sent once more.
_FIND_EARLIER = Statement(
    select(messages.c.earlier_secret.label("message_secret"), messages.c.content).where(
        messages.c.account == bindparam("account"),
        messages.c.earlier_whatsapp_id == bindparam("wanted"),
        messages.c.earlier_whatsapp_id != "",
        messages.c.earlier_secret.is_not(None),
    )
)
_TRIM = Statement(
    delete(message_secrets).where(
        ((_C.create_ms < bindparam("before")) & (_C.content == b""))
        | (_C.create_ms < bindparam("polls_before"))
    )
)


def put_received(tx: Transaction, account: str, message: ReceivedMessage) -> None:
    """Keep the secret of a message that has one."""
    if message.secret:
        content = _poll_of(message.content or b"")
        sender_jid = "" if message.from_me else message.sender_jid
        original = Original(message.secret, sender_jid, content)
        _put(tx, account, message.whatsapp_id, original)


def keep_polls(tx: Transaction, message_ids: Sequence[str]) -> None:
    """Keep the secrets of those messages of the outbox, about to go, that are polls."""
    query = select(
        messages.c.account,
        messages.c.content,
        *(messages.c.whatsapp_id, messages.c.message_secret),
        *(messages.c.earlier_whatsapp_id, messages.c.earlier_secret),
    ).where(messages.c.message_id.in_(message_ids))
    for account, content, last_id, last, first_id, first in tx.connection.execute(query).all():
        if poll := _poll_of(content):
            for whatsapp_id, secret in ((last_id, last), (first_id, first)):
                if whatsapp_id and secret is not None:
                    _put(tx, account, whatsapp_id, Original(secret, "", poll))


def find(connection: Connection, account: str, whatsapp_id: str) -> list[Original]:
    """The messages with an id that have a secret."""
    parameters = {"account": account, "wanted": whatsapp_id}
    sent = [
        Original(row.message_secret, "", row.content)
        for query in (_FIND_SENT, _FIND_EARLIER)
        for row in query.run(connection, parameters)
    ]
    kept = [
        Original(row.secret, row.sender_jid, row.content)
        for row in _FIND.run(connection, parameters)
    ]
    return sent + kept


def trim(tx: Transaction) -> None:
    """Remove those that nothing will need any more."""
    now = now_ms()
    _TRIM.run(tx.connection, {"before": now - KEEP_MS, "polls_before": now - KEEP_POLLS_MS})


def _put(tx: Transaction, account: str, whatsapp_id: str, original: Original) -> None:
    key = {"account": account, "wanted": whatsapp_id, "sender": original.sender_jid}
    row = {
        "account": account,
        "whatsapp_id": whatsapp_id,
        "sender_jid": original.sender_jid,
        "secret": original.secret,
        "content": original.content,
        "create_ms": now_ms(),
    }
    _DROP.run(tx.connection, key)
    _PUT.run(tx.connection, row)


def _poll_of(content: bytes) -> bytes:
    """A content without what is around it, if it is a poll; else nothing."""
    whole = message_pb2.MessageContent.FromString(content)
    if not whole.HasField("poll"):
        return b""
    return message_pb2.MessageContent(poll=whole.poll).SerializeToString(deterministic=True)
