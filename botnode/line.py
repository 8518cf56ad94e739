"""The line to WhatsApp: the library's client, what it says, and how it is begun again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

import structlog

from botmesh.errors import MeshError, Reason
from botnode.clock import now
from botnode.hearing import Doubts
from botnode.pairing import PairingHub
from botnode.ports import CaughtUp, DiskFailure, SendError, Signal, TemporaryBan, WhatsApp
from botnode.session import SessionMachine
from botnode.states import SessionState
from botnode.storage import Storage

log = structlog.get_logger(__name__)

_S = SessionState

# Each client leaves its database connection behind when it is stopped. With the pauses between
# them, so many take about an hour where WhatsApp acknowledges nothing.
MAX_RECYCLED_CLIENTS = 20
ON_REQUEST = "logged out on request"
OUTDATED = "WhatsApp refuses this version of the client: upgrade botmesh"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long what is waited for, in seconds."""

    login_s: float = 75.0
    first_code_s: float = 60.0
    code_slack_s: float = 5.0
    doubts: Doubts = field(default_factory=Doubts)
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
    # How long sends in hand get when the disk is nearly full.
    hang_up_s: float = 2.0
    # How long stopping a client may take; 8 where the line carries nothing.
    close_s: float = 30.0
    # How often a line that waits for the disk looks whether it is well.
    disk_poll_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Process:
    """What a tenant asks of the process that it runs in.

    Attributes:
        confirm_lease: ask whether this process still owns the tenant.
        renew: end, and be started again at once.
        fail: end; somebody must mend what the text says.
        crash: end after a fault of our own.
        lose: end at once, for the reason in words: another process has the tenant.
    """

    confirm_lease: Callable[[], Awaitable[bool]]
    renew: Callable[[], None]
    fail: Callable[[str], None]
    crash: Callable[[], None]
    lose: Callable[[str], None]


class AccountGoneError(Exception):
    """The account was unlinked: pair again."""


@dataclass(slots=True)
class _LogOut:
    force: bool
    done: "asyncio.Future[None]" = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Unlinked:
    """WhatsApp was told, and the library has deleted the account's keys."""

    jid: str


