"""Ctrl+C in the middle of the work, and the next start: the ledger balances."""

import os
import signal
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import grpc
import pytest

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    Delivery,
    Event,
    GetMessageRequest,
    Message,
    MessageState,
    StreamEventsRequest,
)
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded", "consul"], indirect=True, scope="module"),
]

_S = MessageState
SENDERS = (Delivery.DELIVERY_NOW, Delivery.DELIVERY_QUEUE, Delivery.DELIVERY_QUEUE)
SHOPS = {tenant_id: f"+52155300000{number:02}" for number, tenant_id in enumerate(EXAMPLES)}
# What a caller may be told when everything ends under it; nothing of it says that it failed.
ENDINGS = {
    Reason.SHUTTING_DOWN,
    Reason.BOTNODE_UNAVAILABLE,
    Reason.SESSION_DISCONNECTED,
    Reason.SEND_OUTCOME_UNKNOWN,
}
STUCK = "+5215598700099"


@dataclass
class Sent:
    """One request and what its caller was told last: a message, an error, or nothing."""

    tenant_id: str
    to: str
    text: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    message: Message | None = None
    error: MeshError | None = None


class Load:
    """Senders at the gateway and phones that write to the tenants, until all goes down."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._over = threading.Event()
        self.requests: list[Sent] = []
        self.written: dict[str, list[str]] = {tenant_id: [] for tenant_id in SHOPS}
        self.surprises: list[str] = []
        self._threads = [
            *(
                threading.Thread(target=self._send, args=(tenant_id, number, delivery))
                for tenant_id in SHOPS
                for number, delivery in enumerate(SENDERS)
            ),
            *(threading.Thread(target=self._write, args=(tenant_id,)) for tenant_id in SHOPS),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _send(self, tenant_id: str, number: int, delivery: Delivery) -> None:
        to = f"+5215598{EXAMPLES.index(tenant_id)}0000{number}"
        for count in range(100_000):
            if self._over.is_set() or not self.send(Sent(tenant_id, to, f"{to} {count}"), delivery):
                return

    def send(self, sent: Sent, delivery: Delivery) -> bool:
        """Send one; False if the mesh is going down."""
        self.requests.append(sent)
        try:
            sent.message = self._mesh.send(
                sent.tenant_id,
                sent.to,
                sent.text,
                timeout=LIMIT_S,
                request_id=sent.request_id,
                delivery=delivery,
            )
        except grpc.RpcError as failure:
            sent.error = from_rpc_error(failure)
            if sent.error is None and failure.code() not in GATEWAY_GONE:
                self.surprises.append(f"{failure.code()} {failure.details()}")
            elif sent.error is not None and sent.error.reason not in ENDINGS:
                self.surprises.append(str(sent.error))
            return False
        return True

    def _write(self, tenant_id: str) -> None:
        phone = f"+52155970000{EXAMPLES.index(tenant_id):02}"
        for count in range(100_000):
            if self._over.wait(0.01):
                return
            request = sandbox.WriteMessageRequest(
                phone=phone, to=SHOPS[tenant_id], text=f"{phone} {count}"
            )
            try:
                self._mesh.phones.WriteMessage(request, timeout=LIMIT_S)
            except grpc.RpcError:
                return
            self.written[tenant_id].append(request.text)


GATEWAY_GONE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_a_stop_under_load_loses_nothing(new_mesh: Mesh) -> None:
    new_mesh.start()
    for tenant_id, phone in SHOPS.items():
        new_mesh.pair(tenant_id, phone)
    load = Load(new_mesh)
    load.start()
    eventually(lambda: sum(sent.message is not None for sent in load.requests) > 60)
    eventually(lambda: all(len(texts) > 60 for texts in load.written.values()))
    stuck = _hold_one(new_mesh, load)
    began = time.monotonic()
    _ctrl_c(new_mesh)
    assert time.monotonic() - began < LIMIT_S
    load.join()
    stuck.join()
    assert new_mesh.processes() == []
    assert load.surprises == []

    new_mesh.start()
    for tenant_id in SHOPS:
        eventually(lambda tenant_id=tenant_id: _connected(new_mesh, tenant_id))
    eventually(lambda: not any(d.waiting for d in _devices(new_mesh)))
    for sent in load.requests:
        eventually(lambda sent=sent: _settled(new_mesh, sent))
    arrived = _arrived(new_mesh, {sent.to for sent in load.requests})
    states = Counter(_judge(new_mesh, sent, arrived) for sent in load.requests)
    assert states["SENT"] > 60, states
    for tenant_id, written in load.written.items():
        kept = Counter(_received(new_mesh, tenant_id))
        assert set(kept.values()) <= {1}
        assert set(written) <= kept.keys()


def _hold_one(mesh: Mesh, load: Load) -> threading.Thread:
    """A send that WhatsApp took and never acknowledges: it is in the library's hand at the stop."""
    fault = sandbox.Fault(
        hold_acknowledgement=sandbox.HoldAcknowledgement(), recipient=STUCK, times=1
    )
    mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault), timeout=5)
    sent = Sent(EXAMPLES[0], STUCK, "atascado")
    sender = threading.Thread(target=load.send, args=(sent, Delivery.DELIVERY_QUEUE))
    sender.start()
    assert [message.text for message in mesh.inbox(STUCK, 1)] == [sent.text]
    return sender


