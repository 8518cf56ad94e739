"""Following the tenants as they change."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from registry.database import ChangeGate, Database
from registry.repository import TenantRepository
from registry.tenant import Tenant

RETRY_INTERVAL_S = 1.0
# Changes that come one upon the other are read together.
LEAST_PAUSE_S = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FeedChange:
    """What changed, in the order of the changes.

    With `is_snapshot` it is the whole picture: a tenant that is not in it is gone. `seq` is the
    number of the last change that it includes.
    """

    is_snapshot: bool
    tenants: Sequence[Tenant]
    deleted: Sequence[str]
    seq: int


class TenantFeed:
    """The tenants' changes, whoever made them in whichever process.

    They are seen within 100 ms on SQLite and about 150 ms on PostgreSQL.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def watch(self) -> AsyncIterator[FeedChange]:
        """Yields a snapshot first, then changes; several to one tenant may come as the last one.

        Never ends. A database that is away is waited for, and what was missed is seen after it; a
        database that was set back to an older state gives a new snapshot.
        """
        seq: int | None = None
        while True:
            try:
                gate = await self._open_gate()
                try:
                    async for change in self._follow(gate, seq):
                        seq = change.seq
                        if change.is_snapshot or change.tenants or change.deleted:
                            yield change
                finally:
                    gate.close()
            except SQLAlchemyError as error:
                log.warning("registry_unreachable", error=str(error.__cause__ or error))
                await asyncio.sleep(RETRY_INTERVAL_S)

    async def _open_gate(self) -> ChangeGate:
        # No task: those are cancelled with the loop, and the thread is waited for.
        opening = asyncio.get_running_loop().run_in_executor(None, self._database.change_gate)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread opens it all the same; nobody else would close it.
            opening.add_done_callback(_close_gate)
            raise

    async def _follow(self, gate: ChangeGate, seq: int | None) -> AsyncIterator[FeedChange]:
        while True:
            await gate.until_moved()
            change = await asyncio.to_thread(self._read, seq)
            seq = change.seq
            yield change
            await asyncio.sleep(LEAST_PAUSE_S)

    def _read(self, seq: int | None) -> FeedChange:
        with self._database.reading() as session:
            tenants = TenantRepository(session)
            now = tenants.seq()
            if seq is None or now < seq:
                return FeedChange(True, tenants.all(), [], now)
            return FeedChange(False, tenants.changed_since(seq), tenants.deleted_since(seq), now)


def _close_gate(opening: "asyncio.Future[ChangeGate]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
