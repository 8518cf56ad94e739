"""Standing misbehaviour, set from outside and asked for where it would bite.

A fault applies to all devices or to those of one number, until it is cleared, its time is over,
or it has bitten as often as it was told to. One that holds something back stays until it lets go.
Faults live in memory: a restarted sandbox behaves.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

_REMEMBERED: Final = 1000


class Refusal(enum.IntEnum):
    """Why a login is refused, as the ``reason`` of a ``<failure>``."""

    LOGGED_OUT = 401
    BANNED = 402
    OUTDATED = 405
    UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class RefuseConnections:
    """New connections are reset before a byte is answered."""


@dataclass(frozen=True, slots=True)
class RefuseLogin:
    """Logins end in ``<failure>``; a ban carries a code and the seconds until it ends."""

    reason: Refusal
    ban_code: int = 0
    ban_seconds: int = 0


@dataclass(frozen=True, slots=True)
class SendError:
    """Messages are not delivered, and acknowledged with an error code."""

    code: int


@dataclass(frozen=True, slots=True)
class HoldAck:
    """Messages are delivered, but acknowledged late, or (no seconds) never."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class ShortQr:
    """Fewer codes for pairing, and the line closed after a time."""

    codes: int = 6
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is answered or sent while the connection stays open."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """The lines that are open carry nothing any more, and nobody closes them; new ones work."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """The lines that are open answer questions and pings alone; new ones work."""


@dataclass(frozen=True, slots=True)
class RefuseActivation:
    """A device that has logged in may not have what waits for it, nor what comes."""


class Question(enum.IntEnum):
    """What a device asks: on its way to sending a message, or about people."""

    LID = 1
    DEVICES = 2
    PRE_KEYS = 3
    GROUP = 4
    PEOPLE = 11
    PICTURE = 12
    BLOCK_LIST = 13
    PRIVACY = 14
    GROUP_CHANGE = 5


@dataclass(frozen=True, slots=True)
class HoldQuery:
    """Questions of one kind are answered late, or (no seconds) when the fault is cleared."""

    question: Question
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CutLine:
    """The line that a message comes on is reset, with the message delivered or not."""

    delivered: bool


@dataclass(frozen=True, slots=True)
class Undecryptable:
    """A phone cannot decrypt what it is sent, and asks for it again."""


class Part(enum.IntEnum):
    """What is wrong with a garbled message."""

    BODY = 1
    SENDER_KEY = 2
    ALL = 3
    TYPE = 4
    CONTENT = 5
    VIEW_ONCE = 6


@dataclass(frozen=True, slots=True)
class Garble:
    """Devices cannot read what a phone writes."""

    part: Part
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class RefusePhoneCode:
    """A device that wants to be linked by a number's code is answered with an error code."""

    code: int


@dataclass(frozen=True, slots=True)
class RequirePasskey:
    """A device that is being linked is asked for the account's passkey instead."""


class Transfer(enum.IntEnum):
    """A way in which media moves."""

    UPLOAD = 1
    DOWNLOAD = 2


class Disturbance(enum.IntEnum):
    """What goes wrong with a transfer of media."""

    REFUSE = 1
    CUT = 2
    HOLD = 3
    DAMAGE = 4
    SLOW = 5
    LENGTHEN = 6
    REDIRECT = 7


@dataclass(frozen=True, slots=True)
class DisturbMedia:
    """Media is moved badly, or not at all; in both ways if none is named."""

    how: Disturbance
    transfer: Transfer | None = None
    status: int = 0
    bytes: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RefuseQuery:
    """Questions (of one namespace, if that is set) are answered with an error code."""

    code: int
    namespace: str = ""


Behaviour: TypeAlias = (
    RefuseConnections
    | RefuseLogin
    | SendError
    | HoldAck
    | ShortQr
    | Silence
    | HalfOpen
    | Deaf
    | RefuseActivation
    | HoldQuery
    | CutLine
    | Undecryptable
    | Garble
    | RefusePhoneCode
    | RequirePasskey
    | DisturbMedia
    | RefuseQuery
)
B = TypeVar("B", bound=Behaviour)


@dataclass(slots=True)
class Fault:
    """A behaviour with its bounds.

    Numbers are digits; a recipient may be a group's address; empty means all.
    """

    id: int
    behaviour: Behaviour
    number: str = ""
    recipient: str = ""
    times: int | None = None
    until: float | None = None
    seconds: float | None = None
    bitten: int = 0
    held: list[Callable[[], None]] = field(default_factory=list)

    def over(self) -> bool:
        """Whether it will not bite any more."""
        return (self.times is not None and self.bitten >= self.times) or (
            self.until is not None and time.monotonic() >= self.until
        )

    def let_go(self) -> None:
        """Do what was held back."""
        held, self.held = self.held, []
        for act in held:
            act()


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._remembered: dict[int, Fault] = {}
        self._ids = itertools.count(1)
        self._bitten = asyncio.Event()

    def set(
        self,
        behaviour: Behaviour,
        *,
        number: str = "",
        recipient: str = "",
        times: int | None = None,
        seconds: float | None = None,
    ) -> Fault:
        """Add a fault."""
        until = None if seconds is None else time.monotonic() + seconds
        fault = Fault(next(self._ids), behaviour, number, recipient, times, until, seconds)
        self._faults.append(fault)
        self._remembered[fault.id] = fault
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return fault

    def get(self, fault_id: int) -> Fault | None:
        """A fault, over or not."""
        return self._remembered.get(fault_id)

    def all(self) -> list[Fault]:
        """The faults that can still bite, or hold something back."""
        self._faults = [fault for fault in self._faults if fault.held or not fault.over()]
        return list(self._faults)

    def clear(self, fault_id: int | None = None) -> int:
        """Drop one fault, or all, and let go what they held back; how many there were."""
        dropped = [fault for fault in self.all() if fault_id in (None, fault.id)]
        self._faults = [fault for fault in self._faults if fault not in dropped]
        for fault in dropped:
            fault.let_go()
        return len(dropped)

    def bite(
        self, behaviour: type[B], number: str = "", recipient: str | Collection[str] = ""
    ) -> B | None:
        """The behaviour that applies here and now, counted as having applied."""
        fault = self.caught(lambda found: isinstance(found, behaviour), number, recipient)
        return None if fault is None else fault.behaviour  # type: ignore[return-value]  # as asked

    def caught(
        self,
        wanted: Callable[[Behaviour], bool],
        number: str = "",
        recipient: str | Collection[str] = "",
    ) -> Fault | None:
        """The fault that applies here and now, counted as having applied.

        Several recipients may be given; the fault applies if it is for one of them.
        """
        recipients = {recipient} if isinstance(recipient, str) else {*recipient}
        for fault in self.all():
            if (
                wanted(fault.behaviour)
                and not fault.over()
                and fault.number in ("", number)
                and (not fault.recipient or fault.recipient in recipients)
            ):
                fault.bitten += 1
                self._bitten.set()
                self._bitten = asyncio.Event()
                return fault
        return None

    async def wait(self, fault: Fault, times: int, seconds: float) -> None:
        """Wait until a fault has bitten so often, or the time is over."""
        deadline = time.monotonic() + seconds
        while fault.bitten < times and (left := deadline - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._bitten.wait()
            except TimeoutError:
                return
