"""Keeps the session alive: pairs it, connects it, heals it. The one who moves the session.

It takes the library's signals from one queue and owns its client. One coroutine at a time runs
here, so what it does is a plain sequence: open a client, wait for the next signal, act.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from botmesh.errors import MeshError, Reason
from botnode.clock import now
from botnode.pairing import CODE_LIFE, FIRST_CODE_LIFE, PairingHub
from botnode.ports import (
    Account,
    ClientOutdated,
    Connected,
    ConnectFailure,
    Disconnected,
    Ended,
    KeepAliveRestored,
    KeepAliveTimeout,
    LoggedOut,
    PairingEnded,
    QrCode,
    SendError,
    Signal,
    StoreFailure,
    StreamReplaced,
    TemporaryBan,
    WhatsApp,
)
from botnode.session import SessionMachine
from botnode.states import SessionState

log = structlog.get_logger(__name__)

_S = SessionState


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the connector waits for what, in seconds."""

    login_s: float = 75.0
    first_code_s: float = 60.0
    code_slack_s: float = 5.0
    deaf_grace_s: float = 5.0
    # The library tries again by itself after 0, 2, 4 ... seconds; after this we take over.
    reconnect_s: float = 180.0
    backoff_first_s: float = 1.0
    backoff_most_s: float = 30.0
    replaced_least_s: float = 2.0
    replaced_most_s: float = 5.0
    replaced_window_s: float = 600.0
    ban_unknown_s: float = 3600.0
    outdated_s: float = 3600.0
    log_out_s: float = 10.0
    poll_s: float = 0.02


MAX_REPLACED = 3
# Each round of codes that nobody scanned leaves a thread of the library behind.
MAX_LEAKED_ROUNDS = 3
# Each client leaves its database connection behind.
MAX_RECYCLED_CLIENTS = 20

PASSKEY = (
    "WhatsApp asks for a passkey to link this account, which botmesh cannot give: on the phone, "
    "switch passkeys off for linking, or link another way"
)
# The library's words for the end of a round of codes (whatsmeow's qrchan.go).
_ROUND_ENDS = {
    "timeout": "",
    "error": "the phone and this device could not agree on keys",
    "err-scanned-without-multidevice": "the phone has multi-device switched off",
    "err-unexpected-state": "WhatsApp refused this device",
}


class _AccountGoneError(Exception):
    """The account was unlinked: pair again."""


class _ClientUselessError(Exception):
    """The client will not come to anything; the text says why."""


@dataclass(slots=True)
class _LogOut:
    force: bool
    done: "asyncio.Future[None]" = field(repr=False)


