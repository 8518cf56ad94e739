"""What a botnode tells the host that started it: JSON lines on an inherited pipe."""

import asyncio
import contextlib
import json
import os
from typing import Any

import structlog

from botnode import rhythm
from botnode.identity import Identity
from botnode.session import Session

log = structlog.get_logger(__name__)

# How often it is shown that the event loop turns. A host that saw nothing for a little longer asks.
BEAT_S = 4.0
_ALIVE = b'{"event":"alive"}\n'


class StatusPipe:
    """The write end of the pipe; without one, nothing is told."""

    def __init__(self, fd: int | None, identity: Identity) -> None:
        self._fd = fd
        self._identity = identity
        self._beating: asyncio.TimerHandle | None = None
        if fd is not None:
            os.set_inheritable(fd, False)
            os.set_blocking(fd, False)

    def ready(self, address: str, epoch: int) -> None:
        """Calls are answered at this address; epoch 0 while the lease is waited for."""
        self._tell(
            event="ready",
            address=address,
            instance=self._identity.instance,
            epoch=epoch,
            pid=os.getpid(),
        )
        if self._beating is None:
            self._beat()

    def session(self, session: Session) -> None:
        """The session moved."""
        account = session.account
        self._tell(
            event="session",
            state=session.state.value,
            phone_number=account.phone_number if account else None,
            reason=session.reason.value if session.reason else "",
        )

    def stopping(self) -> None:
        """The process ends now."""
        self._tell(event="stopping")

    def _beat(self) -> None:
        """Show that the event loop turns, again and again."""
        if self._fd is None:
            return
        with contextlib.suppress(OSError):  # nobody reads: a line that matters will tell
            os.write(self._fd, _ALIVE)
        loop = asyncio.get_running_loop()
        self._beating = loop.call_at(rhythm.next_beat(loop.time(), BEAT_S), self._beat)

    def _tell(self, **line: Any) -> None:
        if self._fd is None:
            return
        try:
            os.write(self._fd, json.dumps(line).encode() + b"\n")
        except OSError as error:  # a host that is gone or hangs must not stop the tenant
            log.warning("status_not_told", error=str(error))
            if not isinstance(error, BlockingIOError):
                self._fd = None
