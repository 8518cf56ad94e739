"""Bounds how many botnodes start at the same time."""

import asyncio
import random
from collections import deque
from collections.abc import Callable


class StartGate:
    """Gives out a number of slots in the order in which they were asked for.

    Starting is the expensive part of a botnode's life: a hundred at once would take longer, all
    of them, than one after another. Slots that had to be waited for are given out with a jitter.
    """

    def __init__(self, slots: int, *, slot_limit_s: float, jitter_s: float) -> None:
        self._free = slots
        self._slot_limit_s = slot_limit_s
        self._jitter_s = jitter_s
        self._queue: deque[Slot] = deque()

    def join(self, granted: Callable[[], None]) -> "Slot":
        """Ask for a slot; `granted` is called when it is given, at once if one is free."""
        slot = Slot(self, granted)
        if self._free:
            self._free -= 1
            slot.grant(self._slot_limit_s)
        else:
            self._queue.append(slot)
        return slot

    def give_back(self) -> None:
        """Pass a slot on to the next that waits."""
        if not self._queue:
            self._free += 1
            return
        slot = self._queue.popleft()
        jitter = random.uniform(0, self._jitter_s)  # noqa: S311 - spreads load
        asyncio.get_running_loop().call_later(jitter, slot.grant, self._slot_limit_s)


class Slot:
    """One place in the gate, waited for or held. It is given back by itself after a while."""

    def __init__(self, gate: StartGate, granted: Callable[[], None]) -> None:
        self._gate = gate
        self._granted = granted
        self._is_held = False
        self._timer: asyncio.TimerHandle | None = None
        self.has_left = False

    def grant(self, limit_s: float) -> None:
        """Hand the slot over, or on if nobody wants it any more."""
        if self.has_left:
            self._gate.give_back()
            return
        self._is_held = True
        self._timer = asyncio.get_running_loop().call_later(limit_s, self.leave)
        self._granted()

    def leave(self) -> None:
        """Give the slot back, or stop waiting for it. Idempotent."""
        if self.has_left:
            return
        self.has_left = True
        if self._timer is not None:
            self._timer.cancel()
        if self._is_held:
            self._gate.give_back()
