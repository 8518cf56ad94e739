"""How one body goes to or from the media host: smoothly, or as a fault says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from sandbox.faults import Disturbance, DisturbMedia, Fault
from sandbox.tcp import reset

_PIECE: Final = 64 * 1024
_STEPS_PER_SECOND: Final = 20


class Course:
    """The course of one body.

    Attributes:
        how: what goes wrong with it, if anything.
        status: what it is refused with; 0 if it is not.
    """

    def __init__(self, transport: asyncio.WriteTransport, fault: Fault | None) -> None:
        self._transport = transport
        self._fault = fault
        behaviour = fault.behaviour if fault is not None else None
        self._disturbed = behaviour if isinstance(behaviour, DisturbMedia) else None
        self._rested = False
        self.how: Disturbance | None = None
        self.status = 0
        if self._disturbed is not None:
            self.how = self._disturbed.how
            self.status = self._disturbed.status if self.how is Disturbance.REFUSE else 0

    async def next(self, done: int, size: int) -> int:
        """How many of the next bytes go now, at most `size`; raises ConnectionError at a cut."""
        disturbed = self._disturbed
        if disturbed is None or self.how not in _ON_THE_WAY:
            return size
        if self.how is Disturbance.SLOW:
            slow = max(1, min(size, disturbed.bytes // _STEPS_PER_SECOND))
            await asyncio.sleep(slow / disturbed.bytes)
            return slow
        if done < disturbed.bytes:
            return min(size, disturbed.bytes - done)
        await self._stumble(disturbed)
        return size

    async def finish(self, done: int) -> None:
        """The body is through: a cut or a hold behind it is due."""
        disturbed = self._disturbed
        stumbles = self.how in (Disturbance.CUT, Disturbance.HOLD)
        if disturbed is not None and stumbles and done >= disturbed.bytes:
            await self._stumble(disturbed)

    def damaged(self, piece: bytes, done: int) -> bytes:
        """A piece of a body, with a byte changed if that is to be."""
        if self._disturbed is None or self.how is not Disturbance.DAMAGE:
            return piece
        at = self._disturbed.bytes - done
        if not 0 <= at < len(piece):
            return piece
        return piece[:at] + bytes((piece[at] ^ 0xFF,)) + piece[at + 1 :]

    def more(self) -> Iterator[bytes]:
        """What follows a body that is to be longer than it is."""
        left = self._disturbed.bytes if self._disturbed and self.how is _LENGTHEN else 0
        while left > 0:
            yield bytes(min(_PIECE, left))
            left -= _PIECE

    async def _stumble(self, disturbed: DisturbMedia) -> None:
        if self.how is Disturbance.CUT:
            reset(self._transport)
            raise ConnectionResetError
        if self._rested or self._fault is None:
            return
        self._rested = True
        if disturbed.seconds is not None:
            await asyncio.sleep(disturbed.seconds)
            return
        let_go = asyncio.Event()
        self._fault.held.append(let_go.set)
        await let_go.wait()


_LENGTHEN: Final = Disturbance.LENGTHEN
_ON_THE_WAY: Final = frozenset({Disturbance.CUT, Disturbance.HOLD, Disturbance.SLOW})
