"""The event log through the gateway: every event once, whoever dies, whoever is slow."""

import contextlib
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import BotServiceStub, Event, EventCursor, StreamEventsRequest
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = pytest.mark.e2e

CUSTOMER = "+5215587651111"
NORTE, MUNDO = EXAMPLES


def _write(mesh: Mesh, *texts: str) -> None:
    """The customer writes to the tenant."""
    number = f"+52155100000{EXAMPLES.index(MUNDO):02}"  # the phone that the fixture paired
    for text in texts:
        request = sandbox.WriteMessageRequest(phone=CUSTOMER, to=number, text=text)
        mesh.phones.WriteMessage(request, timeout=LIMIT_S)


def _text(event: Event) -> str:
    return event.message_received.content.text.body


class Consumer:
    """Reads a log in a thread of its own, as a backend does: with the cursor of what it dealt with.

    When the line breaks it comes back with that cursor.
    """

    def __init__(self, mesh: Mesh, start: StreamEventsRequest) -> None:
        self.events: list[Event] = []
        self.heads: list[EventCursor] = []
        self.breaks = 0
        self.error: MeshError | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._mesh = mesh
        self._request = start
        self._left = False
        self._channel = grpc.insecure_channel(
            mesh.address,
            options=[("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)],
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, *texts: str) -> list[Event]:
        """The events once the texts are among them."""
        return eventually(lambda: self._has(texts) and self.events)

    def leave(self) -> None:
        self._left = True
        self.goes_on.set()
        self._channel.close()
        self._thread.join(LIMIT_S)

    @property
    def sequences(self) -> list[int]:
        return [event.cursor.sequence for event in self.events]

    def _has(self, texts: Sequence[str]) -> bool:
        return set(texts) <= {_text(event) for event in self.events}

    def _run(self) -> None:
        stub = BotServiceStub(self._channel)
        while not self._left:
            try:
                self._read(stub)
            except grpc.RpcError as error:
                self.error = from_rpc_error(error)
                if self.error is not None and self.error.code is not grpc.StatusCode.UNAVAILABLE:
                    return
                self.breaks += 1
            except ValueError:  # the channel was closed: it leaves
                return

    def _read(self, stub: BotServiceStub) -> None:
        for item in stub.StreamEvents(self._request, wait_for_ready=True):
            if item.HasField("event"):
                self.events.append(item.event)
                self._request.after.CopyFrom(item.event.cursor)
            else:
                self.heads.append(item.head)
            self.goes_on.wait()


Consume = Callable[..., Consumer]


@pytest.fixture
def consume(mesh: Mesh) -> Iterator[Consume]:
    """Starts consumers: of the oldest on, of the newest on, or after a cursor."""
    started: list[Consumer] = []

    def consume(after: EventCursor | None = None, *, oldest: bool = False) -> Consumer:
        request = StreamEventsRequest(tenant_id=MUNDO, latest=Empty())
        if oldest:
            request.oldest.CopyFrom(Empty())
        elif after is not None:
            request.after.CopyFrom(after)
        consumer = Consumer(mesh, request)
        started.append(consumer)
        eventually(lambda: consumer.heads or consumer.error)
        return consumer

    yield consume
    for consumer in started:
        consumer.leave()


def _no_gap(consumer: Consumer) -> None:
    first, last = consumer.sequences[0], consumer.sequences[-1]
    assert consumer.sequences == list(range(first, last + 1))


def test_a_log_is_read_from_its_oldest_event_its_newest_and_between(
    mesh: Mesh, consume: Consume
) -> None:
    key = secrets.token_hex(4)
    newest = consume()
    texts = [f"{key} {number}" for number in range(3)]
    _write(mesh, *texts)
    received = [event for event in newest.wait(*texts) if _text(event) in texts]
    assert [_text(event) for event in received] == texts
    assert newest.sequences[0] == newest.heads[0].sequence + 1
    everything = consume(oldest=True)
    everything.wait(*texts)
    assert everything.sequences[0] == 1
    _no_gap(everything)
    assert [event for event in everything.events if _text(event) in texts] == received
    rest = consume(received[0].cursor)
    rest.wait(*texts[1:])
    assert rest.sequences[0] == received[0].cursor.sequence + 1
    _no_gap(rest)


def test_events_come_once_over_deaths_of_the_botnode_and_of_the_gateway(
    mesh: Mesh, consume: Consume
) -> None:
    key = secrets.token_hex(4)
    consumers = [consume(), consume(), consume(oldest=True)]
    texts = [f"{key} {number}" for number in range(12)]
    _write(mesh, *texts[:3])
    # What the library has acknowledged and not yet handed over is lost with the process.
    consumers[0].wait(*texts[:3])
    os.kill(mesh.tenant(MUNDO).pid, signal.SIGKILL)
    _write(mesh, *texts[3:6])  # WhatsApp keeps what comes while the botnode is away
    for consumer in consumers:
        consumer.wait(*texts[:6])
        assert consumer.breaks == 0  # the gateway went on by itself
    for end, upto in ((signal.SIGKILL, 9), (signal.SIGTERM, 12)):
        (gateway,) = eventually(lambda: mesh.processes_of("gateway"))
        gateway.send_signal(end)
        _write(mesh, *texts[upto - 3 : upto])
        for consumer in consumers:
            consumer.wait(*texts[:upto])
    for consumer in consumers:
        assert consumer.breaks >= 2
        _no_gap(consumer)
        assert [_text(event) for event in consumer.events if _text(event) in texts] == texts


def test_a_consumer_who_does_not_read_slows_nobody_and_loses_nothing(
    mesh: Mesh, consume: Consume
) -> None:
    key, body = secrets.token_hex(4), "x" * 30_000
    slow, *others = [consume() for _ in range(20)]
    slow.goes_on.clear()
    texts = [f"{key} {number} {body}" for number in range(40)]  # more than any window holds
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda text: _write(mesh, text), texts))
    for consumer in others:
        consumer.wait(*texts)
        _no_gap(consumer)
    assert len(slow.events) <= 1
    slow.goes_on.set()
    slow.wait(*texts)
    _no_gap(slow)
    assert slow.sequences[: len(texts)] == others[0].sequences[: len(texts)]


