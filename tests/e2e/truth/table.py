"""Tries every cell, and writes the table.

``python -m tests.e2e.truth.table`` tries the whole table and writes it into docs/CUT_SENDS.md; it
takes some minutes, and the right to mount a small tmpfs. With ``--print`` it only prints.
"""

import argparse
import asyncio
import contextlib
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from botmesh.sandbox.v1 import HoldAcknowledgement, HoldQuery, QueryKind, SetPhoneRequest
from botnode import cut_sends, whatsapp_events
from sandbox.launch import RunningSandbox
from tests.e2e.sandbox.conftest import World
from tests.e2e.truth.cells import Cell, Content, Event, Position, Record, all_cells
from tests.e2e.truth.events import EVENTS, Send, files_of
from tests.e2e.truth.lane import Lane

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "CUT_SENDS.md"
BEGIN, END = "<!-- begin: generated table -->", "<!-- end: generated table -->"
HEAD = (
    '| the send is cut by | at | content | the call answered | session.db | "Failed to store" | '
    'phone got it | the rule says | "no row, so never left" |'
)
_DISK_EVENTS = frozenset({Event.DISK_FULL, Event.DISK_MOMENT})
_COPIES = frozenset({Event.RESTORED, Event.OVERWRITTEN})
_DISK_SIZE = "16m"
_LANES = 3
# The id of a message that edits and reactions are about: one that nobody has.
_ABOUT = "3EB0C0FFEE00C0FFEE00"


def run(cells: Sequence[Cell]) -> list[Record]:
    """Try the cells, several at a time; those that need a small disk only where one can be had."""
    with tempfile.TemporaryDirectory(prefix="botmesh-truth-") as name:
        return asyncio.run(_run(cells, Path(name)))


def can_mount() -> bool:
    """Whether a small disk can be had."""
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name)) as mounted:
        return mounted


async def _run(cells: Sequence[Cell], folder: Path) -> list[Record]:
    disk = [cell for cell in cells if cell.event in _DISK_EVENTS]
    waiting = [cell for cell in cells if cell.event is Event.UNANSWERED]
    others = [cell for cell in cells if cell not in disk and cell not in waiting]
    shares = [disk, *(others[number::_LANES] for number in range(_LANES)), *([w] for w in waiting)]
    records: list[Record] = []
    with (folder / "sandbox.log").open("wb") as log:
        async with AsyncExitStack() as stack:
            sandbox = stack.enter_context(RunningSandbox(folder / "sandbox", output=log))
            world = World(sandbox, folder, stack)
            await world.dial()
            async with asyncio.TaskGroup() as tasks:
                for number, share in enumerate(shares):
                    place = folder / f"lane{number}"
                    place.mkdir()
                    if share is disk and not stack.enter_context(small_disk(place)):
                        continue
                    tasks.create_task(_try_all(Lane(world, place), share, records))
    order = {cell: number for number, cell in enumerate(cells)}
    return sorted(records, key=lambda record: order[record.cell])


async def _try_all(lane: Lane, cells: Sequence[Cell], records: list[Record]) -> None:
    left = sum(cell.content is Content.GROUP for cell in cells)
    if cells:
        await lane.pair(left)
    for number, cell in enumerate(cells, 1):
        try:
            record, relink = await try_cell(lane, cell)
        except Exception as error:
            raise AssertionError(f"in the cell {cell}: {error!r}") from error
        records.append(record)
        if relink and number < len(cells):
            await lane.pair(sum(c.content is Content.GROUP for c in cells[number:]))
    if cells:
        await lane.client.kill()


async def try_cell(lane: Lane, cell: Cell) -> tuple[Record, bool]:
    """Send, cut, look, heal; what happened, and whether the account is gone."""
    phone = lane.world.number()
    to = phone
    if cell.content is Content.GROUP:
        to, phone = lane.groups.pop()
    client = lane.client
    fault = await _hold(lane, cell, to, phone)
    kind = "text" if cell.content is Content.GROUP else str(cell.content)
    generation = cut_sends.generation_of(lane.database)
    for file in files_of(lane.database) if cell.event in _COPIES else ():
        shutil.copyfile(file, file.with_name(f"copy-{file.name}"))
    request = await client.post("send_secret", to=to, kind=kind, text="👍", about=_ABOUT)
    secret = bytes.fromhex((await client.event("Begun", request=request))["secret"])
    await lane.world.bitten(fault)
    send = Send(lane, cell, request, secret, {"to": to, "phone": phone}, generation)
    await EVENTS[cell.event](send)
    log = [event for event in client.seen if event["event"] == "Log"]
    lid = (await lane.world.api.SetPhone(SetPhoneRequest(phone=phone))).phone.lid
    await client.kill()
    if not send.relink:
        await lane.start()
        await lane.fence()
    found = await lane.world.chat(phone, 0)
    return Record(
        cell=cell,
        answer=send.answer,
        row=send.row,
        unstored=any(event["unstored"] for event in log),
        arrived=sum(not message.undecrypted for message in found),
        unread=sum(message.undecrypted for message in found),
        dead=send.dead,
        logged_out=send.relink,
        same_store=send.same_store,
        disconnected=send.disconnected,
        skipped=any(lid in (whatsapp_events.skipped_device(e["text"]) or ()) for e in log),
    ), send.relink


async def _hold(lane: Lane, cell: Cell, to: str, phone: str) -> int:
    """Hold the send at the cell's position."""
    if cell.position is Position.FRAME:
        return await lane.set_fault(
            hold_acknowledgement=HoldAcknowledgement(), recipient=to, times=1
        )
    if cell.position is Position.DEVICES:
        kind, about = QueryKind.QUERY_KIND_DEVICES, phone
    elif cell.position is Position.KEYS:
        kind, about = QueryKind.QUERY_KIND_PRE_KEYS, phone
    elif cell.content is Content.GROUP:
        kind, about = QueryKind.QUERY_KIND_GROUP, to
    else:
        kind, about = QueryKind.QUERY_KIND_LID, to
    return await lane.set_fault(hold_query=HoldQuery(kind=kind), recipient=about, times=1)


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """Mount a small disk; false where that is not allowed."""
    mount = shutil.which("mount")
    options = f"size={_DISK_SIZE},mode=0700"
    command = [mount or "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    mounted = mount is not None and _runs(command)
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def lines(records: Sequence[Record]) -> list[str]:
    """The table's lines: contents for which all is the same share one."""
    found = [HEAD, "|" + " --- |" * (HEAD.count("|") - 1)]
    for (event, position), group in itertools.groupby(
        records, lambda record: (record.cell.event, record.cell.position)
    ):
        same: dict[tuple[str, ...], list[str]] = {}
        for record in group:
            same.setdefault(record.columns(), []).append(str(record.cell.content))
        for columns, contents in same.items():
            cells = [str(event), str(position), ", ".join(contents), *columns]
            found.append(f"| {' | '.join(cells)} |")
    return found


def committed() -> dict[Cell, tuple[str, ...]]:
    """The table that stands in the document."""
    text = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]
    found = {}
    for line in text.strip().splitlines()[2:]:
        event, position, contents, *columns = (part.strip() for part in line.split("|")[1:-1])
        for content in contents.split(", "):
            found[Cell(Event(event), Position(position), Content(content))] = tuple(columns)
    return found


def main() -> None:
    """Try the whole table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="only print it")
    only_print = parser.parse_args().print
    if not can_mount():
        sys.exit("the whole table needs the right to mount a tmpfs")
    table = "\n".join(lines(run(all_cells())))
    print(table)
    if not only_print:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
