"""The port of leases: which process, of all machines, may act for a tenant.

On one machine a lock on the tenant's folder decides that, in every discovery mode. A `Lease` is
what is needed beside it where several machines share a mesh.
"""

from collections.abc import Callable
from typing import Protocol


class Lease(Protocol):
    """The right of one process to a tenant. Made for one process start, used once.

    It is lost only when the source says that **another** process has it. A source that is away, or
    has forgotten everything, takes nothing from anybody: the holder goes on, and the lease is made
    again when the source is back.
    """

    async def acquire(self) -> None:
        """Wait until no other process has the tenant, and take it. Waits for the source, too."""
        ...

    def is_held(self) -> bool:
        """Whether this process has it, as far as it knows: taken, not lost, not released."""
        ...

    async def confirm(self) -> bool:
        """Ask the source whether this process still has it; what it knows, if there is no answer.

        For the moment in which somebody else seems to act for the tenant.
        """
        ...

    def on_lost(self, tell: Callable[[str], None]) -> None:
        """Have a function called, once, with a sentence, when another process has the lease.

        Called on the event loop; at once if that has happened already.
        """
        ...

    async def release(self) -> None:
        """Give it back: the next one need not wait. Idempotent; takes seconds at most."""
        ...
