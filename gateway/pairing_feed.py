"""One botnode's pairing for all who watch it: the newest of each thing, handed to each."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2
from gateway.waiting import Waiting

# As long as a botnode shows codes; each restart of one begins its own count anew.
PAIRING_LIMIT_S = 30 * 60.0
# A watcher joins others who wait for a botnode if they have waited no longer than this: each may
# wait as long as the method's policy says.
JOIN_S = 2.0
# A code that reaches a watcher later than this is told how long it still lives.
PROMPT_S = 0.05

Clock = Callable[[], float]

_CODES = ("code", "phone_code")
_FAILURES = ("failed", "passkey_required")
_FAILURE = "failure"


@dataclass(slots=True)
class _Step:
    """A step as it came.

    Attributes:
        number: its place among the steps that were news.
        what: what kind of thing it is the newest of.
        came_at: a time of the feed's clock.
        dies_at: when it is of no use any more to who did not see it come.
    """

    number: int
    what: str
    response: bytes
    came_at: float
    dies_at: float = math.inf
    code: str = ""


class PairingFeed:
    """What there is to see of a tenant's pairing; a `Resumption` of the stream that tells it.

    Of each thing only the newest is kept: who is slow gets that one next, and costs no more.

    Attributes:
        watchers: how many there are.
        has_ended: whether nothing more will come.
        error: why, unless it was paired.
        clock: in seconds.
    """

    def __init__(self, request: bytes, clock: Clock = time.monotonic) -> None:
        self.watchers = 0
        self.has_ended = False
        self.error: Exception | None = None
        self._request = request
        self.clock = clock
        self._waiting = Waiting()
        self._until = clock() + PAIRING_LIMIT_S
        self._open_until = clock() + JOIN_S
        self._number = 0
        self._on_show: dict[str, _Step] = {}
        self._codes: dict[str, _Step] = {}

    # -- the botnode's side

    def request(self) -> bytes:
        """The watchers' request.

        Raises:
            MeshError: PAIRING_TIMED_OUT. A botnode ends its process after some rounds of codes, so
                its own limit might never come.
        """
        if self.clock() >= self._until:
            raise MeshError(
                Reason.PAIRING_TIMED_OUT,
                "nobody scanned a code in 30 minutes",
                retry_after=timedelta(seconds=1),
            )
        return self._request

    def is_news(self, response: bytes) -> bool:  # noqa: ARG002 - the port's
        """Everything is; what a watcher has seen is not told him again."""
        return True

    async def add(self, response: bytes) -> None:
        """Take over the next step of the botnode."""
        step = self._read(response)
        if step.what == _FAILURE:
            self._codes.clear()
            for code in _CODES:
                self._on_show.pop(code, None)
        elif step.what in _CODES:
            known = self._codes.get(step.what)
            if known is not None and known.code == step.code:
                # Told again after a break: news for those alone who have come since.
                step.number = known.number
            self._codes[step.what] = step
        self._number = max(self._number, step.number)
        self._on_show[step.what] = step
        self._waiting.tell()

    def lose(self) -> None:
        """The botnode is lost. What it showed may be void: it is for nobody who comes now."""
        if self._on_show:
            self._on_show.clear()
            self._open_until = self.clock() + JOIN_S

    def end(self, error: Exception | None) -> None:
        """Nothing more will come."""
        self.has_ended = True
        self.error = error
        self._waiting.tell()

    def _read(self, response: bytes) -> _Step:
        message = bot_pb2.StreamQRResponse.FromString(response)
        kind = message.WhichOneof("step") or ""
        now = self.clock()
        step = _Step(self._number + 1, kind, response, now)
        if kind in _FAILURES:
            step.what = _FAILURE
        elif kind in _CODES:
            code = getattr(message, kind)
            step.code = code.code
            if code.HasField("expires_in"):
                step.dies_at = now + code.expires_in.ToTimedelta().total_seconds()
        elif not kind:
            # Of a later version: who comes later is not told what may be over.
            step.dies_at = now
        return step

    # -- a watcher's side

    @property
    def is_open(self) -> bool:
        """Whether who comes now misses nothing here."""
        return bool(self._on_show) or self.clock() < self._open_until

    def join(self) -> int:
        """A watcher comes; he begins after this number.

        He gets the code on show at once, and not what failed before it.
        """
        self.watchers += 1
        self._until = self.clock() + PAIRING_LIMIT_S
        failure = self._on_show.get(_FAILURE)
        return failure.number if failure is not None and "code" in self._on_show else 0

    def leave(self) -> None:
        """A watcher goes."""
        self.watchers -= 1

    def after(self, number: int, came_at: float) -> _Step | None:
        """The next step for a watcher who has seen all up to a number."""
        found: _Step | None = None
        for step in self._on_show.values():
            is_over = step.came_at < came_at and step.dies_at <= self.clock()
            if step.number > number and not is_over and (not found or step.number < found.number):
                found = step
        return found

    def told(self, step: _Step) -> bytes:
        """A step as it is told now."""
        now = self.clock()
        if not step.code or math.isinf(step.dies_at) or now - step.came_at <= PROMPT_S:
            return step.response
        message = bot_pb2.StreamQRResponse.FromString(step.response)
        left = Duration()
        left.FromTimedelta(timedelta(seconds=max(0.0, step.dies_at - now)))
        getattr(message, step.what).expires_in.CopyFrom(left)
        return message.SerializeToString()

    async def wait(self) -> None:
        """Return when there is something new."""
        await self._waiting.wait()


class Watcher:
    """One watcher's way through a feed."""

    __slots__ = ("_came_at", "_feed", "_seen")

    def __init__(self, feed: PairingFeed) -> None:
        self._feed = feed
        self._came_at = feed.clock()
        self._seen = feed.join()

    async def next(self) -> bytes | None:
        """The next step; None if the feed has ended."""
        feed = self._feed
        while True:
            step = feed.after(self._seen, self._came_at)
            if step is not None:
                self._seen = step.number
                return feed.told(step)
            if feed.has_ended:
                return None
            await feed.wait()
