"""Times as people type them: ``15m``, ``2h``, ``2026-11-22 13:00``."""

import re
from datetime import UTC, datetime, timedelta

import typer
from google.protobuf.timestamp_pb2 import Timestamp

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def duration(text: str) -> timedelta:
    """``90s``, ``15m``, ``2h``, ``7d`` or several of them, as in ``1h30m``.

    Raises:
        BadParameter: it is none.
    """
    if not _DURATION.fullmatch(text):
        raise typer.BadParameter("must be a time such as 90s, 15m, 2h or 7d")
    try:
        return sum(
            (timedelta(**{_UNITS[unit]: float(count)}) for count, unit in _PART.findall(text)),
            timedelta(),
        )
    except OverflowError as error:
        raise typer.BadParameter("is longer than any time") from error


def moment(text: str) -> datetime:
    """A time (UTC where it names no zone), or how long ago, as in ``2h``.

    Raises:
        BadParameter: it is neither.
    """
    try:
        if _DURATION.fullmatch(text):
            return datetime.now(UTC) - duration(text)
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        words = "must be how long ago, e.g. 2h, or a time (UTC), e.g. 2026-11-22T13:00"
        raise typer.BadParameter(words) from error


def seconds(timestamp: Timestamp) -> str:
    """A timestamp for a table: UTC, to the second."""
    return timestamp.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")
