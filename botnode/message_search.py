"""Looking into the outbox: pages of messages, and what happened to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_

from botnode.clock import from_ms, to_ms
from botnode.message import OutboundMessage
from botnode.message_row import to_message
from botnode.states import MessageState
from botnode.tables import events, messages

# A page ends early rather than being larger: an answer must fit into a gRPC message of 4 MiB.
MOST_BYTES = 2 * 1024 * 1024
# What a record has beside its content.
RECORD_BYTES = 1024

_C = messages.c


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are wanted; an empty or missing part takes all.

    Attributes:
        create_from: accepted at or after that time.
        create_before: accepted before that time.
    """

    states: frozenset[MessageState] = frozenset()
    recipient_jid: str = ""
    create_from: datetime | None = None
    create_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: its last message."""

    create_ms: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, and where the next page starts; None after the last."""

    messages: Sequence[OutboundMessage]
    end: Place | None


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a message's life, as it stands in the log."""

    sequence: int
    create_time: datetime
    payload: bytes


def page(connection: Connection, wanted: Filter, size: int, after: Place | None) -> Page:
    """Up to ``size`` messages, newest first, that come after a place."""
    query = select(messages).order_by(_C.create_ms.desc(), _C.message_id.desc()).limit(size + 1)
    for condition in _conditions(wanted):
        query = query.where(condition)
    if after is not None:
        place = (after.create_ms, after.message_id)
        query = query.where(tuple_(_C.create_ms, _C.message_id) < place)
    found: list[OutboundMessage] = []
    last: Any = None
    room = MOST_BYTES
    for row in connection.execute(query):
        if len(found) == size or (found and room < len(row.content)):
            return Page(found, Place(last.create_ms, last.message_id))
        found.append(to_message(row))
        room -= len(row.content) + RECORD_BYTES
        last = row
    return Page(found, None)


def _conditions(wanted: Filter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.states:
        conditions.append(_C.state.in_([state.value for state in wanted.states]))
    if wanted.recipient_jid:
        conditions.append(_C.recipient_jid == wanted.recipient_jid)
    if wanted.create_from is not None:
        conditions.append(_C.create_ms >= to_ms(wanted.create_from))
    if wanted.create_before is not None:
        conditions.append(_C.create_ms < to_ms(wanted.create_before))
    return conditions


def timeline(connection: Connection, message_id: str) -> list[Step]:
    """What happened to a message, oldest first, as far as the log still has it."""
    query = (
        select(events.c.sequence, events.c.create_ms, events.c.payload)
        .where(events.c.message_id == message_id)
        .order_by(events.c.sequence)
    )
    return [
        Step(row.sequence, time, row.payload)
        for row in connection.execute(query)
        if (time := from_ms(row.create_ms)) is not None
    ]
