"""The ports of discovery: announcing a botnode, and watching where all of them are.

An *entry* is one botnode process: a tenant, an address, an instance (8 random characters, made
anew at each process start, never used twice) and an epoch (raised each time the ownership of the
tenant's store is taken). For a short while a tenant can have two entries, the old owner's and the
new one's; of entries alive at the same time the one with the higher epoch counts. Epochs of
entries that were never alive together say nothing: a tenant whose store was removed starts at 1.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# The name under which a botnode's health service tells that the process lives. It answers until the
# process ends: a botnode that stops says NOT_SERVING elsewhere long before it lets WhatsApp go.
ALIVE_SERVICE = "botmesh.alive"
# Session states in which no account is linked for certain; others may not know the number yet.
UNLINKED_STATES = frozenset({"UNPAIRED", "LOGGED_OUT"})


@dataclass(frozen=True, slots=True)
class Route:
    """Where one botnode process answers: `address` is "host:port", e.g. "127.0.0.1:3001".

    A botnode that no host and no agent announced has the instance "" and the epoch 0.
    """

    tenant_id: str
    address: str
    instance: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole picture: every tenant with a live entry. A tenant that is not in it has none."""

    routes: Mapping[str, Sequence[Route]]


@dataclass(frozen=True, slots=True)
class RouteChange:
    """All live entries of one tenant, highest epoch first; empty when the last one is gone."""

    tenant_id: str
    routes: Sequence[Route]


class RouteWatch(Protocol):
    """Tells where all tenants' botnodes are, for as long as one listens."""

    def watch(self) -> AsyncIterator[Snapshot | RouteChange]:
        """Yields a Snapshot first, then changes.

        A new Snapshot comes whenever changes may have been missed: the source was away, or began
        to count anew.

        Never ends and never raises for a source that is away: it keeps the last picture, tries
        again with backoff and goes on. Closing the iterator ends the watch.
        """
        ...


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an entry says of its botnode process.

    `state` is the name of a `SessionState` without its prefix, `number` the paired account in
    E.164 form or None; both change over the life of an entry, the others never do.
    """

    tenant_id: str
    tenant_name: str
    address: str
    instance: str
    epoch: int
    version: str
    state: str
    number: str | None


class Registration(Protocol):
    """The entry of one botnode process. Made for one process start, used once."""

    async def register(self, announcement: Announcement) -> None:
        """Makes the entry, or makes it again as it was last told after the source lost it."""
        ...

    async def update(self, *, state: str, number: str | None) -> None:
        """Changes what the entry says of the session. Does nothing once deregistered."""
        ...

    async def deregister(self) -> None:
        """Removes this entry and no other, whatever was announced since. Idempotent."""
        ...


class Withdrawal(Protocol):
    """Removes what a dead process left announced, on its behalf."""

    async def withdraw(self, tenant_id: str, instance: str) -> None:
        """Removes that one instance's entry (and what holds its lease). Idempotent."""
        ...


def newest(routes: Sequence[Route]) -> Route | None:
    """The entry that counts among entries alive at the same time, or None when there is none."""
    return max(routes, key=lambda route: route.epoch, default=None)
