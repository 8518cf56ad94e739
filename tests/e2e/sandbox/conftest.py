"""A sandbox in a process of its own, and real neonize clients in theirs."""

import asyncio
import itertools
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from botmesh.sandbox.v1 import (
    ClearFaultsRequest,
    CreateGroupRequest,
    Device,
    Fault,
    ListMessagesRequest,
    ListUnknownRequest,
    MediaLetter,
    Message,
    OpenMediaRequest,
    PeopleServiceStub,
    SandboxMediaServiceStub,
    SandboxServiceStub,
    ScanRequest,
    SendMediaRequest,
    SetFaultRequest,
    WaitFaultRequest,
)
from sandbox.launch import RunningSandbox

DRIVER = Path(__file__).parent / "neonize_client.py"
PATIENCE_S = 30.0


class Client:
    """A neonize client in a child process."""

    def __init__(self, process: asyncio.subprocess.Process, database: Path) -> None:
        self.process = process
        self.database = database
        self.seen: list[dict[str, Any]] = []
        self._fresh: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        self._requests = itertools.count(1)
        self._reader = asyncio.create_task(self._read())

    async def event(
        self, kind: str, *, patience_s: float = PATIENCE_S, **wanted: Any
    ) -> dict[str, Any]:
        """The next event of a kind with the given values, taken out of what has come."""

        def find() -> dict[str, Any] | None:
            for event in self._fresh:
                if event["event"] == kind and wanted.items() <= event.items():
                    self._fresh.remove(event)
                    return event
            return None

        async with asyncio.timeout(patience_s), self._changed:
            while (event := find()) is None:
                if self._reader.done():
                    raise AssertionError(f"the client ended before {kind}: {self.seen}")
                await self._changed.wait()
            return event

    def has(self, kind: str, **wanted: Any) -> bool:
        """Whether such an event has come and was not taken."""
        return any(
            event["event"] == kind and wanted.items() <= event.items() for event in self._fresh
        )

    async def do(self, command: str, **data: Any) -> dict[str, Any]:
        """Have the client do something; its answer, which may be an error."""
        return await (await self.begin(command, **data))

    async def begin(self, command: str, **data: Any) -> Awaitable[dict[str, Any]]:
        """Have the client begin something; its answer to be awaited."""
        return self.event("Answer", request=await self.post(command, **data))

    async def post(self, command: str, **data: Any) -> int:
        """Have the client begin something; the number that its answer will have."""
        request = next(self._requests)
        assert self.process.stdin is not None
        self.process.stdin.write(
            json.dumps({"id": request, "do": command, **data}).encode() + b"\n"
        )
        await self.process.stdin.drain()
        return request

    async def send(self, to: str, text: str, **what: str) -> str:
        """Send a text, or what else is said; its message id."""
        answer = await self.do("send", to=to, text=text, **what)
        assert "error" not in answer, answer
        return str(answer["message_id"])

    async def kill(self) -> None:
        """Kill the process without a warning."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reader

    def forget_sessions(self) -> None:
        """Have the dead process's database lose its sessions, as an older copy of it would."""
        with closing(sqlite3.connect(self.database)) as database, database:
            for table in ("whatsmeow_sessions", "whatsmeow_sender_keys"):
                database.execute(f"DELETE FROM {table}")

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._changed:
                event = json.loads(line)
                self.seen.append(event)
                self._fresh.append(event)
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()


