"""The port through which a host starts botnode processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Order:
    """A botnode to start.

    Attributes:
        tenant_id: whose it is.
        environment: what this botnode is told, beyond what all of this host's botnodes get.
        log_path: where its output goes, appended.
    """

    tenant_id: str
    environment: Mapping[str, str]
    log_path: Path


class Listener(Protocol):
    """Hears of one process; called on the event loop."""

    def said(self, line: bytes) -> None:
        """It wrote a line to its status pipe."""
        ...

    def ended(self, returncode: int) -> None:
        """It is dead (negative: by that signal). The last call, after all that it said."""
        ...


class Child(Protocol):
    """A running botnode process."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def terminate(self) -> None:
        """Ask it to stop. Does nothing once it is dead."""
        ...

    def kill(self) -> None:
        """End it, and whatever it started, now. Does nothing once it is dead."""
        ...


class Spawner(Protocol):
    """Starts botnode processes that end within 5 seconds when this process dies, however it dies.

    Each is the leader of a session of its own, has no files of this process open but those it is
    given, and gets no signal from the terminal.
    """

    def start(self) -> None:
        """Prepare what the first process needs, on the running event loop; waits for nothing.

        Raises:
            OSError: no process can be started here, ever.
        """
        ...

    async def spawn(self, order: Order, listener: Listener) -> Child:
        """Start a process; does not wait until it answers.

        When it is cancelled, no process runs that nobody watches.

        Raises:
            OSError: no process could be started.
        """
        ...

    def close(self) -> None:
        """Let go of the liveness pipe: whatever still runs ends. Idempotent."""
        ...
