"""Gives up the messages that wait in vain: for a session, beyond their time, or for an account."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime

from botmesh.errors import Reason
from botnode.clock import now
from botnode.message import OutboundMessage
from botnode.messages import MOST_AT_ONCE, MessageRows
from botnode.session import Session, SessionMachine
from botnode.side_tasks import SideTasks
from botnode.states import PASSING, REASON_OF, SessionState
from botnode.store import Store, Transaction

# A session that was lost this short a time ago is waited for, not given up.
GRACE_S = 5.0
SHORTEST_PAUSE_S = 0.01


class Patience:
    """Watches the messages that wait, beside the pump: a send can take it 75 seconds.

    Args:
        publish: told of every message that changed.
    """

    def __init__(
        self,
        store: Store,
        rows: MessageRows,
        machine: SessionMachine,
        publish: Callable[..., None],
    ) -> None:
        self._store = store
        self._rows = rows
        self._machine = machine
        self._publish = publish
        self._roused = asyncio.Event()
        self._next: datetime | None = None
        self._down_since: float | None = time.monotonic()
        self._beside = SideTasks()
        machine.observe(self._on_session)

    def expect(self, expire_time: datetime) -> None:
        """A message waits, not longer than until then."""
        if self._next is None or expire_time < self._next:
            self._roused.set()

    def _on_session(self, session: Session) -> None:
        if session.state is SessionState.CONNECTED:
            self._down_since = None
            self._beside.spawn(self._fail_strangers())
        elif self._down_since is None:
            self._down_since = time.monotonic()
        if session.state is SessionState.LOGGED_OUT:
            # A log-out deletes the library's record of what was sent: nothing can be found out.
            detail = session.last_error
            self._beside.spawn(self._change(lambda tx: self._rows.cut_sending(tx, detail)))
        self._roused.set()

    async def _fail_strangers(self) -> None:
        account = self._machine.current.account
        if account is not None:
            number = account.phone_number
            await self._change(lambda tx: self._rows.fail_strangers(tx, number))

    async def run(self) -> None:
        """Give up what waits in vain, as soon as it does. Never returns."""
        while True:
            self._roused.clear()
            self._next = None  # whatever comes while we look makes us look again
            pause_s = await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._roused.wait()

    async def _look(self) -> float | None:
        """Give up what is due; seconds until something is due again, None for never."""
        waiting = await self._store.read(self._rows.waiting)
        if not waiting.count:
            return None
        if (left_s := self._grace_left_s()) is not None and left_s <= 0:
            await self._give_up_impatient()
            left_s = None
        if waiting.expire is not None and waiting.expire < now():
            await self._change(self._rows.expire_queued)
            return 0.0
        self._next = waiting.expire
        pauses = [] if left_s is None else [left_s]
        if waiting.expire is not None:
            pauses.append((waiting.expire - now()).total_seconds())
        return max(SHORTEST_PAUSE_S, min(pauses)) if pauses else None

    def _grace_left_s(self) -> float | None:
        """How long messages that should go out now still wait for the session; None if it is up."""
        if self._down_since is None:
            return None
        if self._machine.state not in PASSING:
            return 0.0
        return self._down_since + GRACE_S - time.monotonic()

    async def _give_up_impatient(self) -> None:
        reason = REASON_OF.get(self._machine.state, Reason.SESSION_DISCONNECTED)
        detail = self._machine.current.last_error
        await self._change(lambda tx: self._rows.fail_impatient(tx, reason, detail))

    async def _change(self, work: Callable[[Transaction], list[OutboundMessage]]) -> None:
        while changed := await self._store.write(work, durable=True):
            self._publish(*changed)
            if len(changed) < MOST_AT_ONCE:
                break