class World:
    """A sandbox, its control, and the clients that a test has started."""

    def __init__(self, sandbox: RunningSandbox, folder: Path, stack: AsyncExitStack) -> None:
        self.sandbox = sandbox
        self._folder = folder
        self._stack = stack
        self._names = itertools.count(1)
        self._numbers = itertools.count(1)
        self.api: Any = None
        self.media: Any = None
        self.people: Any = None

    async def dial(self) -> None:
        """Open a channel to the control API, anew after a restart."""
        channel = grpc.aio.insecure_channel(self.sandbox.addresses.control_address)
        self.api = SandboxServiceStub(channel)
        self.media = SandboxMediaServiceStub(channel)
        self.people = PeopleServiceStub(channel)
        self._stack.push_async_callback(channel.close)

    def number(self) -> str:
        """A phone number that no other test uses."""
        return f"52155{next(_NUMBERS):08d}"

    async def client(self, database: Path | None = None, *arguments: str) -> Client:
        """Start a neonize client, on an existing database if one is given."""
        database = database or self._folder / f"session{next(self._names)}.db"
        with (self._folder / f"{database.stem}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(DRIVER),
                str(database),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=os.environ | self.sandbox.environment(),
            )
        client = Client(process, database)
        self.keep(client)
        return client

    def keep(self, client: Client) -> None:
        """End a client's process with the test."""
        self._stack.push_async_callback(client.kill)

    async def scan(self, client: Client, number: str) -> Device:
        """Have a phone scan the code that a client shows."""
        code = (await client.event("Qr"))["code"]
        return (await self.api.Scan(ScanRequest(phone=number, code=code))).device

    async def paired(self, number: str | None = None) -> tuple[Client, str]:
        """A connected client and its phone's number."""
        number = number or self.number()
        client = await self.client()
        await self.scan(client, number)
        await client.event("Connected")
        return client, number

    async def restarted(self, client: Client) -> Client:
        """The client in a new process, connected."""
        await client.kill()
        again = await self.client(client.database)
        await again.event("Connected")
        return again

    async def chat(self, number: str, count: int, after: int = 0) -> list[Message]:
        """What is in a phone's chats, once there is as much as expected."""
        request = ListMessagesRequest(phone=number, wait_count=count, after_sequence=after)
        return list((await self.api.ListMessages(request)).messages)

    @staticmethod
    async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.02)

    async def post(self, data: bytes, piece: int = 1 << 20, **letter: Any) -> Message:
        """Have a phone send media."""

        async def parts() -> AsyncIterator[SendMediaRequest]:
            yield SendMediaRequest(letter=MediaLetter(**letter))
            for at in range(0, len(data), piece):
                yield SendMediaRequest(data=data[at : at + piece])

        return (await self.media.SendMedia(parts())).message

    async def opened(self, number: str, message_id: str) -> tuple[Any, bytes]:
        """What a phone finds when it opens the media of a message."""
        request = OpenMediaRequest(phone=number, message_id=message_id)
        first, *rest = [part async for part in self.media.OpenMedia(request)]
        return first.media, b"".join(part.data for part in rest)

    async def restart(self) -> None:
        """Kill the sandbox and start it anew on its folder."""
        self.sandbox.kill()
        self.sandbox = RunningSandbox(Path(self.sandbox.addresses.data_dir))
        await self.dial()

    async def fault(self, **fields: Any) -> int:
        """Set a fault; its id."""
        response = await self.api.SetFault(SetFaultRequest(fault=Fault(**fields)))
        return int(response.fault.fault_id)

    async def bitten(self, fault: int, times: int = 1) -> None:
        """Wait until a fault has acted so often."""
        found = (await self.api.WaitFault(WaitFaultRequest(fault_id=fault, acted=times))).fault
        assert found.acted >= times, found

    async def group(self, *numbers: str, subject: str = "Orders") -> str:
        """A group of phones; its address."""
        made = await self.api.CreateGroup(CreateGroupRequest(phones=numbers, subject=subject))
        return str(made.group.group)


_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    with (folder / "sandbox.log").open("wb") as log, RunningSandbox(folder, output=log) as sandbox:
        yield sandbox


@pytest.fixture
async def world(shared_sandbox: RunningSandbox, tmp_path: Path) -> AsyncIterator[World]:
    """A world in which nothing may happen that the sandbox does not understand."""
    async with AsyncExitStack() as stack:
        world = World(shared_sandbox, tmp_path, stack)
        await world.dial()
        yield world
        await world.api.ClearFaults(ClearFaultsRequest())
        unknown = (await world.api.ListUnknown(ListUnknownRequest(clear=True))).unknown
        assert not unknown, unknown


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paired_once(
    shared_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[World, Client, str]]:
    """A world, a connected client and its number, for all tests of a module."""
    async with AsyncExitStack() as stack:
        world = World(shared_sandbox, tmp_path_factory.mktemp("paired"), stack)
        await world.dial()
        yield world, *await world.paired()


@pytest_asyncio.fixture(loop_scope="module")
async def paired_world(
    paired_once: tuple[World, Client, str],
) -> AsyncIterator[tuple[World, Client, str]]:
    """The same, in which nothing may happen that the sandbox does not understand."""
    yield paired_once
    world = paired_once[0]
    await world.api.ClearFaults(ClearFaultsRequest())
    unknown = (await world.api.ListUnknown(ListUnknownRequest(clear=True))).unknown
    assert not unknown, unknown


@pytest.fixture
async def own_world(tmp_path: Path) -> AsyncIterator[World]:
    """A world with a sandbox of its own, to be restarted."""
    folder = tmp_path / "sandbox"
    async with AsyncExitStack() as stack:
        log = stack.enter_context((tmp_path / "sandbox.log").open("ab"))
        world = World(RunningSandbox(folder, output=log), tmp_path, stack)
        stack.callback(lambda: world.sandbox.process.poll() is None and world.sandbox.stop())
        await world.dial()
        yield world


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    """Waits until a condition holds."""
    return World.eventually
