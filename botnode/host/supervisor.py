"""Looks after one tenant's botnode: brings about what is wanted, and tells what is."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from botmesh.rpc.datadir import DataDir
from botmesh.rpc.logging import shorten_number
from botnode.host import plan
from botnode.host.backoff import Backoff, Random
from botnode.host.childlog import last_words, remove_log, size
from botnode.host.environment import tenant_environment
from botnode.host.exits import Verdict
from botnode.host.gate import Slot, StartGate
from botnode.host.health import Probe
from botnode.host.plan import Action, Decision, Progress, Situation, Wanted
from botnode.host.process import Process
from botnode.host.reports import Reports
from botnode.host.runfile import RunFiles, mark_of
from botnode.host.spawner import Child, Order, Spawner
from botnode.host.status import Ready, SessionChanged, Status, Stopping
from botnode.host.tenant_folder import FolderInUseError, remove_folder
from botnode.host.timing import Timing
from registry.discovery.port import Announcement, Registration, Withdrawal
from registry.observation import Observation, Observed, session_columns
from registry.service import Tenants
from registry.tenant import Tenant

LogOut = Callable[[str, str], Coroutine[Any, Any, bool]]


@dataclass(frozen=True, slots=True)
class Services:
    """What all supervisors of a host share.

    Attributes:
        registration: makes the entry in discovery for one process.
        withdrawal: removes the entry of a process that is dead.
        probe: connects to a botnode's health service at an address.
        log_out: asks a tenant's botnode, at an address, to unlink its account.
        clock: monotonic seconds.
    """

    data_dir: DataDir
    host_id: str
    version: str
    tenants: Tenants
    reports: Reports
    registration: Callable[[], Registration]
    withdrawal: Withdrawal
    spawner: Spawner
    gate: StartGate
    run_files: RunFiles
    probe: Callable[[str], Probe]
    log_out: LogOut
    timing: Timing
    clock: Callable[[], float] = time.monotonic
    rand: Random = random.random


class Supervisor:
    """One tenant's botnode.

    `run` is a loop: ask `plan.decide` what to do, do it, tell the registry what changed, wait for
    something to happen. What happens (a new wish, a line of the botnode's, its death) is only
    noted where it happens, and dealt with in the loop.
    """

    def __init__(self, tenant: Tenant, services: Services) -> None:
        self._tenant = tenant
        self._services = services
        self._situation = Situation(restarts=tenant.restarts, last_exit=tenant.last_exit)
        self._situation.backoff = Backoff(limit_s=services.timing.backoff_limit_s)
        self._account = tenant.account
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._process: Process | None = None
        self._slot: Slot | None = None
        self._reported: Observed = {}
        self._withdrawals: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger(__name__).bind(tenant_id=tenant.tenant_id)

    @property
    def tenant_id(self) -> str:
        """Whose botnode it is."""
        return self._tenant.tenant_id

    @property
    def log_path(self) -> Path:
        """Where the botnode's output goes."""
        return self._services.data_dir.logs / f"{self.tenant_id}.log"

    def want(self, tenant: Tenant) -> None:
        """Take over what the registry says now."""
        self._tenant = tenant
        self._wake.set()

    def close(self) -> None:
        """Stop the botnode; `run` returns once it is dead. The tenant stays."""
        self._situation.closing = True
        self._closing.set()
        self._wake.set()

    async def run(self) -> None:
        """Look after the botnode until the tenant is removed or `close` was called."""
        if self._tenant.instance is not None:
            self._withdraw(self._tenant.instance)
        while True:
            self._wake.clear()
            try:
                if await self._step():
                    break
            except Exception:  # noqa: BLE001 - logged whole, and tried again
                # One tenant's trouble (a full disk, a registry that is away) is not the others'.
                self._log.exception("supervisor_failed")
                await self._sleep_until(self._now() + self._services.timing.retry_s)
        if self._withdrawals:
            await asyncio.wait(self._withdrawals)

    async def _step(self) -> bool:
        await self._take_in()
        wanted = self._wanted()
        now = self._now()
        decision = plan.decide(wanted, self._situation, now, self._services.timing)
        if decision.action not in (Action.QUEUE, Action.START) and self._process is None:
            self._leave_gate()
        self._report(wanted, now)
        return await self._act(decision, wanted)

    async def _act(self, decision: Decision, wanted: Wanted) -> bool:
        """Carry a decision out; True when there is nothing left to do."""
        match decision.action:
            case Action.WAIT:
                await self._sleep_until(decision.until)
            case Action.QUEUE:
                await self._queue()
            case Action.START:
                await self._start(wanted)
            case Action.LOG_OUT:
                self._log_out()
            case Action.TERMINATE:
                self._terminate()
            case Action.KILL:
                self._kill()
            case Action.REMOVE:
                return await self._remove()
            case Action.FINISH:
                return True
        return False

    # -- what happens ----------------------------------------------------------------------------

    async def _take_in(self) -> None:
        """Deal with what the botnode said, and with its death."""
        process = self._process
        if process is None:
            return
        while process.inbox:
            await self._hear(process, process.inbox.popleft())
        if process.returncode is not None:
            await self._bury(process, process.returncode)

    async def _hear(self, process: Process, status: Status) -> None:
        match status:
            case Ready():
                await self._greet(process, status)
            case SessionChanged(state, number):
                process.session = status
                columns = session_columns(state, number)
                self._account = columns.get("account", self._account)
                await process.registration.update(state=state, number=number)
            case Stopping():
                process.stop_pinging()
                if (view := self._situation.child) is not None:
                    view.leaving_at = self._now()

    async def _greet(self, process: Process, ready: Ready) -> None:
        view = self._situation.child
        if view is not None and view.ready_at is None:
            view.ready_at = self._now()
            self._leave_gate()
            took_s = round(view.ready_at - view.started_at, 3)
            self._log.info("botnode_ready", pid=process.child.pid, took_s=took_s)
        process.announce(ready)
        await process.registration.register(
            Announcement(
                tenant_id=self.tenant_id,
                tenant_name=self._tenant.name,
                address=ready.address,
                instance=ready.instance,
                epoch=ready.epoch,
                version=self._services.version,
                state=process.session.state,
                number=process.session.number,
            )
        )
        self._mark(process.child.pid, ready.instance)
        services = self._services
        process.ping(services.probe, services.timing, self._condemn)

    def _condemn(self) -> None:
        """The botnode has not answered for too long."""
        view = self._situation.child
        if view is not None and view.terminated_at is None:
            view.condemned = "it did not answer its health check"
            self._wake.set()

    async def _bury(self, process: Process, returncode: int) -> None:
        self._process = None
        self._leave_gate()
        process.stop_pinging()
        words = last_words(self.log_path, process.log_start) if returncode > 0 else ""
        services = self._services
        verdict = plan.end(
            self._situation,
            returncode,
            self._now(),
            services.timing,
            rand=services.rand,
            words=words,
        )
        self._log_end(process.child.pid, verdict)
        if process.instance is not None:
            self._withdraw(process.instance)
        services.run_files.remove(self.tenant_id)

    def _log_end(self, pid: int, verdict: Verdict) -> None:
        how = shorten_number(self._situation.last_exit or "")
        if verdict in (Verdict.ASKED, Verdict.RENEW):
            self._log.info("botnode_ended", pid=pid, how=how, verdict=verdict.value)
            return
        self._log.error("botnode_ended", pid=pid, how=how, verdict=verdict.value)
        backoff = self._situation.backoff
        if verdict is Verdict.FAILED and backoff.is_crash_loop:
            self._log.error("botnode_crash_loop", failures=backoff.failures, how=how)

    def _withdraw(self, instance: str) -> None:
        """Take a dead process out of discovery; its successor does not wait for that."""
        withdrawing = self._services.withdrawal.withdraw(self.tenant_id, instance)
        task = asyncio.create_task(withdrawing, name=f"withdraw-{self.tenant_id}")
        self._withdrawals.add(task)
        task.add_done_callback(self._withdrawals.discard)

    # -- what is done ----------------------------------------------------------------------------

    async def _queue(self) -> None:
        if self._slot is None or self._slot.has_left:
            self._slot = self._services.gate.join(self._granted)
        if not self._situation.has_slot:
            await self._sleep_until(None)

    def _granted(self) -> None:
        self._situation.has_slot = True
        self._wake.set()

    def _leave_gate(self) -> None:
        self._situation.has_slot = False
        if self._slot is not None:
            self._slot.leave()
            self._slot = None

    def _environment(self) -> dict[str, str]:
        sandbox = self._services.data_dir.is_sandbox
        return tenant_environment(self._tenant, self._account, sandbox=sandbox)

    async def _start(self, wanted: Wanted) -> None:
        process = Process(self._services.registration(), self._wake.set, size(self.log_path))
        order = Order(self.tenant_id, self._environment(), self.log_path)
        plan.begin(wanted, self._situation, self._now())
        # The slot is spent: the next start asks for one of its own.
        self._situation.has_slot = False
        try:
            child = await self._spawn(order, process)
        except OSError as error:
            services = self._services
            plan.end(
                self._situation,
                1,
                self._now(),
                services.timing,
                rand=services.rand,
                words=str(error),
            )
            self._log.error("botnode_not_started", error=str(error))
            self._leave_gate()
            return
        if child is None:
            self._situation.child = None
            return
        self._process, process.child = process, child
        # Before anything that it says: a row begins anew with its process.
        self._report(wanted, self._now())
        self._mark(child.pid, None)
        self._log.info("botnode_started", pid=child.pid, generation=wanted.generation)

    async def _spawn(self, order: Order, process: Process) -> Child | None:
        """Start a process; None when the host is stopped meanwhile.

        Raises:
            OSError: no process was started.
        """
        closing = asyncio.ensure_future(self._closing.wait())
        spawning = asyncio.ensure_future(self._services.spawner.spawn(order, process))
        try:
            await asyncio.wait({closing, spawning}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            spawning.cancel()  # nothing happens to it when it is done
            await asyncio.wait({spawning})
        return None if spawning.cancelled() else spawning.result()

    def _mark(self, pid: int, instance: str | None) -> None:
        mark = mark_of(pid, instance)
        if mark is None:
            return
        try:
            self._services.run_files.write(self.tenant_id, mark)
        except OSError as error:
            # Its liveness pipe and its lease hold without the mark, too.
            self._log.warning("run_file_not_written", error=str(error))

    def _log_out(self) -> None:
        view, process = self._situation.child, self._process
        if view is None or process is None or process.address is None:
            return

        def done(_: "asyncio.Task[bool]") -> None:
            view.log_out = Progress.DONE
            self._wake.set()

        view.log_out = Progress.UNDER_WAY
        asking = self._services.log_out(self.tenant_id, process.address)
        process.logging_out = asyncio.create_task(asking, name="log-out")
        process.logging_out.add_done_callback(done)

    def _terminate(self) -> None:
        view, process = self._situation.child, self._process
        if view is not None and process is not None:
            view.terminated_at = self._now()
            process.stop_pinging()
            process.child.terminate()

    def _kill(self) -> None:
        view, process = self._situation.child, self._process
        if view is not None and process is not None:
            if view.terminated_at is None and view.condemned is None:
                view.condemned = "it did not get ready in time"
            why = view.condemned or "it did not stop in time"
            self._log.error("botnode_killed", pid=process.child.pid, why=why)
            view.killed = True
            process.stop_pinging()
            process.child.kill()

    async def _remove(self) -> bool:
        """Remove the tenant. Each step can be repeated: whatever interrupts it, it goes on."""
        data_dir = self._services.data_dir
        async with asyncio.timeout(self._services.timing.retry_s):
            await self._services.reports.flush()
        if self._tenant.delete_data:
            try:
                await asyncio.to_thread(remove_folder, data_dir, self.tenant_id)
            except FolderInUseError as error:
                self._log.warning("delete_waits", why=str(error))
                await self._sleep_until(self._now() + self._services.timing.retry_s)
                return False
            remove_log(self.log_path)
        await self._services.tenants.remove(self.tenant_id, self._services.host_id)
        self._log.info("tenant_removed", data_removed=self._tenant.delete_data)
        return True

    # --------------------------------------------------------------------------------------------

    def _wanted(self) -> Wanted:
        tenant = self._tenant
        return Wanted(tenant.desired_state, tenant.desired_generation, tenant.delete_data)

    def _now(self) -> float:
        return self._services.clock()

    async def _sleep_until(self, until: float | None) -> None:
        delay = None if until is None else max(0.0, until - self._now())
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _report(self, wanted: Wanted, now: float) -> None:
        """Tell the registry what changed since it was told last."""
        situation, process = self._situation, self._process
        columns = Observed(
            observed_state=plan.observed_state(wanted, situation, now),
            pid=None if process is None else process.child.pid,
            restarts=situation.restarts,
            last_exit=situation.last_exit,
        )
        reached = plan.reached_generation(wanted, situation)
        if reached is not None:
            columns["observed_generation"] = reached
        if self._reported.items() >= columns.items():
            return
        self._reported.update(columns)
        self._services.reports.add(Observation(self.tenant_id, columns))
