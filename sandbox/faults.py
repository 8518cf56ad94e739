"""Standing misbehaviour, set from outside and asked for where it would bite.

A fault applies to all devices or to those of one number, until it is cleared, its time is over,
or it has bitten as often as it was told to. Faults live in memory: a restarted sandbox behaves.
"""

from __future__ import annotations

import enum
import itertools
import time
from dataclasses import dataclass
from typing import TypeAlias, TypeVar


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


Behaviour: TypeAlias = RefuseConnections | RefuseLogin | SendError | HoldAck | ShortQr | Silence
B = TypeVar("B", RefuseConnections, RefuseLogin, SendError, HoldAck, ShortQr, Silence)


@dataclass(slots=True)
class Fault:
    """A behaviour with its bounds. Numbers are digits; empty means all."""

    id: int
    behaviour: Behaviour
    number: str = ""
    recipient: str = ""
    times: int | None = None
    until: float | None = None
    seconds: float | None = None
    bitten: int = 0

    def over(self) -> bool:
        """Whether it will not bite any more."""
        return (self.times is not None and self.bitten >= self.times) or (
            self.until is not None and time.monotonic() >= self.until
        )


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

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
        return fault

    def all(self) -> list[Fault]:
        """The faults that can still bite."""
        self._faults = [fault for fault in self._faults if not fault.over()]
        return list(self._faults)

    def clear(self, fault_id: int | None = None) -> int:
        """Drop one fault, or all; how many there were."""
        kept = [fault for fault in self.all() if fault_id is not None and fault.id != fault_id]
        dropped = len(self._faults) - len(kept)
        self._faults = kept
        return dropped

    def bite(self, behaviour: type[B], number: str = "", recipient: str = "") -> B | None:
        """The behaviour that applies here and now, counted as having applied."""
        for fault in self.all():
            if (
                isinstance(fault.behaviour, behaviour)
                and fault.number in ("", number)
                and fault.recipient in ("", recipient)
            ):
                fault.bitten += 1
                return fault.behaviour
        return None