def _ctrl_c(mesh: Mesh) -> None:
    """What a terminal does: the signal goes to everyone in the group."""
    assert mesh.process is not None
    os.killpg(mesh.process.pid, signal.SIGINT)
    assert mesh.process.wait(LIMIT_S) == 0, mesh.output.read_text()


def _judge(mesh: Mesh, sent: Sent, texts: Counter[str]) -> str:
    """What became of a request; wrong is what differs from what the phone has."""
    message = _settled(mesh, sent)
    arrived = texts[sent.text]
    assert message is not None
    if message == NOTHING:
        assert sent.message is None, sent
        assert arrived == 0, sent
        return "NOTHING"
    state = message.state
    if sent.message is not None:  # what was said holds
        assert sent.message.message_id == message.message_id
        assert state >= sent.message.state
    if state == _S.MESSAGE_STATE_FAILED:
        assert arrived == 0, (sent, message)
        return "FAILED"
    if state == _S.MESSAGE_STATE_UNKNOWN:
        assert arrived <= 1, (sent, message)
        return "UNKNOWN"
    assert arrived == 1, (sent, message)
    return "SENT"


NOTHING = Message()


def _settled(mesh: Mesh, sent: Sent) -> Message | None:
    request = GetMessageRequest(tenant_id=sent.tenant_id, request_id=sent.request_id)
    try:
        message = mesh.bots.GetMessage(request, timeout=5).message
    except grpc.RpcError as failure:
        error = from_rpc_error(failure)
        if error is None or error.reason is not Reason.MESSAGE_NOT_FOUND:
            raise
        return NOTHING
    return message if message.state >= _S.MESSAGE_STATE_UNKNOWN else None


def _arrived(mesh: Mesh, phones: set[str]) -> Counter[str]:
    """How often each text came to its phone."""
    return Counter(
        found.text
        for phone in phones
        for found in _inbox(mesh, phone)
        if found.direction == sandbox.Direction.DIRECTION_RECEIVED
    )


def _inbox(mesh: Mesh, phone: str) -> list[sandbox.Message]:
    """All of a phone's messages, page by page."""
    found: list[sandbox.Message] = []
    while True:
        request = sandbox.ListMessagesRequest(
            phone=phone, page_size=1000, after_sequence=found[-1].sequence if found else 0
        )
        page = mesh.phones.ListMessages(request, timeout=5).messages
        if not page:
            return found
        found += page


def _received(mesh: Mesh, tenant_id: str) -> list[str]:
    """The texts in a tenant's event log, which has no gap."""
    request = StreamEventsRequest(tenant_id=tenant_id)
    request.oldest.SetInParent()
    call = mesh.bots.StreamEvents(request, timeout=LIMIT_S)
    head = next(call).head.sequence
    events: list[Event] = []
    while len(events) < head:
        events.append(next(call).event)
    call.cancel()
    assert [event.cursor.sequence for event in events] == list(range(1, head + 1))
    return [
        event.message_received.content.text.body
        for event in events
        if event.HasField("message_received")
    ]


def _devices(mesh: Mesh) -> list[sandbox.Device]:
    return list(mesh.phones.ListDevices(sandbox.ListDevicesRequest(), timeout=5).devices)


def _connected(mesh: Mesh, tenant_id: str) -> bool:
    try:
        return mesh.is_connected(tenant_id)
    except grpc.RpcError:
        return False
