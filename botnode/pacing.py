"""How fast an account may send: decided from what it has sent, without a clock or a store.

Times are milliseconds since 1970; a time of 0 has long passed. docs/PACING.md gives the reasons.
"""

from dataclasses import dataclass
from random import Random

from botmesh.errors import Reason

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
# So many messages of a minute go out without a rest between them: an answer in three parts, a try.
BURST = 5
# One part of so many of a minute's messages is kept for those that go out now or not at all, which
# get through while thousands wait in the queue; and one for those that wait, which go out however
# many come that do not.
KEPT_PART = 5
# After so many in a row that do not wait the next is the one that was accepted first of all.
MOST_IN_A_ROW = KEPT_PART - 1
# A limit of WhatsApp's that is met again and again lasts longer, up to so many times the first.
MOST_GROWTH = {Reason.RATE_LIMITED: 15, Reason.REACH_OUT_LOCKED: 8}


@dataclass(frozen=True, slots=True)
class Pace:
    """What a tenant is set to; 0 stands for no limit.

    Attributes:
        messages_per_minute: of any kind, to anybody.
        new_chats_per_day: people whom the account had no chat with before, in 24 hours.
        least_pause_ms: the shortest rest between two messages.
        most_pause_ms: the longest.
        rate_limit_pause_ms: for how long nothing goes out after WhatsApp's first 429.
        reach_out_pause_ms: for how long no chat is begun after WhatsApp's first 463.
    """

    messages_per_minute: int = 0
    new_chats_per_day: int = 0
    least_pause_ms: int = 0
    most_pause_ms: int = 0
    rate_limit_pause_ms: int = 0
    reach_out_pause_ms: int = 0

    @property
    def is_set(self) -> bool:
        """Whether it limits anything."""
        return self != Pace()

    @property
    def counts_sends(self) -> bool:
        """Whether what went out in the last minute matters."""
        return self.messages_per_minute > 0 or self.most_pause_ms > 0

    @property
    def share_per_minute(self) -> int:
        """How many of a minute's messages may be of one kind, of those that wait and the others.

        Of a single one there are no shares.
        """
        most = self.messages_per_minute
        return most - max(1, most // KEPT_PART) if most > 1 else most

    def first_pause_ms(self, reason: Reason) -> int:
        """How long a limit of WhatsApp's lasts when it is met the first time; 0 for not at all."""
        limited = reason is Reason.RATE_LIMITED
        return self.rate_limit_pause_ms if limited else self.reach_out_pause_ms

    def draw_pause_ms(self, luck: Random) -> int:
        """How long to rest after a message."""
        return luck.randint(self.least_pause_ms, max(self.least_pause_ms, self.most_pause_ms))


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that WhatsApp set: until when it is held to, and how often it was met in a row."""

    until_ms: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account has used up.

    Attributes:
        minute_ms: when that message went out which has to be a minute old before another one goes;
            0 where there is none.
        queue_ms: the same for a message of the queue.
        day_ms: when that chat was begun which has to be a day old before another one is begun.
        rate: of WhatsApp's 429.
        reach_out: of WhatsApp's 463.
    """

    minute_ms: int = 0
    queue_ms: int = 0
    day_ms: int = 0
    rate: Limit = Limit()
    reach_out: Limit = Limit()


@dataclass(frozen=True, slots=True)
class Gate:
    """From when on what may go out.

    Attributes:
        now_ms: a message that goes out now or not at all.
        queue_ms: one that may wait.
        new_chats_ms: one that begins a chat.
        new_chats_reason: why not before.
    """

    now_ms: int = 0
    queue_ms: int = 0
    new_chats_ms: int = 0
    new_chats_reason: Reason | None = None

    def next_ms(self, now_ms: int) -> int | None:
        """When it opens further; None if it is wide open."""
        times = (self.now_ms, self.queue_ms, self.new_chats_ms)
        return min((time for time in times if time > now_ms), default=None)


OPEN = Gate()


def decide(pace: Pace, usage: Usage, now_ms: int) -> Gate:
    """What may go out from when on; a rest between two messages is not in it."""
    stopped = _held_until(pace, usage.rate, Reason.RATE_LIMITED, now_ms)
    minute = usage.minute_ms + MINUTE_MS if usage.minute_ms else 0
    queue = usage.queue_ms + MINUTE_MS if usage.queue_ms else 0
    day = usage.day_ms + DAY_MS if usage.day_ms else 0
    locked = _held_until(pace, usage.reach_out, Reason.REACH_OUT_LOCKED, now_ms)
    new_chats = max(locked, day, stopped)
    reason = None
    if new_chats > now_ms:
        reason = Reason.REACH_OUT_LOCKED if new_chats == locked else Reason.RATE_LIMITED
    return Gate(
        now_ms=max(stopped, minute),
        queue_ms=max(stopped, minute, queue),
        new_chats_ms=new_chats,
        new_chats_reason=reason,
    )


def _held_until(pace: Pace, limit: Limit, reason: Reason, now_ms: int) -> int:
    """Until when a limit is held to; not for longer than it may last if the clock was set back."""
    return min(limit.until_ms, now_ms + pace.first_pause_ms(reason) * MOST_GROWTH[reason])


def met(pace: Pace, limit: Limit, reason: Reason, now_ms: int) -> Limit:
    """The limit after WhatsApp refused a message for it once more.

    One that is in force already stays as it is: messages that were on their way prove nothing new.
    """
    first_ms = pace.first_pause_ms(reason)
    if not first_ms or _held_until(pace, limit, reason, now_ms) > now_ms:
        return limit
    growth = min(1 << min(limit.count, 30), MOST_GROWTH[reason])
    return Limit(now_ms + first_ms * growth, limit.count + 1)