@pytest.mark.parametrize("wrong", ["another log", "ahead"])
def test_a_cursor_of_another_log_is_refused(mesh: Mesh, consume: Consume, wrong: str) -> None:
    head = consume().heads[0]
    cursor = EventCursor(log_id=head.log_id, sequence=head.sequence + 1000)
    if wrong == "another log":
        cursor = EventCursor(log_id="another", sequence=1)
    error = consume(cursor).error
    assert error is not None
    assert error.reason is Reason.EVENT_LOG_CHANGED
    assert error.metadata["log_id"] == head.log_id
    assert int(error.metadata["head"]) >= head.sequence


def test_a_cursor_older_than_what_is_kept_is_refused(mesh: Mesh, consume: Consume) -> None:
    _write(mesh, "one more", "and another")
    everything = consume(oldest=True)
    everything.wait("one more", "and another")
    *_, oldest = everything.sequences
    first = everything.events[0].cursor
    mesh.run("tenant", "stop", MUNDO)
    # What retention does after 30 days.
    with contextlib.closing(sqlite3.connect(mesh.folder / "tenants" / MUNDO / "node.db")) as db:
        db.execute("DELETE FROM events WHERE sequence < ?", (oldest,))
        db.commit()
    mesh.run("tenant", "start", MUNDO)
    eventually(lambda: mesh.is_connected(MUNDO))
    error = consume(first).error
    assert error is not None
    assert error.reason is Reason.EVENTS_EXPIRED
    assert error.metadata["oldest"] == str(oldest)
    assert error.metadata["log_id"] == first.log_id
    assert consume(EventCursor(log_id=first.log_id, sequence=oldest - 1)).error is None
    again = consume(oldest=True)
    eventually(lambda: again.events)
    assert again.sequences[0] == oldest
    shown = mesh.run("events", MUNDO, "--from", f"{first.log_id}:{first.sequence}", status=1)
    assert "EVENTS_EXPIRED" in shown
    assert "--from oldest" in shown


def test_the_command_follows_over_a_gateway_that_dies(mesh: Mesh) -> None:
    key = secrets.token_hex(4)
    texts = [f"{key} {number}" for number in range(3)]
    _write(mesh, texts[0])
    eventually(lambda: texts[0] in mesh.run("events", MUNDO))
    place = mesh.run("events", MUNDO).splitlines()[-1].split()[0]
    assert mesh.run("events", MUNDO, "--from", place) == ""
    command = [sys.executable, "-m", "botmesh", "events", MUNDO, "--follow", "--from", place]
    # What a shell starts in the background does not hear of Ctrl+C, nor do its children.
    command = ["env", "--default-signal=INT", *command]
    with subprocess.Popen(command, env=mesh.env, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        _write(mesh, texts[1])
        first = follower.stdout.readline()
        (gateway,) = mesh.processes_of("gateway")
        gateway.kill()
        _write(mesh, texts[2])
        second = follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(LIMIT_S) == 130
    assert [texts[1] in first, texts[2] in second] == [True, True]
    assert int(second.split()[0].rpartition(":")[2]) > int(first.split()[0].rpartition(":")[2])
