"""A disk that fills up under load, and is emptied again: nothing is lost, doubled or lied about."""

import json
import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from consul_agent import ConsulAgent
from grpc_health.v1 import health_pb2, health_pb2_grpc

from botmesh.errors import MeshError, Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import event_pb2, message_pb2, session_pb2
from tests.e2e.botnode.node import Control, Node, error_of, eventually
from tests.e2e.botnode.small_disk import SmallDisk

pytestmark = pytest.mark.e2e

EX_FAILED = 1
MIB = 1024 * 1024
SIZE = 48 * MIB
RESERVE = SIZE // 20  # what the botnode keeps free of so small a disk
# How many the library may have confirmed, and not written down, before it has hung up. It asks
# their phones for them again; what comes of that is for the phones and the moment to say.
MOST_CUT_OFF = 10
_S = message_pb2.MessageState
SENT = {_S.MESSAGE_STATE_SENT, _S.MESSAGE_STATE_DELIVERED, _S.MESSAGE_STATE_READ}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Where the data directory of `make_node` is."""
    disk = SmallDisk(tmp_path / "mesh", SIZE)
    yield disk
    disk.unmount()


@pytest.fixture
def shop(disk: SmallDisk, make_node: Callable[..., Node], control: Control, phone: str) -> Node:
    """A connected botnode on the small disk."""
    node = make_node().start()
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    return node


class Load:
    """Callers that send and phones that write, until told to stop.

    Attributes:
        accepted: the request_ids of what was accepted, by text.
        refused: why what was not accepted was refused.
        written: what phones wrote, by WhatsApp's id.
    """

    def __init__(self, node: Node, control: Control, phone: str) -> None:
        self._node = node
        self._control = control
        self.phone = phone
        self._stop = threading.Event()
        self.customers = [f"+52156{phone[-5:]}{number:03}" for number in range(4)]
        self.accepted: dict[str, str] = {}
        self.refused: Counter[Reason] = Counter()
        self.written: dict[str, str] = {}
        self._threads = [
            *(threading.Thread(target=self._send, args=(to,)) for to in self.customers),
            *(threading.Thread(target=self._write, args=(to,)) for to in self.customers[:2]),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, customer: str) -> None:
        """Each text once, asked for again with its request_id while nothing was accepted."""
        count = 0
        while not self._stop.is_set():
            count += 1
            request_id, text = str(uuid.uuid4()), f"{customer} {count}"
            self._until_accepted(customer, text, request_id)
            self.accepted[text] = request_id

    def _until_accepted(self, customer: str, text: str, request_id: str) -> None:
        delivery = (
            message_pb2.DELIVERY_NOW
            if customer in self.customers[:2]
            else message_pb2.DELIVERY_QUEUE
        )
        while (error := self._refusal(customer, text, request_id, delivery)) is not None:
            self.refused[error.reason] += 1
            pause = error.retry_after
            self._stop.wait(pause.total_seconds() if pause else 0.1)

    def _refusal(
        self, customer: str, text: str, request_id: str, delivery: message_pb2.Delivery
    ) -> MeshError | None:
        """Why nothing was accepted; None if it was."""
        try:
            self._node.send(customer, text, request_id=request_id, delivery=delivery, timeout_s=30)
        except MeshError as error:
            return None if "message_id" in error.metadata else error
        return None

    def _write(self, customer: str) -> None:
        count = 0
        while not self._stop.wait(0.02):
            count += 1
            text = f"de {customer} {count}"
            message_id = self._control.write(customer, self.phone, text)
            self.written[message_id] = text


def test_a_disk_that_fills_up_slowly(
    shop: Node, control: Control, phone: str, disk: SmallDisk
) -> None:
    """Before the last bytes are gone the session hangs up: WhatsApp keeps what comes."""
    with Load(shop, control, phone) as load:
        eventually(lambda: len(load.accepted) > 20 and len(load.written) > 20)
        disk.fill(leave=RESERVE * 3 // 4)
        _see_it_full(shop, load)
        seen = len(load.written)
        eventually(lambda: len(load.written) > seen + 20)
        assert shop.session().storage_full
        disk.make_room()
        _see_it_well(shop, load)
    assert set(load.refused) <= {Reason.STORAGE_FULL}
    _balance(shop, control, load)


def test_a_disk_that_is_full_at_once(
    shop: Node, control: Control, phone: str, disk: SmallDisk
) -> None:
    """Both databases fail in the middle of their work.

    The library confirms a message that it cannot write down, and asks its phone to send it again.
    That is the phone's turn: all that can be done here is to hang up before the next one comes.
    """
    _without_slack(shop)
    with Load(shop, control, phone) as load:
        eventually(lambda: len(load.accepted) > 20 and len(load.written) > 20)
        disk.fill()
        _see_it_full(shop, load)
        seen = len(load.written)
        eventually(lambda: len(load.written) > seen + 20)
        disk.make_room()
        _see_it_well(shop, load)
    assert set(load.refused) <= {Reason.STORAGE_FULL}
    _balance(shop, control, load, may_lose=MOST_CUT_OFF)


def test_what_consul_shows(
    disk: SmallDisk,
    make_node: Callable[..., Node],
    control: Control,
    phone: str,
    consul: ConsulAgent,
) -> None:
    node = make_node(BOTMESH_DISCOVERY="consul", CONSUL_HTTP_ADDR=consul.address).start()
    node.wait_line("ready", epoch=1)
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    eventually(lambda: _whatsapp_check(consul)["Status"] == "passing")
    disk.fill(leave=RESERVE // 2)
    node.wait_state("RECONNECTING")
    check = eventually(lambda: (c := _whatsapp_check(consul))["Status"] == "warning" and c)
    assert "the disk is full" in check["Output"]
    # The process answers: its lease and its route stay.
    assert _whatsapp_check(consul, "process")["Status"] == "passing"
    disk.make_room()
    node.wait_state("CONNECTED")
    check = eventually(lambda: (c := _whatsapp_check(consul))["Status"] == "passing" and c)
    assert "full" not in check["Output"]


def _whatsapp_check(consul: ConsulAgent, what: str = "WhatsApp") -> dict[str, Any]:
    (entry,) = consul.entries()
    (check,) = (check for check in entry["Checks"] if check["Name"].endswith(f": {what}"))
    return dict(check)


def test_a_start_on_a_full_disk(shop: Node, disk: SmallDisk) -> None:
    """It is no matter of configuration: a host tries again, and one day there is room."""
    assert shop.terminate() == 0
    _empty_logs(shop)
    disk.fill()
    shop.start(until_ready=False)
    assert shop.wait_exit() == EX_FAILED
    assert "the disk is full" in shop.tail()
    disk.make_room()
    shop.start()
    shop.wait_state("CONNECTED")


def test_a_stop_on_a_full_disk(
    shop: Node, control: Control, phone: str, customer: str, disk: SmallDisk
) -> None:
    disk.fill()
    eventually(lambda: _is_refused(shop, customer))
    shop.wait_state("RECONNECTING")
    eventually(lambda: not any(device.connected for device in control.devices(phone)))
    control.write(customer, phone, "mientras tanto")
    assert shop.terminate() == 0
    disk.make_room()
    shop.start()
    shop.wait_state("CONNECTED")
    assert eventually(lambda: "mientras tanto" in _texts(shop))
    assert control.inbox(customer, count=0)[-1].text == "mientras tanto"  # what it wrote itself


def _is_refused(shop: Node, customer: str) -> bool:
    try:
        shop.send(customer, "no", timeout_s=0.1)
    except MeshError as error:
        return error.reason is Reason.STORAGE_FULL
    return False


def _texts(shop: Node) -> list[str]:
    """What the event log has so far of messages that came."""
    texts = []
    for event in shop.events():
        texts.append(event.message_received.content.text.body)
        if texts[-1]:
            break
    return texts


def test_nobody_pairs_on_a_full_disk(
    disk: SmallDisk, make_node: Callable[..., Node], control: Control, phone: str
) -> None:
    node = make_node().start()
    disk.fill(leave=RESERVE // 2)
    eventually(lambda: node.session().storage_full)
    steps = node.stream_qr()
    assert next(steps).failed.reason == Reason.STORAGE_FULL
    disk.make_room()
    control.scan(phone, next(steps).code.code)
    *_, last = steps
    assert last.paired.phone_number == phone


def _without_slack(shop: Node) -> None:
    """Start it with empty write-ahead logs: old ones have room for some more pages."""
    assert shop.terminate() == 0
    _empty_logs(shop)
    shop.start()
    shop.wait_state("CONNECTED")


def _empty_logs(shop: Node) -> None:
    folder = shop.data_dir / "tenants" / shop.tenant_id
    for name in ("node.db", "auth_info/session.db"):
        store = sqlite3.connect(folder / name)
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()


def _see_it_full(shop: Node, load: Load) -> None:
    session = eventually(lambda: (s := shop.session()).storage_full and s)
    assert session.state in (
        session_pb2.SESSION_STATE_CONNECTED,
        session_pb2.SESSION_STATE_RECONNECTING,
    )
    shop.wait_state("RECONNECTING")
    assert "disk is full" in shop.session().last_error
    error = error_of(lambda: shop.send(load.customers[0], "no", timeout_s=5))
    assert error.reason is Reason.STORAGE_FULL
    assert "message_id" not in error.metadata  # nothing was stored
    assert _storage(shop) == health_pb2.HealthCheckResponse.NOT_SERVING


def _see_it_well(shop: Node, load: Load) -> None:
    shop.wait_state("CONNECTED")
    assert not shop.session().storage_full
    assert _storage(shop) == health_pb2.HealthCheckResponse.SERVING
    settled = len(load.accepted)
    eventually(lambda: len(load.accepted) > settled + 20)


def _storage(shop: Node) -> int:
    check = health_pb2_grpc.HealthStub(shop.channel).Check
    return int(check(health_pb2.HealthCheckRequest(service="botmesh.storage"), timeout=5).status)


def _balance(shop: Node, control: Control, load: Load, *, may_lose: int = 0) -> None:
    """What was reported is what the phones and the event log have."""
    states = {
        text: eventually(lambda id_=id_: _fate(shop, id_)) for text, id_ in load.accepted.items()
    }
    sure = {text for text, state in states.items() if state in SENT}
    failed = {text for text, state in states.items() if state == _S.MESSAGE_STATE_FAILED}
    # A phone takes what came for it a moment later.
    received = eventually(lambda: (r := _received(control, load)) and sure <= r.keys() and r)
    assert set(received.values()) == {1}
    assert received.keys() <= load.accepted.keys() - failed
    assert len(failed) <= 2  # of callers that would not wait
    eventually(lambda: not control.devices(load.phone)[0].waiting)
    assert shop.terminate() == 0
    kept = Counter(text for text in _events(shop) if text)
    assert set(kept.values()) <= {1}
    lost = {id_ for id_, text in load.written.items() if text not in kept}
    assert len(lost) <= may_lose
    lines = [json.loads(line) for line in shop.log.read_text().splitlines() if line[:1] == "{"]
    told = [line["event"] for line in lines if line["event"].startswith("storage_")]
    assert told == ["storage_full", "storage_has_room"]


def _fate(shop: Node, request_id: str) -> int:
    """The state of a message that is settled; 0 before."""
    state = shop.get(request_id=request_id).message.state
    return state if state >= _S.MESSAGE_STATE_UNKNOWN else 0


def _received(control: Control, load: Load) -> Counter[str]:
    return Counter(
        message.text
        for customer in load.customers
        for message in control.inbox(customer, count=0)
        if message.direction == sandbox.DIRECTION_RECEIVED
    )


def _events(shop: Node) -> list[str]:
    """The texts of all events, empty for other kinds; there is no gap between them."""
    store = sqlite3.connect(shop.data_dir / "tenants" / shop.tenant_id / "node.db")
    rows = store.execute("SELECT sequence, payload FROM events ORDER BY sequence").fetchall()
    (head,) = store.execute("SELECT event_head FROM meta").fetchone()
    store.close()
    assert [sequence for sequence, _ in rows] == list(range(1, head + 1))
    events = [event_pb2.Event.FromString(payload) for _, payload in rows]
    return [event.message_received.content.text.body for event in events if event.message_received]
