"""A process that was stopped, lost its tenant meanwhile, and wakes.

How long it was stopped changes nothing once the new holder is connected: the tests wait for that,
not for a time.
"""

import contextlib
import os
import signal
import socket
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from consul_agent import ConsulAgent

from botmesh.errors import MeshError
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import event_pb2, message_pb2, session_pb2
from tests.e2e.botnode.node import Control, Node, eventually

pytestmark = pytest.mark.e2e

_S = message_pb2.MessageState
QUEUED = 12
# Until the rightful holder is back on WhatsApp.
BACK_S = 10.0
EX_FAILED = 1

MakeNode = Callable[..., Node]


class Callers:
    """Callers of one botnode that wait for their messages.

    Attributes:
        first: the text that WhatsApp has, but has not acknowledged.
    """

    def __init__(self, node: Node, customer: str) -> None:
        self.ids = {f"mensaje {number}": str(uuid.uuid4()) for number in range(QUEUED)}
        self.first = ""
        self.answers: dict[str, Any] = {}
        self._node = node
        self._customer = customer
        self._threads = [
            threading.Thread(target=self._call, args=(text,), daemon=True) for text in self.ids
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _call(self, text: str) -> None:
        try:
            self.answers[text] = self._node.send(
                self._customer,
                text,
                request_id=self.ids[text],
                delivery=message_pb2.DELIVERY_QUEUE,
                timeout_s=60,
            )
        except (MeshError, grpc.RpcError) as error:
            self.answers[text] = error

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


def stop_with_messages(old: Node, control: Control, phone: str, customer: str) -> Callers:
    """Stop a holder that has one message in WhatsApp's hand and others waiting behind it."""
    old.send(customer, "para calentar")
    control.fault(hold_acknowledgement=sandbox.HoldAcknowledgement(), phone=phone, times=1)
    callers = Callers(old, customer)
    callers.start()
    callers.first = control.inbox(customer, count=2)[1].text
    eventually(lambda: _count(old, "messages") == 1 + QUEUED)
    eventually(lambda: _stop_between_writes(old))
    return callers


def _stop_between_writes(node: Node) -> bool:
    """Stop it where it holds no lock of SQLite's, which would keep any successor out."""
    os.kill(node.process.pid, signal.SIGSTOP)
    eventually(lambda: _is_stopped(node.process.pid))
    folder = node.data_dir / "tenants" / node.tenant_id
    try:
        for name in ("node.db", "auth_info/session.db"):
            with contextlib.closing(sqlite3.connect(folder / name, timeout=0)) as store:
                store.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        os.kill(node.process.pid, signal.SIGCONT)
        return False
    return True


def _is_stopped(pid: int) -> bool:
    """Whether all of a process's threads have stopped; that takes them a moment."""
    try:
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:  # a thread ended
        return False
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def see_it_fenced(old: Node, new: Node, control: Control, customer: str, callers: Callers) -> None:
    """The old holder ends and has done nothing; the new one has the tenant and sends what waits."""
    os.kill(old.process.pid, signal.SIGCONT)
    began = time.monotonic()
    assert old.wait_exit() == EX_FAILED
    eventually(lambda: _is_back(new), BACK_S)
    assert time.monotonic() - began < BACK_S
    callers.join()  # whoever waited there was let go
    states = {
        text: eventually(lambda request_id=request_id: _fate(new, request_id))
        for text, request_id in callers.ids.items()
    }
    sure = {text for text, state in states.items() if state != _S.MESSAGE_STATE_UNKNOWN}
    assert _S.MESSAGE_STATE_FAILED not in states.values()
    # One was in the old holder's hand when it was stopped, one in the new one's when it was
    # thrown out.
    assert len(states.keys() - sure) <= 2
    received = eventually(lambda: (r := _received(control, customer)) and sure <= r.keys() and r)
    assert set(received.values()) == {1}
    assert received.keys() <= {"para calentar", *callers.ids}
    assert new.session().epoch == 2
    _see_epochs(new)


def _fate(node: Node, request_id: str) -> int:
    """The state of a message that is settled; 0 before."""
    state = node.get(request_id=request_id).message.state
    return state if state >= _S.MESSAGE_STATE_UNKNOWN else 0


def _received(control: Control, customer: str) -> Counter[str]:
    return Counter(message.text for message in control.inbox(customer))


def _is_back(new: Node) -> bool:
    session = new.session()
    return session.state == session_pb2.SESSION_STATE_CONNECTED


def _see_epochs(node: Node) -> None:
    """node.db is the new owner's, event by event, from its first one on."""
    rows = _read(node, "SELECT sequence, payload FROM events ORDER BY sequence")
    assert [sequence for sequence, _ in rows] == list(range(1, len(rows) + 1))
    epochs = [
        event.session_state_changed.epoch
        for event in (event_pb2.Event.FromString(payload) for _, payload in rows)
        if event.HasField("session_state_changed")
    ]
    assert epochs == sorted(epochs)  # not one of the old owner's after one of the new owner's
    assert set(epochs) == {1, 2}


def _count(node: Node, table: str) -> int:
    return int(_read(node, f"SELECT count(*) FROM {table}")[0][0])


def _read(node: Node, query: str) -> list[Any]:
    path = node.data_dir / "tenants" / node.tenant_id / "node.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return store.execute(query).fetchall()


@pytest.mark.parametrize("cut", [False, True])
def test_the_lock_file_was_replaced(
    paired: Node, make_node: MakeNode, control: Control, phone: str, customer: str, *, cut: bool
) -> None:
    """As on a file system without locks: the new holder does not wait for the old one's death.

    A line that was cut, as any is after half a minute, is mostly dialled again by the library
    before anybody here can act: the new holder is thrown out, and comes back. On a line that is
    still open WhatsApp's word waits that the old one was replaced.
    """
    callers = stop_with_messages(paired, control, phone, customer)
    if cut:
        assert control.drop(phone) == 1
    (paired.data_dir / "tenants" / paired.tenant_id / "lease").unlink()
    new = make_node().start()
    new.wait_state("CONNECTED")
    see_it_fenced(paired, new, control, customer, callers)


def test_consul_gave_the_lock_to_another(
    make_node: MakeNode, control: Control, phone: str, customer: str, consul: ConsulAgent
) -> None:
    """As between machines: Consul's check fails while the holder is stopped."""
    settings = {
        "BOTMESH_DISCOVERY": "consul",
        "CONSUL_HTTP_ADDR": consul.address,
        "BOTMESH_STATUS_FD": "",  # no host: Consul itself looks every second
    }
    old = start_alone(make_node(**settings))
    control.pair(old, phone)
    eventually(lambda: _is_back(old))
    callers = stop_with_messages(old, control, phone, customer)
    (old.data_dir / "tenants" / old.tenant_id / "lease").unlink()
    new = start_alone(make_node(**settings))
    eventually(lambda: _is_back(new))
    see_it_fenced(old, new, control, customer, callers)
    instances = {entry["Service"]["Meta"]["instance"] for entry in consul.entries()}
    assert instances == {new.session().instance}


def start_alone(node: Node) -> Node:
    """Start a botnode that no host listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    node.start(until_ready=False, BOT_API_PORT=str(port))
    eventually((node.data_dir / "mesh.secret").exists)
    node.connect(f"127.0.0.1:{port}")
    grpc.channel_ready_future(node.channel).result(20)
    eventually(lambda: node.session().epoch)
    return node