class Connector:
    """Drives one tenant's session.

    Args:
        machine: the session; this is its writer.
        whatsapp: the library.
        hub: the watchers of a pairing.
        holds_lease: whether this process still owns the tenant.
        renew: ask for this process to end and be started again at once.
        fail: end the process: its configuration or folder must be mended.
        delete_keys: delete the account's keys from the folder.
    """

    def __init__(
        self,
        machine: SessionMachine,
        whatsapp: WhatsApp,
        hub: PairingHub,
        *,
        holds_lease: Callable[[], bool],
        renew: Callable[[], None],
        fail: Callable[[str], None],
        delete_keys: Callable[[], None],
        timing: Timing | None = None,
    ) -> None:
        self._machine = machine
        self._whatsapp = whatsapp
        self._hub = hub
        self._holds_lease = holds_lease
        self._renew = renew
        self._fail = fail
        self._delete_keys = delete_keys
        self._timing = timing or Timing()
        self._inbox: asyncio.Queue[Signal | _LogOut] = asyncio.Queue()
        self._replaced_at: deque[float] = deque(maxlen=MAX_REPLACED + 1)
        self._leaked_rounds = 0
        self._recycled = 0
        self._failures = 0

    async def log_out(self, *, force: bool) -> None:
        """Unlink the account; LOGGED_OUT when this returns.

        Raises:
            MeshError: SESSION_DISCONNECTED when WhatsApp cannot be told and ``force`` is not set.
        """
        request = _LogOut(force, asyncio.get_running_loop().create_future())
        self._inbox.put_nowait(request)
        await request.done

    async def run(self, *, logged_out: bool, ban_expire_time: datetime | None) -> None:
        """Keep the session alive until cancelled.

        Args:
            logged_out: without an account, because it was unlinked.
            ban_expire_time: until when the last owner of the folder was told to stay away.
        """
        if self._machine.current.account is None:
            self._machine.move(_S.LOGGED_OUT if logged_out else _S.UNPAIRED)
        opened = False
        while True:
            try:
                if self._machine.current.account is None:
                    await self._pair()
                    opened = True
                await self._stay_online(ban_expire_time, opened=opened)
            except _AccountGoneError as gone:
                await self._whatsapp.close()
                self._machine.move(_S.LOGGED_OUT, str(gone))
                ban_expire_time, opened = None, False

    # -- the inbox

    async def _next(self, timeout_s: float | None = None) -> Signal | None:
        """The next signal, or None after a time. Requests to log out are served on the way."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    item = await self._inbox.get()
                    if not isinstance(item, _LogOut):
                        return item
                    await self._serve_log_out(item)
        except TimeoutError:
            return None

    async def _pause(self, seconds: float) -> None:
        """Let time pass; the client is closed, so signals are not expected."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await self._next(left)

    def _open(self) -> None:
        while not self._inbox.empty():  # what an earlier client said
            item = self._inbox.get_nowait()
            if isinstance(item, _LogOut):
                self._inbox.put_nowait(item)
                break
        self._whatsapp.open(self._inbox.put_nowait)

    # -- pairing

    async def _pair(self) -> None:
        """Return when an account is linked; its client goes on to log in."""
        while True:
            await self._wait_for_watcher()
            self._machine.move(_S.PAIRING)
            self._open()
            if await self._show_codes():
                return
            if self._leaked_rounds >= MAX_LEAKED_ROUNDS:
                await self._renew_process(f"{self._leaked_rounds} rounds of codes ran out")
            if not self._hub.watching:
                self._machine.move(_S.UNPAIRED)

    async def _wait_for_watcher(self) -> None:
        watcher = asyncio.ensure_future(self._hub.wait_for_watcher())
        try:
            while not watcher.done():
                request = asyncio.ensure_future(self._next())
                try:
                    await asyncio.wait({watcher, request}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    request.cancel()
        finally:
            watcher.cancel()

    async def _show_codes(self) -> bool:
        """One round of codes; True if one of them was scanned."""
        shown = 0
        limit_s = self._timing.first_code_s
        while True:
            signal = await self._next(limit_s)
            match signal:
                case QrCode(code):
                    life = CODE_LIFE if shown else FIRST_CODE_LIFE
                    shown += 1
                    self._hub.show(code, life)
                    limit_s = life.total_seconds() + self._timing.code_slack_s
                case PairingEnded("success"):
                    await self._take_account()
                    return True
                case PairingEnded("passkey-request"):
                    self._hub.fail(Reason.PAIRING_FAILED, PASSKEY)
                case Connected(account):  # the store had an account after all
                    self._machine.move(_S.CONNECTING, account=account)
                    self._connected(account)
                    return True
                case PairingEnded("err-client-outdated") | ClientOutdated():
                    self._leaked_rounds += 1
                    await self._rest_outdated()
                    return False
                case TemporaryBan():
                    self._leaked_rounds += 1
                    await self._rest_banned(signal)
                    return False
                case Ended(error):
                    await self._dial_failed(error)
                    return False
                case StoreFailure(detail):
                    await self._give_up(detail)
                case PairingEnded(outcome):
                    await self._end_round(_ROUND_ENDS.get(outcome, outcome))
                    return False
                case None:
                    await self._end_round("" if shown else "WhatsApp sent no code")
                    return False
                case _:
                    await self._end_round(f"unexpected: {type(signal).__name__}")
                    return False

    async def _take_account(self) -> None:
        self._hub.hide()
        account = await self._whatsapp.account()
        self._machine.move(_S.CONNECTING, account=account)

    async def _end_round(self, failure: str) -> None:
        self._leaked_rounds += 1
        log.info("pairing_round_ended", leaked_rounds=self._leaked_rounds, failure=failure)
        if failure:
            self._hub.fail(Reason.PAIRING_FAILED, failure)
            self._machine.note(failure)
        self._hub.hide()
        await self._whatsapp.close()

    async def _dial_failed(self, error: str) -> None:
        self._hub.fail(Reason.PAIRING_FAILED, f"WhatsApp cannot be reached: {error}")
        await self._recycle(f"WhatsApp cannot be reached: {error}")

    # -- an account's life

    async def _stay_online(self, ban_expire_time: datetime | None, *, opened: bool) -> None:
        """Keep the account logged in. Returns only by `_AccountGoneError`."""
        if ban_expire_time is not None and ban_expire_time > now():
            self._machine.move(_S.BANNED, ban_expire_time=ban_expire_time)
            await self._pause((ban_expire_time - now()).total_seconds())
        if not opened:
            self._machine.move(_S.CONNECTING)
            self._open()
        while True:
            signal = await self._next(self._patience_s())
            try:
                await self._react(signal)
            except _ClientUselessError as useless:
                await self._recycle(str(useless))
                self._open()

    def _patience_s(self) -> float | None:
        match self._machine.state:
            case _S.CONNECTED:
                return None
            case _S.DEAF:
                return self._timing.deaf_grace_s
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
            case KeepAliveTimeout():
                if self._machine.state is _S.CONNECTED:
                    self._machine.move(_S.DEAF, "WhatsApp does not answer keep-alives")
            case KeepAliveRestored():
                if self._machine.state is _S.DEAF:
                    self._machine.move(_S.CONNECTED)
            case LoggedOut(detail):
                await self._wait_until_deleted()
                raise _AccountGoneError(detail)
            case StreamReplaced():
                await self._rest_replaced()
            case TemporaryBan():
                await self._rest_banned(signal)
            case ClientOutdated():
                await self._rest_outdated()
            case StoreFailure(detail):
                await self._give_up(detail)
            case ConnectFailure(detail) | Ended(detail):
                raise _ClientUselessError(detail or "the library's client ended")
            case None:
                raise _ClientUselessError(self._machine.current.last_error or "no answer in time")
            case QrCode() | PairingEnded():
                log.warning("unexpected_signal", signal=type(signal).__name__)

    def _connected(self, account: Account | None) -> None:
        self._failures = 0
        self._machine.move(_S.CONNECTED, account=account)
        if (known := account or self._machine.current.account) is not None:
            self._hub.finish(known)

    async def _recycle(self, error: str) -> None:
        """Close the client and wait before the next one; the wait grows."""
        await self._whatsapp.close()
        state = self._machine.state
        if state in (_S.CONNECTING, _S.CONNECTED, _S.DEAF, _S.RECONNECTING):
            self._machine.move(_S.RECONNECTING, error)
        self._machine.note(error)
        self._recycled += 1
        if self._recycled >= MAX_RECYCLED_CLIENTS:
            await self._renew_process(f"{self._recycled} clients came to nothing")
        first = state is _S.DEAF  # it was connected a moment ago: no reason to wait
        await self._pause(0.0 if first else self._backoff_s())

    async def _wait_until_deleted(self) -> None:
        """LoggedOut comes before the library has deleted the keys; a login now would use them."""
        limit = asyncio.get_running_loop().time() + self._timing.log_out_s
        while await self._whatsapp.account() is not None:
            if asyncio.get_running_loop().time() > limit:
                await self._whatsapp.close()
                self._delete_keys()
                return
            await asyncio.sleep(self._timing.poll_s)

    async def _renew_process(self, why: str) -> NoReturn:
        """What the library leaves behind goes only with the process."""
        log.info("process_renewed", why=why)
        self._renew()
        await asyncio.Event().wait()
        raise AssertionError  # the wait ends by cancelling

    def _backoff_s(self) -> float:
        timing = self._timing
        longest = min(timing.backoff_most_s, timing.backoff_first_s * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing

    # -- places where the session rests

    async def _rest_replaced(self) -> None:
        await self._whatsapp.close()
        self._machine.move(_S.REPLACED, "another client took the session over")
        if not self._holds_lease():
            self._fail("another process owns the tenant's folder")
            await asyncio.Event().wait()
        time = asyncio.get_running_loop().time()
        self._replaced_at.append(time)
        recent = [t for t in self._replaced_at if time - t < self._timing.replaced_window_s]
        if len(recent) > MAX_REPLACED:
            log.error("session_replaced_for_good", times=len(recent))
            while True:  # only a log-out or a restart leads on
                await self._next()
        timing = self._timing
        await self._pause(random.uniform(timing.replaced_least_s, timing.replaced_most_s))  # noqa: S311
        self._come_back()

    @property
    def replaced_for_good(self) -> bool:
        """Whether a replaced session stays so until somebody acts."""
        return len(self._replaced_at) > MAX_REPLACED

    async def _rest_banned(self, ban: TemporaryBan) -> None:
        await self._whatsapp.close()
        wait = ban.expires_in or timedelta(seconds=self._timing.ban_unknown_s)
        expire = now() + wait if ban.expires_in is not None else None
        self._machine.move(_S.BANNED, ban.detail, ban_expire_time=expire)
        self._hub.finish(MeshError(Reason.ACCOUNT_BANNED, ban.detail, retry_after=ban.expires_in))
        await self._pause(wait.total_seconds())
        self._come_back()

    async def _rest_outdated(self) -> None:
        await self._whatsapp.close()
        text = "WhatsApp refuses this version of the client: upgrade botmesh"
        self._machine.move(_S.OUTDATED, text)
        self._hub.finish(MeshError(Reason.CLIENT_OUTDATED, text))
        await self._pause(self._timing.outdated_s)
        self._come_back()

    def _come_back(self) -> None:
        if self._machine.current.account is None:
            self._machine.move(_S.UNPAIRED)
            return
        self._machine.move(_S.CONNECTING)
        self._open()

    async def _give_up(self, detail: str) -> None:
        self._machine.note(detail)
        self._fail(f"session.db cannot be used: {detail}")
        await asyncio.Event().wait()

    # -- log-out

    async def _serve_log_out(self, request: _LogOut) -> None:
        if self._machine.current.account is None:
            _settle(request.done, None)
            return
        try:
            await self._tell_whatsapp()
        except (SendError, TimeoutError) as error:
            if not request.force:
                refusal = MeshError(
                    Reason.SESSION_DISCONNECTED,
                    f"WhatsApp cannot be told: {error or 'no answer'}",
                    retry_after=timedelta(seconds=2),
                )
                _settle(request.done, refusal)
                return
            await self._whatsapp.close()
            self._delete_keys()
        self._machine.move(_S.LOGGED_OUT, "logged out on request")
        _settle(request.done, None)
        raise _AccountGoneError("logged out on request")

    async def _tell_whatsapp(self) -> None:
        if self._machine.state is not _S.CONNECTED:
            raise SendError("the session is not connected")
        async with asyncio.timeout(self._timing.log_out_s):
            await self._whatsapp.log_out()


def _settle(future: "asyncio.Future[None]", error: MeshError | None) -> None:
    if future.done():  # the caller went away
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
