"""A botnode in a process of its own, as any process manager would start it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import grpc

from botmesh.errors import MeshError, from_rpc_error
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import bot_pb2 as bot
from botmesh.v1 import event_pb2, message_pb2, session_pb2
from botmesh.v1.bot_pb2_grpc import BotServiceStub
from tests.unpaced import UNPACED

ROOT = Path(__file__).parents[3]
PATIENCE_S = 20.0


def eventually(what: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """Wait until something is true; return it."""
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
    return found


class Node:
    """One botnode process and a client of it."""

    def __init__(
        self, data_dir: Path, tenant_id: str, environment: dict[str, str], **settings: str
    ) -> None:
        self.data_dir = data_dir
        self.tenant_id = tenant_id
        self.environment = environment
        self.settings = settings
        self.lines: list[dict[str, Any]] = []
        self._fresh: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader: threading.Thread | None = None

    # -- the process

    def start(self, *, until_ready: bool = True, **settings: str) -> Self:
        """Start the process; wait until it answers calls."""
        reading, writing = os.pipe()
        self._liveness, self._holding = os.pipe()
        self.log = self.data_dir.parent / f"{self.tenant_id}.log"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.data_dir.parent),
            "PYTHONPATH": str(ROOT),
            "TENANT_ID": self.tenant_id,
            "TENANT_NAME": self.tenant_id,
            "BOT_API_PORT": "0",
            "BOTMESH_MESH": "e2e",
            "BOTMESH_DATA_DIR": str(self.data_dir),
            "BOTMESH_STATUS_FD": str(writing),
            "BOTMESH_LIVENESS_FD": str(self._liveness),
            **UNPACED,
            **self.environment,
            **self.settings,
            **settings,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "botnode"],
                env={k: v for k, v in environment.items() if v},
                pass_fds=(writing, self._liveness),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.data_dir.parent,
            )
        os.close(writing)
        os.close(self._liveness)
        self.lines = []
        self._fresh = queue.Queue()
        self._reader = threading.Thread(
            target=self._read, args=(reading, self.lines, self._fresh), daemon=True
        )
        self._reader.start()
        if until_ready:
            self.connect(self.wait_line("ready")["address"])
        return self

    @staticmethod
    def _read(
        fd: int, lines: list[dict[str, Any]], fresh: "queue.Queue[dict[str, Any] | None]"
    ) -> None:
        with os.fdopen(fd) as pipe:
            for text in pipe:
                line = json.loads(text)
                lines.append(line)
                fresh.put(line)
        fresh.put(None)

    def wait_line(self, event: str, timeout_s: float = PATIENCE_S, **wanted: Any) -> dict[str, Any]:
        """The next status line of a kind with these values."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"no {event} {wanted} in {self.lines}\n{self.tail()}"
            try:
                line = self._fresh.get(timeout=left)
            except queue.Empty:
                continue
            assert line is not None, f"the botnode ended: {self.lines}\n{self.tail()}"
            if line["event"] == event and wanted.items() <= line.items():
                return line

    def wait_state(self, state: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next move of the session to a state."""
        return self.wait_line("session", timeout_s, state=state)

    def terminate(self) -> int:
        """Stop it in good order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_exit()

    def kill(self) -> None:
        """Kill it without a warning."""
        self.process.kill()
        self.process.wait()

    def wait_exit(self, timeout_s: float = PATIENCE_S) -> int:
        """The exit status."""
        return self.process.wait(timeout_s)

    def orphan(self) -> None:
        """Close the liveness pipe, as the host's death would."""
        os.close(self._holding)
        self._holding = -1

    def close(self) -> None:
        """End it whatever it does."""
        if hasattr(self, "process"):
            self.process.kill()
            self.process.wait()
            if self._holding >= 0:
                os.close(self._holding)
            assert self._reader is not None
            self._reader.join()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-3000:]

    # -- calls

    def connect(self, address: str) -> None:
        """Call it at this address from now on."""
        self.address = address
        self.channel = grpc.insecure_channel(address)
        self.stub = BotServiceStub(self.channel)
        secret = (self.data_dir / "mesh.secret").read_text().strip()
        self.metadata = (("botmesh-secret", secret),)

    def session(self) -> session_pb2.Session:
        """GetSession."""
        return self.stub.GetSession(
            bot.GetSessionRequest(tenant_id=self.tenant_id), metadata=self.metadata, timeout=5
        ).session

    def send(
        self,
        to: str,
        content: str | message_pb2.MessageContent,
        *,
        timeout_s: float = 10,
        request_id: str = "",
        **options: Any,
    ) -> message_pb2.Message:
        """SendMessage; a `MeshError` where it fails with one."""
        if isinstance(content, str):
            content = message_pb2.MessageContent(text=message_pb2.TextContent(body=content))
        request = bot.SendMessageRequest(
            tenant_id=self.tenant_id,
            request_id=request_id or str(uuid.uuid4()),
            to=to,
            content=content,
            **options,
        )
        with typed_errors():
            return self.stub.SendMessage(request, metadata=self.metadata, timeout=timeout_s).message

    def get(self, **key: str) -> bot.GetMessageResponse:
        """GetMessage."""
        request = bot.GetMessageRequest(tenant_id=self.tenant_id, **key)
        with typed_errors():
            return self.stub.GetMessage(request, metadata=self.metadata, timeout=5)

    def cancel(self, message_id: str) -> message_pb2.Message:
        """CancelMessage."""
        request = bot.CancelMessageRequest(tenant_id=self.tenant_id, message_id=message_id)
        with typed_errors():
            return self.stub.CancelMessage(request, metadata=self.metadata, timeout=5).message

    def stream_qr(self, timeout_s: float | None = 60) -> Iterator[bot.StreamQRResponse]:
        """StreamQR."""
        call = self.stub.StreamQR(
            bot.StreamQRRequest(tenant_id=self.tenant_id),
            metadata=self.metadata,
            timeout=timeout_s,
        )
        with typed_errors():
            yield from call

    def request_code(
        self, number: str, timeout_s: float = PATIENCE_S
    ) -> bot.RequestPairingCodeResponse:
        """RequestPairingCode."""
        request = bot.RequestPairingCodeRequest(tenant_id=self.tenant_id, phone_number=number)
        with typed_errors():
            return self.stub.RequestPairingCode(request, metadata=self.metadata, timeout=timeout_s)

    def log_out(self, *, force: bool = False) -> session_pb2.Session:
        """LogOut."""
        with typed_errors():
            return self.stub.LogOut(
                bot.LogOutRequest(tenant_id=self.tenant_id, force=force),
                metadata=self.metadata,
                timeout=20,
            ).session

    def events(self, timeout_s: float = PATIENCE_S) -> Iterator[event_pb2.Event]:
        """The event log from its beginning."""
        request = bot.StreamEventsRequest(tenant_id=self.tenant_id)
        request.oldest.SetInParent()
        call = self.stub.StreamEvents(request, metadata=self.metadata, timeout=timeout_s)
        try:
            for item in call:
                if item.HasField("event"):
                    yield item.event
        finally:
            call.cancel()

    def wait_received(self, whatsapp_id: str) -> message_pb2.ReceivedMessage:
        """The received message with that id, from the event log."""
        for event in self.events():
            if event.message_received.whatsapp_id == whatsapp_id:
                return event.message_received
        raise AssertionError(f"{whatsapp_id} never came")

    def wait_message(self, message_id: str, state: str) -> message_pb2.Message:
        """The message's record in that state, from the event log."""
        wanted = message_pb2.MessageState.Value(f"MESSAGE_STATE_{state}")
        for event in self.events():
            record = event.message_state_changed
            if record.message_id == message_id and record.state == wanted:
                return record
        raise AssertionError(f"{message_id} never became {state}")


