"""What one botnode process has in Consul, and how it is kept there.

An entry is a service with two checks, a session on the first of them, and the keys that the session
holds: the tenant's lease and this process's route. When the process dies or hangs, the check turns
critical, the session ends with it, and both keys are free; nobody has to clean up for that.

The checks belong to the service, not to the agent's node: a node's checks are part of every answer
about every service on that node, a million of them for a thousand botnodes, and one that is
critical makes all of them look ill.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from registry.discovery.consul_backoff import Backoff, Random
from registry.discovery.consul_client import (
    ConsulClient,
    ConsulDeniedError,
    ConsulError,
    ConsulGoneError,
    ConsulUnavailableError,
)
from registry.discovery.consul_names import (
    SERVICE,
    EntryNames,
    Holder,
    decode_holder,
    encode_lease,
    encode_route,
)
from registry.discovery.consul_service import Botnode, EntryTiming, service_of
from registry.discovery.consul_status import SessionStatus
from registry.discovery.port import Route

SERF_HEALTH = "serfHealth"
LOCK_DELAY_S = 1

log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ConsulEntry:
    """One process's entry.

    What is wanted of it is only noted; one task brings it about, again and again: whatever Consul
    lost meanwhile is made anew, and an agent that is away is waited for.
    """

    def __init__(
        self,
        client: ConsulClient,
        botnode: Botnode,
        timing: EntryTiming | None = None,
        *,
        rand: Random = random.random,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.botnode = botnode
        self.names = EntryNames(botnode.mesh, botnode.tenant_id, botnode.instance)
        self._client = client
        self._timing = timing or EntryTiming()
        self._rand = rand
        self._now = now
        self._started = now()
        # What is wanted.
        self._wants_lease = False
        self._route: Route | None = None
        self._status = SessionStatus("STARTING", None, "", self._started)
        self._wishes = 0
        # What Consul has, as far as we know.
        self._session: str | None = None
        self._made = False
        self._holds = False
        self._written: bytes | None = None
        self._told: tuple[SessionStatus, int] | None = None
        self._told_at = 0.0
        self._is_swept = False
        # How things stand.
        self._leased = asyncio.Event()
        self._lost: str | None = None
        self._on_lost: list[Callable[[str], None]] = []
        self._holder: Holder | None = None
        self._done = 0
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self._away_since: float | None = None
        self._back_at: float | None = None
        self._backoff = Backoff(rand=rand)
        self._retry_s: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._log = structlog.get_logger(__name__).bind(tenant_id=botnode.tenant_id)

    # -- what is wanted --------------------------------------------------------------------------

    def want_lease(self) -> None:
        """Take the tenant's lease when it is free, and hold it."""
        if not self._wants_lease:
            self._wants_lease = True
            self._wish()
            self._tasks.append(asyncio.create_task(self._watch(), name="consul-lease"))

    async def want_route(self, route: Route | None) -> None:
        """Say where the process can be called, or that it cannot; waits a little for it."""
        self._route = route
        self._wish()
        await self.settle()

    def set_status(self, state: str, number: str | None, error: str = "") -> None:
        """Say where the session stands. Returns at once; `settle` waits for it."""
        self._status = self._status.after(state, number, error, self._now())
        if self._tasks:
            self._wish()

    @property
    def is_leased(self) -> bool:
        """Whether this process has the lease, as far as it knows."""
        return self._leased.is_set()

    async def until_leased(self) -> None:
        """Wait until the lease is taken."""
        await self._leased.wait()

    def on_lost(self, tell: Callable[[str], None]) -> None:
        """Have a function told, once, when another process has the lease."""
        if self._lost is not None:
            tell(self._lost)
        else:
            self._on_lost.append(tell)

    async def confirm(self) -> bool:
        """Ask Consul who has the lease; what is known, if it does not answer."""
        if self.is_leased:
            with contextlib.suppress(ConsulError, TimeoutError):
                async with asyncio.timeout(self._timing.settle_limit_s):
                    await self._look_for_another()
            self._news.set()  # what is broken gets mended
        return self.is_leased

    async def remove(self) -> None:
        """Take everything of this process out of Consul, as far as it answers, and end. Idempotent.

        The lease is free at once: given back, not lost, it has no delay.
        """
        await self._end_tasks()
        self._leased.clear()
        try:
            async with asyncio.timeout(self._timing.remove_limit_s):
                await self._take_down()
        except (ConsulError, TimeoutError) as error:
            self._log.warning("consul_entry_left", error=str(error) or "no answer in time")

    # -- bringing it about -----------------------------------------------------------------------

    def _wish(self) -> None:
        self._wishes += 1
        self._news.set()
        if not self._tasks and self._lost is None:
            self._tasks.append(asyncio.create_task(self._run(), name="consul-entry"))

    async def settle(self) -> None:
        """Wait until Consul has what was wanted up to now, but not for long."""
        wish = self._wishes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.settle_limit_s):
                while self._done < wish and self._lost is None:
                    self._settled.clear()
                    await self._settled.wait()

    async def _run(self) -> None:
        while self._lost is None:
            self._news.clear()
            wish = self._wishes
            self._retry_s = None
            try:
                await self._reconcile()
            except ConsulGoneError as error:
                self._forget(str(error))
                self._retry_s = self._backoff.next_s()
            except ConsulUnavailableError as error:
                self._away(error)
                self._retry_s = self._backoff.next_s()
            except Exception:  # noqa: BLE001 - logged whole; an entry is not given up
                self._log.exception("consul_entry_failed")
                self._retry_s = self._timing.settle_limit_s
            else:
                self._back()
                if self._retry_s is None:
                    self._done = wish
                    self._settled.set()
            await self._sleep(self._timing.beat_s if self._retry_s is None else self._retry_s)
        self._settled.set()
        await self._leave_to_holder()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _reconcile(self) -> None:
        if self._holds:
            await self._check_lease()
        if self._session is None and self._made:
            timing = self._timing
            spread_s = timing.outage_jitter_s if self._was_away() else timing.repair_jitter_s
            await asyncio.sleep(spread_s * self._rand())
        if self._session is None and self._lost is None:
            await self._make()
        if self._wants_lease and not self._holds and self._lost is None:
            await self._take_lease()
        if self._lost is not None:
            return
        if self._route is None or self._holds or not self._wants_lease:
            await self._write_route()
        await self._tell()

    async def _check_lease(self) -> None:
        """See whether the lease is still ours, another's (lost), or nobody's (to be mended)."""
        session = await self._look_for_another()
        if self._lost is None and session != self._session:
            self._forget("the lease is not held by our session")

    async def _look_for_another(self) -> str | None:
        """The session that holds the lease; it is lost if that is another process's."""
        _, key = await self._client.key(self.names.lease_key)
        if key is None or key.session is None:
            return None
        holder = decode_holder(key.value)
        if key.session != self._session and holder.instance != self.botnode.instance:
            self._lose(holder)
        return key.session

    async def _make(self) -> None:
        """Service and session; made anew from the ground when they were there before."""
        timing = self._timing
        if self._made:
            # The check may be critical still; a new one starts as passing.
            await self._client.deregister_service(self.names.service_id)
        await self._register(with_lease_check=True)
        self._made = True
        checks = (SERF_HEALTH, self.names.lease_check)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timing.sync_limit_s
        while self._session is None:
            try:
                self._session = await self._client.create_session(
                    self.names.service_id, checks, LOCK_DELAY_S
                )
            except ConsulGoneError:  # the servers do not know the check yet
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(timing.sync_poll_s)

    async def _take_lease(self) -> None:
        assert self._session is not None  # noqa: S101 - made before
        me = Holder(self.botnode.instance, self.botnode.host)
        value = encode_lease(me, self.botnode.tenant_name, f"{self._started:%Y-%m-%d %H:%M:%S} UTC")
        names = self.names
        if await self._client.acquire(names.lease_key, value, self._session):
            self._holds = True
            self._holder = None
            self._log.info("lease_repaired" if self.is_leased else "lease_taken")
            self._leased.set()
            return
        _, key = await self._client.key(names.lease_key)
        if key is None or key.session is None:
            self._retry_s = self._timing.lock_delay_poll_s
            return
        holder = decode_holder(key.value)
        if holder == me:  # held by a session of ours whose creation we never heard of
            await self._client.delete(names.lease_key, unless_newer_than=key.modify_index)
            self._retry_s = 0.0
        elif self.is_leased:
            self._lose(holder)
        elif holder != self._holder:
            self._holder = holder
            self._log.info("lease_awaited", holder=holder.instance, host=holder.host)

    async def _write_route(self) -> None:
        wanted = None if self._route is None else encode_route(self._route)
        if wanted == self._written:
            return
        if wanted is None:
            await self._client.delete(self.names.route_key)
        else:
            assert self._session is not None  # noqa: S101 - made before
            if not await self._client.acquire(self.names.route_key, wanted, self._session):
                self._retry_s = self._timing.lock_delay_poll_s
                return
        self._written = wanted
        if wanted is not None and self._holds and not self._is_swept:
            self._is_swept = True
            with contextlib.suppress(ConsulError):  # litter, nothing worse
                await self._sweep()

    async def _tell(self) -> None:
        """Show the status; a text alone would reach the servers only minutes later."""
        status = self._shown()
        told = (status, self._epoch)
        now = asyncio.get_running_loop().time()
        if told == self._told and now - self._told_at < self._timing.beat_s:
            return
        await self._client.tell_check(
            self.names.whatsapp_check, passing=status.is_well, text=status.text
        )
        if told != self._told:
            await self._register(with_lease_check=False)
        self._told, self._told_at = told, now

    @property
    def _epoch(self) -> int:
        return 0 if self._route is None else self._route.epoch

    def _shown(self) -> SessionStatus:
        if not self._wants_lease or self._holds or self._holder is None:
            return self._status
        where = f"{self._holder.instance} on {self._holder.host} holds the lease"
        return self._status.after("WAITING_FOR_LEASE", None, where, self._started)

    async def _register(self, *, with_lease_check: bool) -> None:
        await self._client.register_service(
            service_of(
                self.botnode,
                self._shown(),
                self._epoch,
                self._timing,
                with_lease_check=with_lease_check,
            )
        )

    async def _sweep(self) -> None:
        """Remove what dead processes of this tenant left: the lease says that they are dead."""
        _, keys = await self._client.keys(self.names.tenant_routes)
        for key in keys:
            if key.session is None:
                await self._client.delete(key.path, unless_newer_than=key.modify_index)
        node = self.botnode
        head = EntryNames(node.mesh, node.tenant_id, "").service_id
        for service_id in await self._client.critical_services(SERVICE, node.tenant_id):
            instance = service_id.removeprefix(head)
            if service_id.startswith(head) and instance.isalnum() and instance != node.instance:
                await self._client.deregister_service(service_id)

    # -- what Consul lost ------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Wake the other task whenever the lease's key changed, or Consul was away."""
        index: int | None = None
        backoff = Backoff(rand=self._rand)
        while True:
            try:
                number, _ = await self._client.key(
                    self.names.lease_key, index, wait_s=self._client.patience_s
                )
            except ConsulError as error:
                self._away(error)
                index = None
                await asyncio.sleep(backoff.next_s())
                continue
            backoff.reset()
            if number != index:
                self._news.set()
            # An index that goes backwards belongs to a store that began anew.
            index = number if index is None or number >= index else None
            await asyncio.sleep(self._timing.sync_poll_s)

    def _forget(self, why: str) -> None:
        """Consul has not what we made there: it is to be made anew. The lease stays ours."""
        if self._session is not None:
            self._log.warning("consul_entry_gone", why=why, after_outage=self._was_away())
        self._session = None
        self._holds = False
        self._written = None
        self._told = None

    def _lose(self, holder: Holder) -> None:
        if self._lost is not None:
            return
        self._lost = f"instance {holder.instance or '?'} on {holder.host or '?'} has the lease"
        self._holds = False
        self._leased.clear()
        self._log.error("lease_lost", holder=holder.instance, host=holder.host)
        self._news.set()
        for tell in self._on_lost:
            tell(self._lost)
        self._on_lost.clear()

    def _away(self, error: ConsulError) -> None:
        if self._away_since is None:
            self._away_since = asyncio.get_running_loop().time()
            denied = isinstance(error, ConsulDeniedError)
            event = "consul_denies" if denied else "consul_away"
            self._log.warning(event, url=self._client.url, error=str(error))

    def _back(self) -> None:
        self._backoff.reset()
        if self._away_since is not None:
            self._back_at = asyncio.get_running_loop().time()
            self._log.info("consul_back", away_s=round(self._back_at - self._away_since, 1))
            self._away_since = None

    def _was_away(self) -> bool:
        """Whether everybody's entry is being mended now, not just this one."""
        if self._away_since is not None:
            return True
        echo_s = self._timing.outage_echo_s
        now = asyncio.get_running_loop().time()
        return self._back_at is not None and now - self._back_at < echo_s

    # -- the end ---------------------------------------------------------------------------------

    async def _leave_to_holder(self) -> None:
        """Another process has the tenant: our entry is in its way."""
        with contextlib.suppress(ConsulError, TimeoutError):
            async with asyncio.timeout(self._timing.remove_limit_s):
                await self._take_down()

    async def _take_down(self) -> None:
        session, holds, written = self._session, self._holds, self._written
        self._session, self._holds, self._written = None, False, None
        if written is not None:
            await self._client.delete(self.names.route_key)
        if holds:
            _, key = await self._client.key(self.names.lease_key)
            if key is not None and key.session == session:
                await self._client.delete(self.names.lease_key, unless_newer_than=key.modify_index)
        if self._made:
            self._made = False
            await self._client.deregister_service(self.names.service_id)
        if session is not None:
            await self._client.destroy_session(session)

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