class Line:
    """One client of the library at a time, and the queue of what it says.

    One coroutine at a time works with it.

    Args:
        machine: the session, which is moved from here and by the connector alone.
        whatsapp: the library.
        hub: the watchers of a pairing.
        storage: the disk; without it nothing is received.
        process: the process around it.
        delete_keys: delete the account's keys from the folder.
        caught_up: told that WhatsApp has brought all that had waited for the session.
        timing: how long what is waited for.
    """

    def __init__(
        self,
        machine: SessionMachine,
        whatsapp: WhatsApp,
        hub: PairingHub,
        storage: Storage,
        *,
        process: Process,
        delete_keys: Callable[[], None],
        caught_up: Callable[[], None],
        timing: Timing,
    ) -> None:
        self.machine = machine
        self.hub = hub
        self.process = process
        self.timing = timing
        self._whatsapp = whatsapp
        self._delete_keys = delete_keys
        self._caught_up = caught_up
        self._inbox: asyncio.Queue[Signal | _LogOut | _Unlinked] = asyncio.Queue()
        self._telling: asyncio.Task[None] | None = None
        self._recycled = 0
        self._failures = 0
        self._storage = storage
        storage.observe(self._note_storage)
        self.account = whatsapp.account
        self.close = whatsapp.close
        self.pair_phone = whatsapp.pair_phone

    # -- what the client says

    async def next(self, timeout_s: float | None = None) -> Signal | None:
        """The next signal, or None after a time. Requests to log out are served on the way."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout_s is None else loop.time() + timeout_s
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    item = await self._inbox.get()
            except TimeoutError:
                return None
            match item:
                case _LogOut():
                    await self._serve_log_out(item)  # takes the time that it takes
                case _Unlinked(jid):
                    self._notice_unlinked(jid)
                case CaughtUp():  # told in its place among the session's moves
                    self._caught_up()
                case DiskFailure() if not self._storage.error:
                    pass  # it is well again
                case _:
                    return item

    async def pause(self, seconds: float) -> None:
        """Let time pass; the client is closed, so it says nothing that matters."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await self.next(left)

    async def open(self) -> None:
        """Begin with a new client, once the disk is well; what an earlier one said is forgotten."""
        await self._until_disk_is_well()
        waiting = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        for item in waiting:
            if isinstance(item, _LogOut | _Unlinked):
                self._inbox.put_nowait(item)
        self._whatsapp.open(self.hear)

    def hear(self, signal: Signal) -> None:
        """Take what the client says."""
        if isinstance(signal, DiskFailure):
            self._storage.failed(signal.detail)
        else:
            self._inbox.put_nowait(signal)

    def _note_storage(self, error: str) -> None:
        if error:
            self._inbox.put_nowait(DiskFailure(error))

    async def hang_up(self, why: str) -> None:
        """Leave WhatsApp until the disk is well, and begin anew then.

        Nothing comes any more that could not be kept. What came before waits for the disk, in the
        library's hand: so the client is stopped only when that is on disk.
        """
        if self.machine.state in (_S.CONNECTING, _S.CONNECTED, _S.DEAF):
            self.machine.move(_S.RECONNECTING, why)
        self.machine.note(why)
        await self._whatsapp.hang_up(0.0 if self._storage.failing else self.timing.hang_up_s)
        await self._until_disk_is_well()
        await self.close()
        await self._count_client(why)
        await self.open()

    async def _until_disk_is_well(self) -> None:
        while self._storage.error:
            await self.pause(self.timing.disk_poll_s)

    @property
    def disk_error(self) -> str:
        """Why nothing can be written, in words; empty while all is well."""
        return self._storage.error

    def worked(self) -> None:
        """The client has logged in: the next trouble starts with a short wait again."""
        self._failures = 0

    # -- beginning again

    async def recycle(self, error: str, rest_s: float = 0.0) -> None:
        """Close the client and wait before the next one; the wait grows.

        Args:
            error: why, in words.
            rest_s: how long to wait if WhatsApp was deaf, in seconds. The login says nothing then:
                it works, and what comes after it does not.
        """
        try:
            async with asyncio.timeout(self.timing.close_s):
                await self.close()
        except TimeoutError:
            await self.renew_process("the library does not let go of a client")
        was_deaf = self.machine.state is _S.DEAF  # it was connected a moment ago
        if self.machine.state in (_S.CONNECTING, _S.CONNECTED, _S.DEAF):
            self.machine.move(_S.RECONNECTING, error)
        self.machine.note(error)
        await self._count_client("it came to nothing")
        await self.pause(rest_s if was_deaf else self._backoff_s())

    async def _count_client(self, why: str) -> None:
        self._recycled += 1
        if self._recycled >= MAX_RECYCLED_CLIENTS:
            await self.renew_process(f"{self._recycled} clients were given up; the last: {why}")

    def _backoff_s(self) -> float:
        timing = self.timing
        longest = min(timing.backoff_most_s, timing.backoff_first_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing

    async def renew_process(self, why: str) -> NoReturn:
        """What the library leaves behind goes only with the process."""
        log.info("process_renewed", why=why)
        self.process.renew()
        await self._wait_for_the_end()

    async def lose(self, why: str) -> NoReturn:
        """The tenant is another process's now: this one ends, and may wait for it anew."""
        self.process.lose(why)
        await self._wait_for_the_end()

    async def give_up(self, why: str) -> NoReturn:
        """Only a person can mend it."""
        self.machine.note(why)
        self.process.fail(why)
        await self._wait_for_the_end()

    @staticmethod
    async def _wait_for_the_end() -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError  # the wait ends by cancelling

    # -- places where the session rests

    async def rest_banned(self, ban: TemporaryBan) -> None:
        """Stay away until the ban is over."""
        await self.close()
        wait = ban.expires_in or timedelta(seconds=self.timing.ban_unknown_s)
        expire = now() + wait if ban.expires_in is not None else None
        self.machine.move(_S.BANNED, ban.detail, ban_expire_time=expire)
        self.hub.finish(MeshError(Reason.ACCOUNT_BANNED, ban.detail, retry_after=ban.expires_in))
        await self.pause(wait.total_seconds())
        await self.come_back()

    async def rest_outdated(self) -> None:
        """Stay away; WhatsApp is asked again now and then, for it may change its mind."""
        await self.close()
        self.machine.move(_S.OUTDATED, OUTDATED)
        self.hub.finish(MeshError(Reason.CLIENT_OUTDATED, OUTDATED))
        await self.pause(self.timing.outdated_s)
        await self.come_back()

    async def come_back(self) -> None:
        """Log in again, if there is an account."""
        if self.machine.current.account is None:
            self.machine.move(_S.UNPAIRED)
            return
        self.machine.move(_S.CONNECTING)
        await self.open()

    # -- log-out

    async def log_out(self, *, force: bool) -> None:
        """Unlink the account; LOGGED_OUT when this returns.

        Raises:
            MeshError: SESSION_DISCONNECTED when WhatsApp cannot be told and ``force`` is not set.
        """
        request = _LogOut(force, asyncio.get_running_loop().create_future())
        self._inbox.put_nowait(request)
        await request.done

    async def _serve_log_out(self, request: _LogOut) -> None:
        if self.machine.current.account is None:
            _settle(request.done, None)
            return
        try:
            await self._tell_whatsapp()
        except (SendError, TimeoutError) as error:
            if not request.force:
                text = f"WhatsApp cannot be told: {str(error) or 'no answer'}"
                wait = timedelta(seconds=2)
                refusal = MeshError(Reason.SESSION_DISCONNECTED, text, retry_after=wait)
                _settle(request.done, refusal)
                return
            await self.close()
            self._delete_keys()
        self.machine.move(_S.LOGGED_OUT, ON_REQUEST)
        _settle(request.done, None)
        raise AccountGoneError(ON_REQUEST)

    async def _tell_whatsapp(self) -> None:
        if self.machine.state is not _S.CONNECTED:
            raise SendError("the session is not connected")
        if self._telling is None:
            self._telling = asyncio.create_task(self._whatsapp.log_out(), name="log-out")
            account = self.machine.current.account
            jid = account.jid if account else ""
            self._telling.add_done_callback(lambda task: self._told(task, jid))
        async with asyncio.timeout(self.timing.log_out_s):
            # The library goes on with it: who asks again waits for the same call.
            await asyncio.shield(self._telling)

    def _told(self, task: "asyncio.Task[None]", jid: str) -> None:
        self._telling = None
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            self._inbox.put_nowait(_Unlinked(jid))  # whoever asked may have given up waiting
        else:
            log.warning("log_out_failed", error=str(error))

    def _notice_unlinked(self, jid: str) -> None:
        account = self.machine.current.account
        if account is not None and account.jid == jid:  # else it is known, or was paired anew
            raise AccountGoneError(ON_REQUEST)

    async def wait_until_deleted(self) -> None:
        """LoggedOut comes before the library has deleted the keys; a login now would use them."""
        limit = asyncio.get_running_loop().time() + self.timing.log_out_s
        while await self.account() is not None:
            if asyncio.get_running_loop().time() > limit:
                await self.close()
                self._delete_keys()
                return
            await asyncio.sleep(self.timing.poll_s)


def _settle(future: "asyncio.Future[None]", error: MeshError | None) -> None:
    if future.done():  # the caller went away
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
