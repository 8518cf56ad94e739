"""One process of a tenant, from its start to its death."""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from botnode.host.health import Doubts, Probe, wait_until_hung
from botnode.host.spawner import Child
from botnode.host.status import ALIVE, Ready, SessionChanged, Status, StatusError, parse
from botnode.host.timing import Timing
from registry.discovery.port import Registration

log = structlog.get_logger(__name__)


class Process:
    """What a process said, and what belongs to it. It hears of the process as its `Listener`.

    `log_start` is the size of the tenant's log when it started, `registration` its entry in
    discovery. What it said waits in `inbox` until the supervisor deals with it.
    """

    child: Child

    def __init__(
        self, registration: Registration, wake: Callable[[], None], log_start: int
    ) -> None:
        self.registration = registration
        self.log_start = log_start
        self.inbox: deque[Status] = deque()
        self.returncode: int | None = None
        self.session = SessionChanged("STARTING", None)
        self.address: str | None = None
        self.instance: str | None = None
        self._wake = wake
        self._heard_at = 0.0
        self.logging_out: asyncio.Task[bool] | None = None
        self._pinging: asyncio.Task[None] | None = None

    def said(self, line: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if line == ALIVE:
            return
        try:
            status = parse(line)
        except StatusError as error:
            log.warning("status_line_invalid", error=str(error)[:200])
            return
        if status is not None:
            self.inbox.append(status)
            self._wake()

    def ended(self, returncode: int) -> None:
        self.returncode = returncode
        self._wake()

    def announce(self, ready: Ready) -> None:
        """Note where it answers, and as whom."""
        if ready.address != self.address:
            self.stop_pinging()
        self.address, self.instance = ready.address, ready.instance

    def ping(
        self, connect: Callable[[str], Probe], timing: Timing, condemn: Callable[[], None]
    ) -> None:
        """Ask whether it answers when it is silent; `condemn` is called when it does not."""
        if self._pinging is not None or self.address is None:
            return
        doubts = Doubts(timing.ping_interval_s, timing.thorough_ping_s)

        async def watch(address: str) -> None:
            await wait_until_hung(
                lambda: connect(address), lambda: self._heard_at, doubts, timing.ping_timeout_s
            )
            condemn()

        self._pinging = asyncio.create_task(watch(self.address), name="health")

    def stop_pinging(self) -> None:
        """Ask no more."""
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None