class typed_errors:  # noqa: N801 - reads as a function
    """Turns an RpcError with a typed error into that error."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, grpc.RpcError):
            typed = from_rpc_error(error)
            if typed is not None:
                raise typed from error


def error_of(call: Callable[[], Any]) -> MeshError:
    """The typed error that a call fails with."""
    try:
        found = call()
    except MeshError as error:
        return error
    raise AssertionError(f"it did not fail: {found}")


class Control:
    """The sandbox's control, in the words of these tests."""

    def __init__(self, stub: Any) -> None:
        self.stub = stub
        self._faults: list[int] = []

    def scan(self, phone: str, code: str) -> None:
        self.stub.Scan(sandbox.ScanRequest(phone=phone, code=code), timeout=PATIENCE_S)

    def enter(self, phone: str, code: str) -> None:
        self.stub.EnterCode(sandbox.EnterCodeRequest(phone=phone, code=code), timeout=PATIENCE_S)

    def pair(self, node: Node, phone: str) -> session_pb2.Paired:
        """Scan what the botnode shows, until it is paired."""
        for step in node.stream_qr():
            if step.HasField("code"):
                self.scan(phone, step.code.code)
            elif step.HasField("paired"):
                return step.paired
        raise AssertionError("the stream ended before it was paired")

    def inbox(self, phone: str, count: int = 1, wait_s: int = 10) -> list[sandbox.Message]:
        """What a phone has received, as it decrypted it."""
        request = sandbox.ListMessagesRequest(phone=phone, wait_count=count, page_size=1000)
        request.wait.FromSeconds(wait_s)
        return list(self.stub.ListMessages(request, timeout=wait_s + 5).messages)

    def write(self, phone: str, to: str, text: str | Any) -> str:
        """A phone writes a text or any message of WhatsApp's; the message's id."""
        said = {"text": text} if isinstance(text, str) else {"content": text.SerializeToString()}
        request = sandbox.WriteMessageRequest(phone=phone, to=to, **said)
        return self.stub.WriteMessage(request, timeout=PATIENCE_S).message.message_id

    def group(self, *phones: str) -> str:
        """A new group's address."""
        request = sandbox.CreateGroupRequest(phones=phones, subject="Ventas")
        return self.stub.CreateGroup(request, timeout=5).group.group

    def read(self, phone: str, message_id: str) -> None:
        self.stub.MarkRead(sandbox.MarkReadRequest(phone=phone, message_id=message_id), timeout=5)

    def fault(self, **fault: Any) -> int:
        """Set a fault; its id."""
        request = sandbox.SetFaultRequest(fault=sandbox.Fault(**fault))
        self._faults.append(self.stub.SetFault(request, timeout=5).fault.fault_id)
        return self._faults[-1]

    def wait_fault(self, fault_id: int) -> None:
        """Wait until a fault has acted."""
        request = sandbox.WaitFaultRequest(fault_id=fault_id)
        assert self.stub.WaitFault(request, timeout=PATIENCE_S + 10).fault.acted, "it did not act"

    def clear(self) -> None:
        """End the faults that were set through this object."""
        for fault_id in self._faults:
            self.stub.ClearFaults(sandbox.ClearFaultsRequest(fault_id=fault_id), timeout=5)
        self._faults.clear()

    def drop(self, phone: str = "") -> int:
        request = sandbox.DropConnectionsRequest(phone=phone)
        return self.stub.DropConnections(request, timeout=5).dropped

    def devices(self, phone: str) -> list[sandbox.Device]:
        request = sandbox.ListDevicesRequest(phone=phone)
        return list(self.stub.ListDevices(request, timeout=5).devices)
