"""Codes that link by phone number: who waits for one, and which one WhatsApp waits for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botmesh.errors import MeshError, Reason
from botnode.clock import now

# WhatsApp does not say how long it wants to be left alone after "rate-overlimit"; asking goes on
# counting.
RATE_LIMIT_REST = timedelta(minutes=10)
# What a caller waits before it asks again after a try that failed.
RETRY_AFTER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class PhoneCode:
    """A code to type into a phone.

    Attributes:
        number: the phone's, in E.164 form.
        dies_at: a time of the event loop.
    """

    number: str
    code: str
    expire_time: datetime
    dies_at: float


@dataclass(slots=True)
class _Demand:
    """A code that callers wait for; all that ask for one number wait for the same."""

    number: str
    answer: "asyncio.Future[PhoneCode]" = field(repr=False)
    waiting: int = 0


class PhoneCodes:
    """The desk at which callers ask, and whoever has the line to WhatsApp answers.

    WhatsApp knows one code of a device at a time, so there is one here.

    Args:
        changed: called when somebody begins or ceases to wait for a code.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._current: PhoneCode | None = None
        self._demand: _Demand | None = None
        self._asked = asyncio.Event()
        self._rests: dict[str, float] = {}

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a code."""
        return self._demand is not None

    @property
    def current(self) -> PhoneCode | None:
        """The code that WhatsApp waits for now."""
        found = self._current
        return found if found is not None and found.dies_at > _time() else None

    async def request(self, number: str) -> PhoneCode:
        """The code for a number: the one that lives, or a new one.

        Raises:
            MeshError: RATE_LIMITED, or what the code was refused with.
        """
        if (current := self.current) is not None and current.number == number:
            return current
        self._check_rest(number)
        demand = self._join(number)
        try:
            return await asyncio.shield(demand.answer)
        finally:
            demand.waiting -= 1
            if not demand.waiting and self._demand is demand:
                self._settle()

    def _check_rest(self, number: str) -> None:
        time = _time()
        self._rests = {known: until for known, until in self._rests.items() if until > time}
        if (until := self._rests.get(number)) is not None:
            raise rate_limited(timedelta(seconds=until - time))

    def _join(self, number: str) -> _Demand:
        demand = self._demand
        if demand is None or demand.number != number:
            self.fail(_superseded())
            demand = _Demand(number, asyncio.get_running_loop().create_future())
            self._demand = demand
            self._asked.set()
            self._changed()
        demand.waiting += 1
        return demand

    def _settle(self) -> _Demand | None:
        demand, self._demand = self._demand, None
        self._asked.clear()
        if demand is not None:
            self._changed()
        return demand

    # -- the side of whoever has the line

    async def next_number(self) -> str:
        """The number that somebody waits for; returns once there is one."""
        while self._demand is None:
            await self._asked.wait()
        return self._demand.number

    def give(self, number: str, code: str, dies_at: float) -> PhoneCode:
        """WhatsApp waits for this code from now on."""
        expire_time = now() + timedelta(seconds=dies_at - _time())
        self._current = given = PhoneCode(number, code, expire_time, dies_at)
        if self._demand is not None and self._demand.number == number:
            demand = self._settle()
            if demand is not None:
                demand.answer.set_result(given)
        return given

    def refuse(self, number: str, error: MeshError) -> None:
        """WhatsApp gave no code for this number."""
        if error.reason is Reason.RATE_LIMITED:
            self._rests[number] = _time() + RATE_LIMIT_REST.total_seconds()
        if self._demand is not None and self._demand.number == number:
            self.fail(error)

    def fail(self, error: MeshError) -> None:
        """Nobody gets the code that is waited for, if one is."""
        if (demand := self._settle()) is not None:
            demand.answer.set_exception(error)

    def void(self) -> None:
        """WhatsApp waits for no code any more."""
        self._current = None


def rate_limited(rest: timedelta = RATE_LIMIT_REST) -> MeshError:
    """WhatsApp was asked for codes too often."""
    text = "WhatsApp was asked too often for a pairing code for this number"
    return MeshError(Reason.RATE_LIMITED, text, retry_after=rest)


def _superseded() -> MeshError:
    text = "a pairing code for another number was asked for meanwhile"
    return MeshError(Reason.PAIRING_FAILED, text, retry_after=RETRY_AFTER)


def _time() -> float:
    return asyncio.get_running_loop().time()
