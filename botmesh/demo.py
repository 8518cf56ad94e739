"""``make demo``: the whole main job, by script, on a mesh of its own in the sandbox.

Two shops are paired by QR, write to their customers, get an answer; then one shop's botnode is
killed with SIGKILL, and both go on; then the lines to WhatsApp are cut, and a message waits for
them. Ends with status 0 when every step did what it says.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from rich.console import Console

from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    BotServiceStub,
    Delivery,
    Event,
    GetMessageRequest,
    GetMessageResponse,
    GetSessionRequest,
    GetTenantRequest,
    MessageContent,
    MessageState,
    SendMessageRequest,
    SessionState,
    StreamEventsRequest,
    StreamQRRequest,
    TenantServiceStub,
    TextContent,
)
from sandbox import addresses

SHOPS = {"mundo-apple": "+5215512345678", "apple-store-norte": "+5218112345678"}
CUSTOMER = "+5215587654321"
LIMIT_S = 30.0

T = TypeVar("T")
console = Console(highlight=False)


class DemoError(Exception):
    """A step did not do what it says."""


def main() -> int:
    """Run the demo; return the exit status."""
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="botmesh-demo-")))
        port = _free_port()
        try:
            stack.enter_context(_mesh(folder, port))
            channel = stack.enter_context(_channel(f"127.0.0.1:{port}"))
            control = addresses.read(folder / "sandbox").control_address
            phones = sandbox.SandboxServiceStub(stack.enter_context(_channel(control)))
            Demo(channel, phones).run()
        except (DemoError, grpc.RpcError) as error:
            console.print(f"FAILED: {error}", style="red", markup=False)
            _print_logs(folder)
            return 1
    console.print(f"\nDone in {time.monotonic() - started:.0f} s.", style="bold")
    return 0


class Demo:
    """The steps, in order."""

    def __init__(self, channel: grpc.Channel, phones: sandbox.SandboxServiceStub) -> None:
        self._bots = BotServiceStub(channel)
        self._tenants = TenantServiceStub(channel)
        self._phones = phones
        self._shown = 0

    def run(self) -> None:
        """Every step."""
        _title("1. Each shop shows a QR code; its phone scans it")
        for tenant_id, number in SHOPS.items():
            self._pair(tenant_id, number)
        _title("2. Both shops write to a customer, through the gateway")
        for tenant_id in SHOPS:
            self._send(tenant_id, CUSTOMER, f"Hola, soy {tenant_id}.")
        self._show_inbox(CUSTOMER, 2)
        _title("3. The customer answers; the answer is an event of that tenant")
        self._answer("mundo-apple", "¿Tienen el iPhone 17?")
        _title("4. kill -9 of one botnode: the other goes on, the mesh starts it again")
        self._kill("mundo-apple")
        _title("5. The lines to WhatsApp are cut: a message waits, then goes out once")
        self._wait_for_the_line("mundo-apple")
        _title("6. The event log has all of it, each event once")
        self._read_log("mundo-apple")

    def _pair(self, tenant_id: str, number: str) -> None:
        steps = self._bots.StreamQR(StreamQRRequest(tenant_id=tenant_id), timeout=LIMIT_S)
        for step in steps:
            if step.HasField("code"):
                _say(
                    f"{tenant_id}: code of {len(step.code.code)} characters, PNG of "
                    f"{len(step.code.png)} bytes; {number} scans it"
                )
                request = sandbox.ScanRequest(phone=number, code=step.code.code)
                self._phones.Scan(request, timeout=LIMIT_S)
            elif step.HasField("paired"):
                _say(f"{tenant_id}: paired as {step.paired.phone_number}")
                _check(step.paired.phone_number == number, "the number of the phone that scanned")

    def _send(self, tenant_id: str, to: str, text: str) -> None:
        request = SendMessageRequest(
            tenant_id=tenant_id, to=to, content=MessageContent(text=TextContent(body=text))
        )
        started = time.monotonic()
        message = self._bots.SendMessage(request, timeout=LIMIT_S).message
        took_ms = (time.monotonic() - started) * 1000
        _say(f"{tenant_id}: {_word(message.state)} as {message.whatsapp_id} in {took_ms:.0f} ms")
        _check(message.state >= MessageState.MESSAGE_STATE_SENT, "a message that was sent")

    def _show_inbox(self, number: str, count: int) -> None:
        request = sandbox.ListMessagesRequest(phone=number, wait_count=count)
        found = self._phones.ListMessages(request, timeout=LIMIT_S).messages
        received = [m for m in found if m.direction == sandbox.Direction.DIRECTION_RECEIVED]
        for message in received[self._shown :]:
            _say(f"{number} reads from {message.sender}: {message.text}")
        self._shown = len(received)
        _check(len(found) == count, f"{count} messages in the customer's chats")

    def _answer(self, tenant_id: str, text: str) -> None:
        events = self._bots.StreamEvents(
            StreamEventsRequest(tenant_id=tenant_id, latest=Empty()), timeout=LIMIT_S
        )
        next(events)  # the head: from here on nothing is missed
        request = sandbox.WriteMessageRequest(phone=CUSTOMER, to=SHOPS[tenant_id], text=text)
        self._phones.WriteMessage(request, timeout=LIMIT_S)
        received = _first_message(event.event for event in events if event.HasField("event"))
        _say(
            f"{tenant_id}: event {received.cursor.sequence}, "
            f"from {received.message_received.sender_number}: "
            f"{received.message_received.content.text.body}"
        )
        _check(received.message_received.content.text.body == text, "the customer's text")
        events.cancel()

    def _kill(self, tenant_id: str) -> None:
        other = next(shop for shop in SHOPS if shop != tenant_id)
        pid = self._pid(tenant_id)
        os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        self._send(other, CUSTOMER, "Nada ha pasado.")
        self._send(tenant_id, CUSTOMER, "Aquí sigo.")
        _say(
            f"{tenant_id}: process {pid} was killed, {self._pid(tenant_id)} sent "
            f"{time.monotonic() - started:.1f} s later"
        )
        self._show_inbox(CUSTOMER, 5)

    def _wait_for_the_line(self, tenant_id: str) -> None:
        fault = sandbox.Fault(refuse_connections=sandbox.RefuseConnections())
        self._phones.SetFault(sandbox.SetFaultRequest(fault=fault), timeout=LIMIT_S)
        self._phones.DropConnections(sandbox.DropConnectionsRequest(), timeout=LIMIT_S)
        _eventually(lambda: not self._is_connected(tenant_id), "a cut line")
        request = SendMessageRequest(
            tenant_id=tenant_id,
            to=CUSTOMER,
            content=MessageContent(text=TextContent(body="Llegará.")),
            delivery=Delivery.DELIVERY_QUEUE,
        )
        message = self._bots.SendMessage(request, timeout=LIMIT_S).message
        _say(f"{tenant_id}: {_word(message.state)}, the line is down")
        self._phones.ClearFaults(sandbox.ClearFaultsRequest(), timeout=LIMIT_S)
        self._show_inbox(CUSTOMER, 6)
        asked = GetMessageRequest(tenant_id=tenant_id, message_id=message.message_id)

        def delivered() -> GetMessageResponse | None:
            found = self._bots.GetMessage(asked, timeout=LIMIT_S)
            return found if found.message.state >= MessageState.MESSAGE_STATE_DELIVERED else None

        timeline = _eventually(delivered, "a receipt").timeline
        _say(f"{tenant_id}: {', '.join(_word(step.state) for step in timeline)}")

    def _read_log(self, tenant_id: str) -> None:
        request = StreamEventsRequest(tenant_id=tenant_id, oldest=Empty())
        items = self._bots.StreamEvents(request, timeout=LIMIT_S)
        head = next(items).head.sequence
        found = [next(items).event.cursor.sequence for _ in range(head)]
        items.cancel()
        _say(f"{tenant_id}: {len(found)} events, from {found[0]} to {found[-1]}")
        _check(found == list(range(1, head + 1)), "an event log without a gap")

    def _is_connected(self, tenant_id: str) -> bool:
        request = GetSessionRequest(tenant_id=tenant_id)
        session = self._bots.GetSession(request, timeout=LIMIT_S).session
        return session.state == SessionState.SESSION_STATE_CONNECTED

    def _pid(self, tenant_id: str) -> int:
        def running() -> int:
            request = GetTenantRequest(tenant_id=tenant_id)
            return self._tenants.GetTenant(request, timeout=LIMIT_S).tenant.pid

        return _eventually(running, f"a botnode of {tenant_id}")


def _first_message(events: Iterator[Event]) -> Event:
    return next(event for event in events if event.HasField("message_received"))


@contextmanager
def _mesh(folder: Path, port: int) -> Iterator[None]:
    """``botmesh up --sandbox`` in a folder and on a port of its own."""
    command = [sys.executable, "-m", "botmesh", "up", "--sandbox", "--mesh", "demo"]
    command += ["--gateway-port", str(port), "--data-dir", str(folder)]
    _say("$ botmesh up --sandbox")
    with (folder / "up.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _eventually(lambda: _both_run(port), "the mesh", process)
            for line in (folder / "up.log").read_text().splitlines():
                if line.startswith("Discovery:"):
                    _say(line)
            yield
        finally:
            process.terminate()
            process.wait(LIMIT_S)
    _check(process.returncode == 0, "an orderly end of the mesh")


def _both_run(port: int) -> bool:
    with _channel(f"127.0.0.1:{port}") as channel:
        stub = TenantServiceStub(channel)
        try:
            return all(
                stub.GetTenant(GetTenantRequest(tenant_id=shop), timeout=1).tenant.pid
                for shop in SHOPS
            )
        except grpc.RpcError:
            return False


def _channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])


def _eventually(
    probe: Callable[[], T | None], what: str, process: "subprocess.Popen[bytes] | None" = None
) -> T:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if found := probe():
            return found
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.1)
    raise DemoError(f"{what} did not come up")


def _check(holds: bool, what: str) -> None:  # noqa: FBT001 - a condition reads best in front
    if not holds:
        raise DemoError(f"expected {what}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _print_logs(folder: Path) -> None:
    for log in [folder / "up.log", *sorted((folder / "logs").glob("*.log"))]:
        console.print(f"--- {log.name}", style="dim")
        console.print("\n".join(log.read_text().splitlines()[-20:]), markup=False)


def _word(state: MessageState) -> str:
    return MessageState.Name(state).removeprefix("MESSAGE_STATE_")


def _title(text: str) -> None:
    console.print(f"\n{text}", style="bold")


def _say(text: str) -> None:
    console.print(f"   {text}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
