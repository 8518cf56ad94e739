"""What phones see of others beside messages: presence, typing, blue ticks."""

from __future__ import annotations

import enum
import itertools
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from sandbox.news import News

_KEPT: Final = 1000


class SightingKind(enum.IntEnum):
    """What was seen."""

    PRESENCE = 1
    TYPING = 2
    READ = 3
    PLAYED = 4
    SUBSCRIPTION = 5


class Typing(enum.IntEnum):
    """What somebody does in a chat."""

    COMPOSING = 1
    RECORDING = 2
    PAUSED = 3


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that a phone saw. Phones are named by number, chats as messages name them.

    Attributes:
        available: they went online, or offline; of a presence.
        token: the phone's token was handed in; of a subscription.
    """

    sequence: int
    number: str
    kind: SightingKind
    who: str
    device: int
    at: float
    chat: str = ""
    available: bool | None = None
    typing: Typing | None = None
    message_id: str = ""
    token: bool = False


class Sightings:
    """The last things that phones saw, in memory."""

    def __init__(self) -> None:
        self._kept: deque[Sighting] = deque(maxlen=_KEPT)
        self._sequence = itertools.count(1)
        self._news = News()

    def add(self, number: str, kind: SightingKind, who: str, device: int, **what: Any) -> None:
        """A phone sees something."""
        seen = Sighting(next(self._sequence), number, kind, who, device, time.time(), **what)
        self._kept.append(seen)
        self._news.announce()

    def of(self, number: str, kind: SightingKind | None = None, after: int = 0) -> list[Sighting]:
        """What a phone has seen, oldest first."""
        return [
            seen
            for seen in self._kept
            if seen.number == number and seen.sequence > after and kind in (None, seen.kind)
        ]

    async def wait(
        self, number: str, kind: SightingKind | None, after: int, *, count: int, seconds: float
    ) -> list[Sighting]:
        """The same, once there are as many as asked for or the time is over."""
        return await self._news.wait(
            lambda: self.of(number, kind, after), count=count, seconds=seconds
        )
