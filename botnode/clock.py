"""Wall time, which only labels; durations use the monotonic clock."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The time, aware, UTC, in the whole milliseconds that are stored."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime | None) -> int | None:
    """A moment as milliseconds since 1970."""
    return None if moment is None else round(moment.timestamp() * 1000)


def from_ms(value: int | None) -> datetime | None:
    """The moment of a number of milliseconds since 1970."""
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)
