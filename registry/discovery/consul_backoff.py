"""How long to leave Consul alone after it did not answer."""

import random
from collections.abc import Callable

Random = Callable[[], float]


class Backoff:
    """Waits with jitter; the bound doubles with each failure.

    The first wait is short, so that a lost connection costs nothing; the longest is short enough
    that everybody is back within seconds of Consul's return.
    """

    def __init__(
        self, first_s: float = 0.2, most_s: float = 3.0, rand: Random = random.random
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._rand = rand
        self._failures = 0

    def next_s(self) -> float:
        """How long to wait after one more failure: a half to the whole of the bound."""
        bound = min(self._most_s, self._first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return bound * (0.5 + self._rand() / 2)

    def reset(self) -> None:
        """It answered."""
        self._failures = 0
