"""Where the tenant's session stands: one writer moves it, everyone else watches."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from botmesh.errors import Reason
from botnode.clock import now
from botnode.ports import Account
from botnode.states import REASON_OF, TRANSITIONS, SessionState

log = structlog.get_logger(__name__)


class TransitionError(Exception):
    """A step that the table of transitions does not have: a fault in the botnode."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it stands at one moment.

    Attributes:
        reason: why it is not CONNECTED, or None.
        last_error: the last error in words, or empty.
        storage_error: why nothing can be written, in words; empty while all is well.
    """

    state: SessionState
    state_time: datetime
    account: Account | None = None
    reason: Reason | None = None
    last_error: str = ""
    ban_expire_time: datetime | None = None
    storage_error: str = ""

    @property
    def storage_full(self) -> bool:
        """Whether the disk takes nothing: no message is accepted, none is handed over."""
        return bool(self.storage_error)

    @property
    def can_send(self) -> bool:
        """Whether a message can go out now."""
        return self.state is SessionState.CONNECTED and not self.storage_full


Observer = Callable[[Session], None]


class SessionMachine:
    """The session of one tenant.

    Only the connector (and, around it, the start and end of the process) calls `move`; only who
    watches the disk calls `set_storage`.

    Attributes:
        current: where the session stands.
        entered_at: since when, in the monotonic time that event loops use.
    """

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._observers: list[Observer] = []
        self._changed = asyncio.Event()
        self.entered_at = time.monotonic()
        starting = SessionState.STARTING
        self.current = Session(starting, clock(), reason=REASON_OF[starting])

    @property
    def state(self) -> SessionState:
        """Where the session stands now."""
        return self.current.state

    def observe(self, observer: Observer) -> None:
        """Have a function called, on the event loop, with each new place of the session."""
        self._observers.append(observer)

    def adopt(self, account: Account | None) -> None:
        """Know an account before the first move: the one that the folder holds."""
        self.current = dataclasses.replace(self.current, account=account)

    def move(
        self,
        state: SessionState,
        error: str = "",
        *,
        account: Account | None = None,
        ban_expire_time: datetime | None = None,
    ) -> None:
        """Go to another state.

        Args:
            state: where to; a move to where the session stands already is none.
            error: what led there, in words; empty keeps the last one until CONNECTED.
            account: the account, where it became known just now. LOGGED_OUT forgets it.
            ban_expire_time: when a ban ends.

        Raises:
            TransitionError: there is no such step.
        """
        old = self.current
        if state == old.state:
            self.note(error)
            return
        if state not in TRANSITIONS[old.state]:
            raise TransitionError(f"no step from {old.state} to {state}")
        self.entered_at = time.monotonic()
        connected = state is SessionState.CONNECTED
        self.current = Session(
            state=state,
            state_time=self._clock(),
            account=None if state is SessionState.LOGGED_OUT else account or old.account,
            reason=None if connected else REASON_OF[state],
            last_error="" if connected else error or old.last_error,
            ban_expire_time=ban_expire_time,
            storage_error=old.storage_error,
        )
        number = self.current.account.phone_number if self.current.account else ""
        log.info("session_moved", to_state=state, old_state=old.state, number=number, error=error)
        self._tell()

    def note(self, error: str) -> None:
        """Keep an error in words, without a change of state."""
        if error and error != self.current.last_error:
            self.current = dataclasses.replace(self.current, last_error=error)

    def set_storage(self, error: str) -> None:
        """Know that nothing can be written, and why; empty when all is well again."""
        if error != self.current.storage_error:
            self.current = dataclasses.replace(self.current, storage_error=error)
            self._tell()

    def _tell(self) -> None:
        for observer in self._observers:
            observer(self.current)
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, wanted: Callable[[Session], bool], timeout_s: float) -> bool:
        """Wait until the session stands as wanted; False if it does not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not wanted(self.current):
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True
