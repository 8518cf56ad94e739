"""Where all botnodes of a mesh are: one blocking query on the keys that they hold.

A route is a key that its botnode's session holds; a key that nobody holds is a dead botnode's. One
answer with a thousand routes costs Consul 7 ms, where its health API takes 90 and more
(benchmarks/consul_watch.py), and it changes only when a route does: never for a session's state.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog

from registry.discovery.consul_backoff import Backoff, Random
from registry.discovery.consul_client import (
    WAIT_S,
    ConsulClient,
    ConsulDeniedError,
    ConsulError,
    Key,
)
from registry.discovery.consul_names import GarbageError, decode_route, routes_prefix
from registry.discovery.port import Route, RouteChange, Snapshot

# When Consul was away, its botnodes need this long until all are back: their longest pause, the
# spread of their repairs, the delay of their locks. Until then nobody is given up who is missing.
GRACE_S = 12.0
# After an answer the next one is left to grow a little: a thousand botnodes that start together
# must not cost a thousand answers of a thousand routes each.
LEAST_PAUSE_S = 0.01
PAUSE_PER_ROUTE_S = 35e-6
MOST_PAUSE_S = 1.0

Routes = Mapping[str, Sequence[Route]]

log = structlog.get_logger(__name__)


class ConsulRouteWatch:
    """The adapter of `RouteWatch`."""

    def __init__(
        self,
        client: ConsulClient,
        mesh: str,
        *,
        grace_s: float = GRACE_S,
        rand: Random = random.random,
    ) -> None:
        self._client = client
        self._mesh = mesh
        self._grace_s = grace_s
        self._rand = rand

    async def watch(self) -> AsyncIterator[Snapshot | RouteChange]:
        """Yields a Snapshot, then a RouteChange for each tenant whose routes changed.

        While Consul is away nothing is yielded; a Snapshot follows its return, in which the
        botnodes that it does not know (yet) stay for a grace.
        """
        link = _Link(self._client, routes_prefix(self._mesh), self._rand)
        reader = _Reader(self._mesh)
        loop = asyncio.get_running_loop()
        known: Routes = {}
        grace_until = 0.0
        is_first = True
        while True:
            left_s = grace_until - loop.time()
            keys, was_away = await link.next(left_s if left_s > 0 else None)
            if was_away and not is_first:
                grace_until = loop.time() + self._grace_s
            found = reader.read(keys)
            if loop.time() < grace_until:
                found = {**known, **found}
            if is_first or was_away:
                yield Snapshot(dict(found))
            else:
                for tenant_id in known.keys() | found.keys():
                    routes = found.get(tenant_id, ())
                    if known.get(tenant_id, ()) != routes:
                        yield RouteChange(tenant_id, routes)
            known, is_first = found, False
            await asyncio.sleep(_pause_s(len(keys)))


class _Link:
    """Asks for the keys below a prefix, again and again, whatever becomes of Consul."""

    def __init__(self, client: ConsulClient, prefix: str, rand: Random) -> None:
        self._client = client
        self._prefix = prefix
        self._index: int | None = None
        self._backoff = Backoff(rand=rand)

    async def next(self, limit_s: float | None) -> tuple[Sequence[Key], bool]:
        """The keys when they may have changed or the limit is over; and whether Consul was away."""
        away_since: float | None = None
        loop = asyncio.get_running_loop()
        wait_s = WAIT_S if limit_s is None else min(WAIT_S, int(limit_s) + 1)
        while True:
            try:
                index, keys = await self._client.keys(self._prefix, self._index, wait_s=wait_s)
            except ConsulError as error:
                if away_since is None:
                    away_since = loop.time()
                    event = (
                        "consul_denies" if isinstance(error, ConsulDeniedError) else "consul_away"
                    )
                    log.warning(event, url=self._client.url, error=str(error))
                self._index = None
                await asyncio.sleep(self._backoff.next_s())
                continue
            self._backoff.reset()
            if away_since is not None:
                log.info("consul_back", away_s=round(loop.time() - away_since, 1), keys=len(keys))
            # An index that goes backwards belongs to a list that began anew.
            before, self._index = self._index, index if index >= (self._index or 0) else None
            if before is None or index != before or limit_s is not None or away_since is not None:
                return keys, away_since is not None


class _Reader:
    """Makes routes of keys; those that did not change since the last time cost next to nothing."""

    def __init__(self, mesh: str) -> None:
        self._mesh = mesh
        self._read: dict[str, tuple[int, Route | None]] = {}

    def read(self, keys: Sequence[Key]) -> Routes:
        """The live routes of each tenant, highest epoch first."""
        before, self._read = self._read, {}
        routes: dict[str, Sequence[Route]] = {}
        for key in keys:
            index, route = before.get(key.path, (None, None))
            if index != key.modify_index:
                route = self._decode(key, is_new=index is None)
            self._read[key.path] = (key.modify_index, route)
            if route is not None and key.session is not None:
                others = routes.get(route.tenant_id, ())
                routes[route.tenant_id] = (*others, route)
        for tenant_id, several in routes.items():
            if len(several) > 1:
                routes[tenant_id] = tuple(sorted(several, key=lambda route: -route.epoch))
        return routes

    def _decode(self, key: Key, *, is_new: bool) -> Route | None:
        try:
            return decode_route(self._mesh, key.path, key.value)
        except GarbageError as error:
            if is_new:  # once for each key, not for each change of it
                log.warning("route_skipped", key=key.path[:200], why=str(error))
            return None


def _pause_s(keys: int) -> float:
    return min(MOST_PAUSE_S, max(LEAST_PAUSE_S, keys * PAUSE_PER_ROUTE_S))
