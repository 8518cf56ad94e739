"""What came in and was not understood, for tests to fail on."""

from __future__ import annotations

import enum
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog

_KEPT: Final = 1000
_log = structlog.get_logger()


class Kind(enum.IntEnum):
    """What sort of thing was not understood."""

    STANZA = 1
    QUERY = 2
    HOST = 3
    REQUEST = 4
    UNDECRYPTABLE = 5
    FRAME = 6


@dataclass(frozen=True, slots=True)
class UnknownThing:
    """One thing that was not understood, and from whom."""

    kind: Kind
    sender: str
    text: str
    at: float


class Unknown:
    """The last things that were not understood."""

    def __init__(self) -> None:
        self._things: deque[UnknownThing] = deque(maxlen=_KEPT)

    def report(self, kind: Kind, sender: str, text: str) -> None:
        """Note something; it is logged without its content."""
        self._things.append(UnknownThing(kind, sender, text, time.time()))
        _log.warning("not_understood", kind=kind.name.lower(), count=len(self._things))

    def all(self) -> list[UnknownThing]:
        """What was noted, oldest first."""
        return list(self._things)

    def clear(self) -> None:
        """Forget what was noted."""
        self._things.clear()
