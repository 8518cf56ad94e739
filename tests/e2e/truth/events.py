"""What cuts a send: each event takes a lane whose send has come to a position."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botmesh.sandbox.v1 import (
    DropConnectionsRequest,
    HoldAcknowledgement,
    LoginRefusal,
    LogOutDeviceRequest,
    RefuseLogin,
    RefuseSend,
)
from botnode import cut_sends
from tests.e2e.truth.cells import Cell, Event, Position
from tests.e2e.truth.lane import Lane, answer_of

# A call that answers at all does so within this, a lost answer aside.
ANSWER_S = 20.0
# whatsmeow's own limit for answers and acknowledgements is 75 s.
LONG_ANSWER_S = 100.0
# How long to listen for an answer where the acknowledgement was swallowed.
NO_ANSWER_S = 1.0
# What a filled disk is filled with at once; a smaller hole would do for a row.
_CHUNK = 4096


@dataclass
class Send:
    """One send under way, and what was seen of it.

    Attributes:
        dead: the process was dead when the row was looked for.
        same_store: session.db is the one of before the send, as far as a botnode can tell.
        disconnected: the line was lost while the call was under way.
        relink: the account is gone: the lane needs another one.
    """

    lane: Lane
    cell: Cell
    request: int
    secret: bytes
    where: dict[str, str]
    generation: str
    answer: str = ""
    row: bool = False
    dead: bool = False
    same_store: bool = False
    disconnected: bool = False
    relink: bool = False

    async def look(self) -> None:
        """Look for the secret's row, and whether it would be there."""
        self.row = await self.lane.has_row(self.secret)
        now = cut_sends.generation_of(self.lane.database)
        self.same_store = cut_sends.follows(now, self.generation)

    async def kill(self) -> None:
        """Kill the process, and look for the row as its successor does."""
        await self.lane.client.kill()
        self.dead = True
        await self.look()
        await self.lane.clear()

    async def wait(self, seconds: float = ANSWER_S) -> None:
        """Wait for the call's answer, and look for the row."""
        self.answer = await answer_of(self.lane.client, self.request, seconds)
        seen = self.lane.client.seen
        self.disconnected = any(event["event"] == "Disconnected" for event in seen)
        await self.look()


async def killed(send: Send) -> None:
    """The process dies at the position."""
    await send.kill()


async def taken_over(send: Send) -> None:
    """It stops; another process logs in with the same session.db; it is woken."""
    lane, old = send.lane, send.lane.client
    lane.stop()
    await send.look()
    await lane.clear()
    await lane.start()
    new, lane.client = lane.client, old
    lane.wake()
    send.answer = await answer_of(old, send.request, ANSWER_S)
    await old.kill()
    await new.kill()


async def paused(send: Send) -> None:
    """It stops; a successor looks at session.db; it is woken before that one logs in."""
    send.lane.stop()
    await send.look()
    await send.lane.clear()
    send.lane.wake()
    seconds = NO_ANSWER_S if send.cell.position is Position.FRAME else ANSWER_S
    send.answer = await answer_of(send.lane.client, send.request, seconds)


async def restored(send: Send) -> None:
    """It dies, and the state of before the send is put back, as tar and rsync do it."""
    await send.lane.client.kill()
    for file in files_of(send.lane.database):
        file.unlink()
    for copy in files_of(copy_of(send.lane.database)):
        shutil.copyfile(copy, send.lane.database.with_name(copy.name.removeprefix("copy-")))
    await send.kill()


async def overwritten(send: Send) -> None:
    """It dies, and the state of before the send is put back, as cp does it: in the same files."""
    await send.lane.client.kill()
    copies = files_of(copy_of(send.lane.database))
    kept = [send.lane.database.with_name(copy.name.removeprefix("copy-")) for copy in copies]
    for file in {*files_of(send.lane.database)} - {*kept}:
        file.unlink()
    for copy, file in zip(copies, kept, strict=True):
        shutil.copyfile(copy, file)
    await send.kill()


async def logged_out(send: Send) -> None:
    """The phone unlinks the device."""
    lane = send.lane
    send.relink = True
    await lane.world.api.LogOutDevice(LogOutDeviceRequest(phone=lane.number))
    await lane.client.event("LoggedOut")

    async def unlinked() -> bool:
        return not await asyncio.to_thread(lane.is_linked)

    await lane.world.eventually(unlinked)
    await lane.clear()
    await send.wait()


async def disk_full(send: Send) -> None:
    """The disk is full, and stays so until the call has answered."""
    with filled(send.lane):
        await _answered_or_killed(send)


async def disk_full_for_a_moment(send: Send) -> None:
    """The disk is full when the secret is to be stored, and has room again right after."""
    with filled(send.lane) as free:
        await _unstored_then(send, free)
    await send.kill()


async def locked(send: Send) -> None:
    """Another process holds a lock on session.db for longer than the busy timeout."""
    with exclusive(send.lane.database) as free:
        await _answered_or_killed(send, before_look=free)


