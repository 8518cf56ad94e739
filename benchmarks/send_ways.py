"""A sandbox with botnodes and straight senders in it, and the ways to send through them."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import grpc
import grpc.aio

from benchmarks.processes import ROOT
from benchmarks.sends import Job, Outcome
from botmesh.sandbox.v1 import sandbox_pb2
from botmesh.sandbox.v1.sandbox_pb2_grpc import SandboxServiceStub
from botmesh.v1 import bot_pb2, bot_pb2_grpc, message_pb2
from sandbox.launch import RunningSandbox
from tests.e2e.botnode.node import Control, Node

TIMEOUT_S = 60.0
PAGE = 1000
NOT_SENT = (
    message_pb2.MESSAGE_STATE_UNSPECIFIED,
    message_pb2.MESSAGE_STATE_QUEUED,
    message_pb2.MESSAGE_STATE_SENDING,
)


def recipient(caller: int) -> str:
    """The number that a caller writes to."""
    return f"+52155987{caller:05d}"


class Sender:
    """A straight sender's process: one account's adapter, see `straight_sender`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        ours, theirs = socket.socketpair()
        self.pipe = Connection(ours.detach())
        with theirs, folder.with_suffix(".log").open("wb") as log:
            module = "benchmarks.straight_sender"
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(folder)],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )
        self.address = ""

    def pair(self, control: Control, phone: str) -> None:
        """Have a phone scan its code; return when it has logged in."""
        control.scan(phone, self.pipe.recv())
        self.address = f"127.0.0.1:{self.pipe.recv()}"

    def run(self, jobs: list[Job]) -> list[Outcome]:
        """Send for so many threads in that process."""
        self.pipe.send(jobs)
        outcomes: list[Outcome] = self.pipe.recv()
        return outcomes

    def close(self) -> None:
        """End it."""
        self.pipe.close()
        self.process.kill()
        self.process.wait()


class Mesh:
    """The processes: a sandbox, and for each tenant a botnode and a straight sender."""

    def __init__(self, folder: Path, tenants: int, processes: ExitStack) -> None:
        self._sandbox = processes.enter_context(RunningSandbox(folder / "sandbox"))
        channel = grpc.insecure_channel(self._sandbox.addresses.control_address)
        self._control = Control(SandboxServiceStub(processes.enter_context(channel)))
        environment = self._sandbox.environment()
        self.nodes = [Node(folder / "mesh", f"t{i}", environment) for i in range(tenants)]
        (folder / "straight").mkdir()
        self.senders = []
        for number, node in enumerate(self.nodes):
            node.start(until_ready=number == 0)  # the first makes the mesh's folder
            processes.callback(node.close)
            sender = Sender(folder / "straight" / str(number), environment)
            self.senders.append(sender)
            processes.callback(sender.close)
        for number, (node, sender) in enumerate(zip(self.nodes, self.senders, strict=True)):
            if number:
                node.connect(node.wait_line("ready")["address"])
            by_node, by_sender = self._accounts(number)
            self._control.pair(node, by_node)
            sender.pair(self._control, by_sender)

    @staticmethod
    def _accounts(tenant: int) -> tuple[str, str]:
        return f"+52155111{tenant:05d}", f"+52155222{tenant:05d}"

    def pids(self) -> dict[str, list[int]]:
        """The processes by their part."""
        return {
            "sandbox": [self._sandbox.process.pid],
            "botnodes": [node.process.pid for node in self.nodes],
            "adapters": [sender.process.pid for sender in self.senders],
            "callers": [os.getpid()],
        }

    def write_back(self, caller: int, tenant: int) -> None:
        """A caller's recipient writes to both accounts of a tenant."""
        for account in self._accounts(tenant):
            self._control.write(recipient(caller), account, "hello")

    def received(self, caller: int) -> Iterator[str]:
        """The texts that a caller's recipient has received, each as often as it has come."""
        after = 0
        while page := self._page(recipient(caller), after):
            for message in page:
                if message.direction == sandbox_pb2.DIRECTION_RECEIVED:
                    yield message.text
            after = page[-1].sequence

    def _page(self, phone: str, after: int) -> list[sandbox_pb2.Message]:
        request = sandbox_pb2.ListMessagesRequest(phone=phone, after_sequence=after, page_size=PAGE)
        return list(self._control.stub.ListMessages(request, timeout=TIMEOUT_S).messages)


class Way(Protocol):
    """A way to send.

    Attributes:
        name: how the tables call it.
        part: the part of the processes that it goes through.
    """

    name: str
    part: str

    async def send(self, jobs: list[Job]) -> list[Outcome]:
        """Do these jobs at the same time."""


class Straight:
    """The adapter, called in its own process."""

    name, part = "adapter", "adapters"

    def __init__(self, senders: list[Sender]) -> None:
        self._senders = senders
        self._threads = ThreadPoolExecutor(len(senders))

    async def send(self, jobs: list[Job]) -> list[Outcome]:
        loop = asyncio.get_running_loop()
        shares = {job.tenant: [j for j in jobs if j.tenant == job.tenant] for job in jobs}
        outcomes = await asyncio.gather(
            *(
                loop.run_in_executor(self._threads, self._senders[tenant].run, share)
                for tenant, share in shares.items()
            )
        )
        return [outcome for share in outcomes for outcome in share]


class Called:
    """Processes that are called over gRPC."""

    def __init__(
        self, name: str, part: str, addresses: list[str], metadata: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.name = name
        self.part = part
        self._metadata = metadata
        self._stubs = [
            bot_pb2_grpc.BotServiceStub(grpc.aio.insecure_channel(address)) for address in addresses
        ]

    async def send(self, jobs: list[Job]) -> list[Outcome]:
        outcomes = await asyncio.gather(*(self._caller(job) for job in jobs))
        return [outcome for share in outcomes for outcome in share]

    async def _caller(self, job: Job) -> list[Outcome]:
        return [await self._call(job, text) for text in job.texts]

    async def _call(self, job: Job, text: str) -> Outcome:
        request = bot_pb2.SendMessageRequest(
            tenant_id=f"t{job.tenant}",
            request_id=str(uuid.uuid4()),
            to=job.to,
            content=message_pb2.MessageContent(text=message_pb2.TextContent(body=text)),
        )
        begun, error = time.monotonic(), ""
        try:
            answer = await self._stubs[job.tenant].SendMessage(
                request, metadata=self._metadata, timeout=TIMEOUT_S
            )
        except grpc.aio.AioRpcError as failure:
            error = f"{failure.code().name}: {failure.details()}"
        else:
            if answer.message.state in NOT_SENT:
                error = f"still {message_pb2.MessageState.Name(answer.message.state)}"
        return Outcome(text, begun, time.monotonic(), error)


def ways(mesh: Mesh) -> list[Way]:
    """All three; to be made where the event loop runs."""
    called = [node.address for node in mesh.nodes]
    return [
        Straight(mesh.senders),
        Called("adapter+gRPC", "adapters", [sender.address for sender in mesh.senders]),
        Called("botnode", "botnodes", called, mesh.nodes[0].metadata),
    ]
