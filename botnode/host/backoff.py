"""How long to wait before a botnode that ended is started again."""

import random
from collections.abc import Callable
from dataclasses import dataclass

# From this many ends in a row on, without a healthy minute between them, it is a crash loop.
CRASH_LOOP_AFTER = 5

Random = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Counts the ends in a row; the first restart is immediate, later ones wait with full jitter.

    The bound doubles from 1 second up to `limit_s`; the wait is a random part of it, so that
    tenants which failed for the same reason do not come back in step.
    """

    failures: int = 0
    limit_s: float = 30.0

    def failed(self) -> "Backoff":
        """After one more end."""
        return Backoff(self.failures + 1, self.limit_s)

    def reset(self) -> "Backoff":
        """After a healthy time, or when somebody asked for a start."""
        return Backoff(0, self.limit_s)

    def delay_s(self, rand: Random = random.random) -> float:
        """How long to wait now; `rand` gives 0 to 1."""
        if self.failures <= 1:
            return 0.0
        # 2 ** 30 would do as well, but an exponent without a bound ends in an overflow some day.
        return rand() * min(self.limit_s, 2.0 ** min(self.failures - 2, 30))

    @property
    def is_crash_loop(self) -> bool:
        """Whether it fails again and again."""
        return self.failures >= CRASH_LOOP_AFTER