async def locked_for_a_moment(send: Send) -> None:
    """The lock is there when the secret is to be stored, and gone right after."""
    with exclusive(send.lane.database) as free:
        await _unstored_then(send, free)
    await send.kill()


async def locked_and_killed(send: Send) -> None:
    """The process dies while Go waits for the callback that gets the line of log."""
    await send.lane.client.do("stop_at_log")
    with exclusive(send.lane.database) as free:
        await send.lane.clear()
        await send.lane.client.event("Stopped")
        await send.lane.client.kill()
        free()
    await send.kill()


async def unanswered(send: Send) -> None:
    """The answer or acknowledgement never comes, and the call gives up."""
    await send.wait(LONG_ANSWER_S)
    await send.lane.clear()


async def cut(send: Send) -> None:
    """The line is reset; the library dials again at once."""
    await _drop(send)
    await send.lane.clear()
    await send.wait()


async def cut_and_refused(send: Send) -> None:
    """The line is reset, the frame is repeated on the next one, and WhatsApp refuses it there."""
    await send.lane.set_fault(refuse_send=RefuseSend(code=429), recipient=send.where["to"])
    await _drop(send)
    await send.wait()
    await send.lane.clear()


async def cut_off(send: Send) -> None:
    """The line is reset, and no login succeeds before the library gives up after 5 seconds."""
    refusal = RefuseLogin(reason=LoginRefusal.LOGIN_REFUSAL_UNAVAILABLE)
    await send.lane.set_fault(refuse_login=refusal)
    await _drop(send)
    await send.wait()
    await send.lane.clear()


EVENTS: dict[Event, Callable[[Send], Awaitable[None]]] = {
    Event.KILL: killed,
    Event.TAKEOVER: taken_over,
    Event.PAUSE: paused,
    Event.RESTORED: restored,
    Event.OVERWRITTEN: overwritten,
    Event.LOG_OUT: logged_out,
    Event.DISK_FULL: disk_full,
    Event.DISK_MOMENT: disk_full_for_a_moment,
    Event.LOCKED: locked,
    Event.LOCKED_MOMENT: locked_for_a_moment,
    Event.LOCKED_KILL: locked_and_killed,
    Event.LOST: killed,
    Event.UNANSWERED: unanswered,
    Event.CUT: cut,
    Event.REFUSED: cut_and_refused,
    Event.AWAY: cut_off,
}


async def _drop(send: Send) -> None:
    request = DropConnectionsRequest(phone=send.lane.number)
    assert (await send.lane.world.api.DropConnections(request)).dropped == 1
    await send.lane.client.event("Disconnected")


async def _answered_or_killed(send: Send, before_look: Callable[[], Any] = lambda: None) -> None:
    """Let the send go on; where only the acknowledgement is missing, kill instead of waiting."""
    if send.cell.position is Position.FRAME:
        await send.lane.client.kill()
        before_look()
        await send.kill()
        return
    await send.lane.clear()
    send.answer = await answer_of(send.lane.client, send.request, ANSWER_S)
    before_look()
    await send.look()


async def _unstored_then(send: Send, free: Callable[[], None]) -> None:
    """Wait until the secret could not be stored, end what was in the way, see the frame go.

    Go waits for the callback that gets the line: until that has returned, no further question
    and no frame comes to the server.
    """
    lane = send.lane
    await lane.client.do("stop_at_log")
    held = await lane.set_fault(
        hold_acknowledgement=HoldAcknowledgement(), recipient=send.where["to"]
    )
    lane.faults.remove(held)
    await lane.clear()
    lane.faults.append(held)
    await lane.client.event("Stopped")
    free()
    await lane.client.do("go_on")
    await lane.world.bitten(held)


@contextlib.contextmanager
def filled(lane: Lane) -> Iterator[Callable[[], None]]:
    """Fill the lane's disk up, to the last byte; gives what ends that.

    The write-ahead log is emptied before: as long as it has room in itself, a full disk does not
    keep anybody from writing.
    """
    with contextlib.closing(sqlite3.connect(lane.database, timeout=5)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    filler = lane.folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(_CHUNK)):
            pass
    try:
        yield lambda: filler.unlink(missing_ok=True)
    finally:
        filler.unlink(missing_ok=True)


def files_of(database: Path) -> list[Path]:
    """A database's file and its write-ahead log; not the log's index, which is made anew."""
    found = [database, database.with_name(f"{database.name}-wal")]
    return [file for file in found if file.exists()]


def copy_of(database: Path) -> Path:
    """Where a copy of a database is."""
    return database.with_name(f"copy-{database.name}")


@contextlib.contextmanager
def exclusive(database: Path) -> Iterator[Callable[[], None]]:
    """Lock a database from this process; gives what ends that."""
    lock = sqlite3.connect(database, isolation_level=None, timeout=5)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield lock.close
    finally:
        lock.close()
