"""Keeps the session alive: pairs it, connects it, heals it.

Together with the line and the pairer, which run inside it, the one who moves the session. What it
does is a plain sequence: open a client, wait for its next signal, act.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from datetime import datetime

import structlog

from botnode.clock import now
from botnode.line import AccountGoneError, Line
from botnode.pairer import Pairer
from botnode.ports import (
    Account,
    ClientOutdated,
    Connected,
    ConnectFailure,
    Disconnected,
    DiskFailure,
    Doubtful,
    Ended,
    Heard,
    KeepAliveRestored,
    KeepAliveTimeout,
    LoggedOut,
    PairingEnded,
    QrCode,
    Signal,
    StoreFailure,
    StreamReplaced,
    TemporaryBan,
    Unheard,
)
from botnode.states import SessionState

log = structlog.get_logger(__name__)

_S = SessionState

MAX_REPLACED = 3
UNANSWERED = "WhatsApp does not answer keep-alives"


class _ClientUselessError(Exception):
    """The client will not come to anything; the text says why, and how long to stay away."""

    def __init__(self, why: str, rest_s: float = 0.0) -> None:
        super().__init__(why)
        self.rest_s = rest_s


class Connector:
    """Drives one tenant's session over a line.

    Args:
        doubt: have WhatsApp asked something, for what is said in words; its answer, or that none
            came, comes over the line. Second, for how many seconds the library has stood still.
    """

    def __init__(self, line: Line, doubt: Callable[[str, float], None]) -> None:
        self._line = line
        self._doubt = doubt
        self._machine = line.machine
        self._pairer = Pairer(line)
        self._timing = line.timing
        self._replaced_at: deque[float] = deque(maxlen=MAX_REPLACED + 1)

    async def run(self, *, logged_out: bool, ban_expire_time: datetime | None) -> None:
        """Keep the session alive until cancelled.

        Args:
            logged_out: without an account, because it was unlinked.
            ban_expire_time: until when the last owner of the folder was told to stay away.
        """
        opened = False
        if self._machine.current.account is None:
            self._machine.move(_S.LOGGED_OUT if logged_out else _S.UNPAIRED)
        while True:
            try:
                if self._machine.current.account is None:
                    await self._pairer.run()
                    opened = True
                if not opened:
                    await self._begin(ban_expire_time)
                await self._stay_online()
            except AccountGoneError as gone:
                await self._line.close()
                self._machine.move(_S.LOGGED_OUT, str(gone))
                ban_expire_time, opened = None, False

    async def _begin(self, ban_expire_time: datetime | None) -> None:
        if ban_expire_time is not None and ban_expire_time > now():
            self._machine.move(_S.BANNED, ban_expire_time=ban_expire_time)
            await self._line.pause((ban_expire_time - now()).total_seconds())
        self._machine.move(_S.CONNECTING)
        await self._line.open()

    async def _stay_online(self) -> None:
        """Keep the account logged in. Ends only by `AccountGoneError`."""
        if self._machine.state is _S.CONNECTED:
            self._connected(None)
        while True:
            signal = await self._line.next(self._patience_s())
            try:
                await self._react(signal)
            except _ClientUselessError as useless:
                await self._line.recycle(str(useless), useless.rest_s)
                await self._line.open()

    def _patience_s(self) -> float | None:
        match self._machine.state:
            case _S.CONNECTED:
                return None
            case _S.DEAF:
                return self._timing.doubts.answer_s  # it was asked when it became so
            case _S.RECONNECTING:
                return self._timing.reconnect_s
            case _:
                return self._timing.login_s

    async def _react(self, signal: Signal | None) -> None:
        match signal:
            case Connected(account):
                self._connected(account)
            case Disconnected():
                self._machine.move(_S.RECONNECTING, "the line to WhatsApp was lost")
            case KeepAliveTimeout() | KeepAliveRestored() | Doubtful() | Heard() | Unheard():
                self._hear(signal)
            case ConnectFailure(detail) | Ended(detail):
                raise _ClientUselessError(detail or "the library's client ended")
            case None:
                raise _ClientUselessError(self._machine.current.last_error or "no answer in time")
            case QrCode() | PairingEnded():
                log.warning("unexpected_signal", signal=type(signal).__name__)
            case _:
                await self._react_to_end(signal)

    async def _react_to_end(self, signal: Signal) -> None:
        """WhatsApp or the library ended the session."""
        match signal:
            case LoggedOut(detail):
                await self._line.wait_until_deleted()
                raise AccountGoneError(detail)
            case StreamReplaced():
                await self._rest_replaced()
            case TemporaryBan():
                await self._line.rest_banned(signal)
            case ClientOutdated():
                await self._line.rest_outdated()
            case DiskFailure(detail):
                await self._line.hang_up(detail)
            case StoreFailure(detail):
                await self._line.give_up(f"session.db cannot be used: {detail}")

    def _connected(self, account: Account | None) -> None:
        self._line.worked()
        self._machine.move(_S.CONNECTED, account=account)
        if (known := self._machine.current.account) is not None:
            self._line.hub.finish(known)

    def _hear(self, signal: Signal) -> None:
        """What tells whether WhatsApp is there at the other end of an open line."""
        machine = self._machine
        match signal:
            case KeepAliveTimeout() if machine.state is _S.CONNECTED:
                machine.move(_S.DEAF, UNANSWERED)
                self._doubt(UNANSWERED, 0.0)
            case Doubtful(detail, still_s) if machine.state is _S.CONNECTED:
                self._doubt(detail, still_s)
            case KeepAliveRestored() | Heard() if machine.state is _S.DEAF:
                machine.move(_S.CONNECTED)
            case Unheard(detail, rest_s):
                if machine.state is _S.CONNECTED:
                    machine.move(_S.DEAF, detail)
                raise _ClientUselessError(detail, rest_s)

    async def _rest_replaced(self) -> None:
        """Take the session back if it is ours, but do not fight over it for ever."""
        await self._line.close()
        self._machine.move(_S.REPLACED, "another client took the session over")
        if not await self._line.process.confirm_lease():
            await self._line.lose("another process owns the tenant's folder")
        time = asyncio.get_running_loop().time()
        self._replaced_at.append(time)
        recent = [t for t in self._replaced_at if time - t < self._timing.replaced_window_s]
        if len(recent) > MAX_REPLACED:
            log.error("session_replaced_for_good", times=len(recent))
            while True:  # only a log-out or a restart leads on
                await self._line.next()
        # It comes back by itself: what can wait these seconds does.
        self._machine.move(_S.CONNECTING)
        least, most = self._timing.replaced_least_s, self._timing.replaced_most_s
        await self._line.pause(random.uniform(least, most))  # noqa: S311 - spreads load
        await self._line.come_back()
