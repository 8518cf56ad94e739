"""One account and its sender, in which cells are tried one after the other."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from botmesh.sandbox.v1 import ClearFaultsRequest, ListDevicesRequest
from botnode import sent_ids
from botnode.folder import SESSION_OPTIONS
from tests.e2e.sandbox.conftest import Client, World

SENDER = Path(__file__).parent / "sender.py"
# The real name has 20 s; everything else is as the botnode has it.
BUSY_MS = 300
OPTIONS = SESSION_OPTIONS.replace("_busy_timeout=20000", f"_busy_timeout={BUSY_MS}")
assert OPTIONS != SESSION_OPTIONS


class Lane:
    """An account, its session.db in a folder, and the process that has it open.

    Attributes:
        faults: those that were set for this lane.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.number = ""
        self.database = folder / "session.db"
        self.client: Client
        self.groups: list[tuple[str, str]] = []
        self.faults: list[int] = []
        self._fence = world.number()
        self._pairings = 0

    async def pair(self, groups: int) -> None:
        """Link a new account, with this many groups, and start with nothing in memory."""
        self.number = self.world.number()
        self._pairings += 1
        self.database = self.folder / f"session{self._pairings}.db"
        self.client = await self.spawn()
        await self.world.scan(self.client, self.number)
        await self.client.event("Connected")
        members = [self.world.number() for _ in range(groups)]
        self.groups = [(await self.world.group(self.number, each), each) for each in members]
        await self.world.eventually(self._told)
        await self.client.kill()
        await self.start()

    async def _told(self) -> bool:
        request = ListDevicesRequest(phone=self.number)
        (device,) = (await self.world.api.ListDevices(request)).devices
        return bool(device.waiting == 0)

    async def spawn(self) -> Client:
        """A process on the lane's session.db."""
        with self.folder.parent.joinpath("sender.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(SENDER),
                f"{self.database}{OPTIONS}",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=os.environ | self.world.sandbox.environment(),
            )
        client = Client(process, self.database)
        self.world.keep(client)
        return client

    async def start(self) -> None:
        """Start a process, and wait until WhatsApp has nothing more for it."""
        self.client = await self.spawn()
        await self.client.event("Connected")
        await self.client.event("OfflineSyncCompleted")

    async def fence(self) -> None:
        """All that went out on the line before has been dealt with when this returns."""
        await self.client.send(self._fence, "fence")

    async def set_fault(self, **fields: Any) -> int:
        """Set a fault for this account."""
        fault = await self.world.fault(phone=self.number, **fields)
        self.faults.append(fault)
        return fault

    async def clear(self) -> None:
        """End this lane's faults; what they held back goes out."""
        for fault in self.faults:
            await self.world.api.ClearFaults(ClearFaultsRequest(fault_id=fault))
        self.faults.clear()

    async def has_row(self, secret: bytes) -> bool:
        """Whether session.db has the secret, as a botnode finds it out."""
        found = await asyncio.to_thread(sent_ids.find_in_child, str(self.database), [secret])
        return secret in found

    def is_linked(self) -> bool:
        """Whether session.db still has the account."""
        name = f"file:{self.database}?mode=ro"
        with closing(sqlite3.connect(name, uri=True, timeout=5)) as database:
            return bool(database.execute("SELECT 1 FROM whatsmeow_device").fetchone())

    def stop(self) -> None:
        """Stop the process in its tracks."""
        os.kill(self.client.process.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        os.kill(self.client.process.pid, signal.SIGCONT)


async def answer_of(client: Client, request: int, seconds: float) -> str:
    """What a call answered within a time: "sent", the error's text, or nothing."""
    try:
        found = await client.event("Answer", request=request, patience_s=seconds)
    except TimeoutError:
        return ""
    return str(found.get("error", "sent"))
