"""Takes what supervisors observe to the registry."""

import asyncio

import structlog

from registry.observation import Observation
from registry.service import RegistryUnavailableError, Tenants

log = structlog.get_logger(__name__)

# After a write nothing is written for so many times as long as it took, and this at most.
REST_FACTOR = 4
LONGEST_REST_S = 0.1


class Reports:
    """Collects observations and writes all that wait in one transaction, in their order.

    A hundred botnodes that start together cost a few transactions, not hundreds: what is written
    first is written at once, and then there is a rest, the longer the longer writing took. A
    registry that is away for a while stops no supervisor.
    """

    def __init__(self, tenants: Tenants, host_id: str, *, retry_s: float) -> None:
        self._tenants = tenants
        self._host_id = host_id
        self._retry_s = retry_s
        self._waiting: list[Observation] = []
        self._wake = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()

    async def observe(self, observation: Observation) -> None:
        """Take one observation; returns at once."""
        self.add(observation)

    def add(self, observation: Observation) -> None:
        """Take one observation."""
        self._waiting.append(observation)
        self._written.clear()
        self._wake.set()

    async def flush(self) -> None:
        """Wait until everything taken so far is written."""
        await self._written.wait()

    async def run(self) -> None:
        """Write what comes in. Never returns."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = loop.time()
            if batch := self._waiting:
                self._waiting = []
                await self._write(batch)
            if not self._waiting:
                self._written.set()
            await asyncio.sleep(min((loop.time() - began) * REST_FACTOR, LONGEST_REST_S))

    async def _write(self, batch: list[Observation]) -> None:
        while True:
            try:
                await self._tenants.observe(self._host_id, batch)
            except RegistryUnavailableError as error:
                log.warning("reports_not_written", error=str(error.__cause__ or error))
                await asyncio.sleep(self._retry_s)
                batch, self._waiting = [*batch, *self._waiting], []
            else:
                return
