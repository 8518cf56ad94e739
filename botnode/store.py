"""node.db: one thread writes, with group commit; another reads.

A write is a function that gets a `Transaction`. All writes that wait together share one
``BEGIN IMMEDIATE`` and one fsync; each keeps its own outcome. Every transaction checks that the
folder still belongs to this process's epoch.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import OperationalError

from botmesh.errors import MeshError, Reason
from botnode import disk_errors
from botnode.clock import now_ms
from botnode.engine import make_engine
from botnode.statement import Statement
from botnode.tables import events, meta

log = structlog.get_logger(__name__)

MAX_WAITING = 10_000
MAX_GROUP = 256
DISK_RETRY_S = 0.5

T = TypeVar("T")

# Statements are built once: building one costs more than running it.
_EPOCH = Statement(select(meta.c.epoch))
_RAISE_HEAD = Statement(
    update(meta).values(event_head=meta.c.event_head + 1).returning(meta.c.event_head)
)
_INSERT_EVENT = Statement(events.insert())
_TOUCH = update(meta).values(event_head=meta.c.event_head)
# Whoever was refused asks again: by then another process answers, or there is room.
_AGAIN = timedelta(seconds=1)


class EpochLostError(MeshError):
    """Another process took the folder over: this one must not write any more."""

    def __init__(self, owner: int, mine: int) -> None:
        text = f"epoch {owner} owns the tenant's folder, not {mine}"
        super().__init__(Reason.BOTNODE_UNAVAILABLE, text, retry_after=_AGAIN)


class StoreClosedError(MeshError):
    """The store was closed before the work was done."""

    def __init__(self) -> None:
        super().__init__(Reason.SHUTTING_DOWN, "the botnode is stopping", retry_after=_AGAIN)


class Transaction:
    """What a write may do.

    Attributes:
        connection: an SQLAlchemy connection inside a transaction.
        epoch: the epoch of this process.
    """

    def __init__(self, connection: Connection, epoch: int) -> None:
        self.connection = connection
        self.epoch = epoch
        self.head: int | None = None

    def append_event(
        self, kind: str, account: str, payload: bytes, message_id: str | None = None
    ) -> int:
        """Append to the event log; return the event's sequence.

        An event about a message of the outbox names it.
        """
        sequence = int(_RAISE_HEAD.first(self.connection, {}).event_head)
        _INSERT_EVENT.run(
            self.connection,
            {
                "sequence": sequence,
                "kind": kind,
                "account": account,
                "create_ms": now_ms(),
                "payload": payload,
                "message_id": message_id,
            },
        )
        self.head = sequence
        return sequence


Work = Callable[[Transaction], T]


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Work[T]
    durable: bool
    future: "Future[T]"


class Store:
    """The writer and the reader of one node.db."""

    def __init__(self, path: Path, epoch: int) -> None:
        self._writing = make_engine(path)
        self._reading = make_engine(path, begin="BEGIN")
        self._epoch = epoch
        self._jobs: deque[_Job[Any]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._reader = ThreadPoolExecutor(1, "node.db-reader")
        self._reader_at_work = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="node.db-writer", daemon=True)
        self._on_head: Callable[[int], None] = lambda _: None
        self._on_lost: Callable[[], None] = lambda: None
        self._on_disk: Callable[[str], None] = lambda _: None
        self._refusal = ""
        self._room = threading.Event()
        self._is_lost = False

    def start(
        self,
        on_head: Callable[[int], None],
        on_lost: Callable[[], None],
        on_disk: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start writing. All that is told is told on the writer's thread.

        Args:
            on_head: hears of each new head of the event log.
            on_lost: called when the folder has another owner.
            on_disk: hears what the disk has, in words, when it takes nothing. From then on `hold`
                is in force; whoever is told ends it.
        """
        self._on_head = on_head
        self._on_lost = on_lost
        self._on_disk = on_disk
        self._thread.start()

    def hold(self, why: str) -> None:
        """Refuse what may be refused: the disk takes nothing, or little more."""
        with self._wake:
            self._refusal = why
            refused = [job for job in self._jobs if not job.durable]
            self._jobs = deque(job for job in self._jobs if job.durable)
        _fail([job for job in refused if job.future.set_running_or_notify_cancel()], _full(why))

    def go_on(self) -> None:
        """Refuse nothing any more, and try at once what waits for the disk."""
        self._refusal = ""
        self._room.set()

    async def touch(self) -> None:
        """Return once something could be written."""
        self._room.set()
        await self.write(lambda tx: tx.connection.execute(_TOUCH), durable=True)

    def submit(self, work: Work[T], *, durable: bool = False) -> "Future[T]":
        """Queue a write.

        Args:
            work: runs on the writer thread; may run again if the transaction has to be repeated.
            durable: never give it up: on a full disk it waits, and it passes a full queue.

        Raises:
            MeshError: QUEUE_FULL or STORAGE_FULL; the future may have the latter, too.
        """
        job = _Job(work, durable, Future())
        with self._wake:
            if self._closing:
                job.future.set_exception(StoreClosedError())
                return job.future
            if not durable and self._refusal:
                raise _full(self._refusal)
            if not durable and len(self._jobs) >= MAX_WAITING:
                raise MeshError(Reason.QUEUE_FULL, "too many writes wait already")
            self._jobs.append(job)
            self._wake.notify()
        return job.future

    async def write(self, work: Work[T], *, durable: bool = False) -> T:
        """Do a write and wait until it is on disk."""
        return await asyncio.wrap_future(self.submit(work, durable=durable))

    def write_and_wait(self, work: Work[T]) -> T:
        """The same from a thread that is not the event loop's; never given up."""
        return self.submit(work, durable=True).result()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read in a snapshot of what was committed last."""
        try:
            reading = self._reader.submit(self._read, work)
        except RuntimeError:  # it takes no more
            raise StoreClosedError from None
        try:
            return await asyncio.wrap_future(reading)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if reading.cancelled() and (task is None or not task.cancelling()):
                raise StoreClosedError from None
            raise

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._reader_at_work, self._reading.begin() as connection:
            return work(connection)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, then stop. Blocks."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._room.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        self._reader.shutdown(wait=False, cancel_futures=True)
        if not self._thread.is_alive():
            self._writing.dispose()
        if self._reader_at_work.acquire(timeout=timeout_s):
            self._reading.dispose()

    def _run(self) -> None:
        while group := self._next_group():
            self._commit(group)

    def _next_group(self) -> list[_Job[Any]]:
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            return [self._jobs.popleft() for _ in range(min(len(self._jobs), MAX_GROUP))]

    def _commit(self, group: list[_Job[Any]]) -> None:
        # A caller who gave up takes its write back; a durable one is done all the same.
        group = [job for job in group if job.future.set_running_or_notify_cancel() or job.durable]
        while group:
            try:
                outcomes, head = self._transact(group)
            except Exception as error:  # noqa: BLE001 - the waiting callers get it
                if (of_file := _of_file(error)) is not None:
                    group = self._after_disk_error(group, of_file)
                    continue
                _fail(group, error)
                if isinstance(error, EpochLostError):
                    self._lose(error)
                return
            else:
                if head is not None:  # first, so that a writer finds its event in the log
                    self._on_head(head)
                _settle(group, outcomes)
                return

    def _transact(self, group: list[_Job[Any]]) -> tuple[list[Any], int | None]:
        with self._writing.begin() as connection:
            owner = _EPOCH.first(connection, {}).epoch
            if owner != self._epoch:
                raise EpochLostError(owner, self._epoch)
            transaction = Transaction(connection, self._epoch)
            if len(group) == 1:  # its failure undoes the whole transaction
                outcomes = [group[0].work(transaction)]
            else:
                outcomes = [_attempt(transaction, job) for job in group]
            _check_open(connection)
        return outcomes, transaction.head

    def _lose(self, error: EpochLostError) -> None:
        """Every later write fails the same way; it is told once."""
        if not self._is_lost:
            self._is_lost = True
            log.error("folder_lost", error=str(error))
            self._on_lost()

    def _after_disk_error(self, group: list[_Job[Any]], error: OperationalError) -> list[_Job[Any]]:
        """Refuse what may be refused; wait a little, and return what has to be tried again."""
        trouble = disk_errors.of_database(error)
        self._room.clear()
        if trouble is not None:
            self.hold(trouble)
            self._on_disk(trouble)
        _fail([job for job in group if not job.durable], _full(trouble or "node.db is locked"))
        left = [job for job in group if job.durable]
        if left and not self._closing:
            self._room.wait(DISK_RETRY_S)
        if self._closing:
            _fail(left, StoreClosedError())
            return []
        return left


def _full(why: str) -> MeshError:
    return MeshError(Reason.STORAGE_FULL, f"node.db cannot be written: {why}", retry_after=_AGAIN)


def _attempt(transaction: Transaction, job: _Job[Any]) -> Any:
    """The job's value, or the exception that undid this job alone."""
    head = transaction.head
    try:
        with transaction.connection.begin_nested():
            return job.work(transaction)
    except Exception as error:
        _check_open(transaction.connection)
        if _of_file(error) is not None:
            raise  # the disk, not the job
        transaction.head = head
        return error


class _RolledBackError(MeshError):
    """SQLite has undone the whole transaction, as it does where the disk fails in a statement."""

    def __init__(self) -> None:
        text = "node.db undid the transaction; nothing of it was written"
        super().__init__(Reason.STORAGE_FULL, text, retry_after=_AGAIN)


def _check_open(connection: Connection) -> None:
    if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]  # open
        raise _RolledBackError


def _of_file(error: BaseException | None) -> OperationalError | None:
    """The error of the file, not of the work, that an error is or comes from."""
    chain, seen = [error], set()
    while chain:
        link = chain.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        if isinstance(link, OperationalError) and (
            disk_errors.of_database(link) is not None or disk_errors.is_lock(link)
        ):
            return link
        chain += [link.__context__, link.__cause__]
    return None


def _settle(group: list[_Job[Any]], outcomes: list[Any]) -> None:
    for job, outcome in zip(group, outcomes, strict=True):
        with contextlib.suppress(InvalidStateError):
            if isinstance(outcome, Exception):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)


def _fail(group: list[_Job[Any]], error: Exception) -> None:
    _settle(group, [error] * len(group))
