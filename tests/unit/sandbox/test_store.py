"""What a sandbox remembers, over its own restarts."""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.signal.keys import KeyPair
from sandbox.signal.sender_keys import SenderKey
from sandbox.state.devices import Device
from sandbox.state.groups import Standing
from sandbox.state.messages import Direction, Message
from sandbox.state.phones import NumberError, Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

_TIMES = itertools.count(1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


def link(store: Store, phone: Phone) -> Device:
    device = Device(
        number=phone.number,
        device=store.phones.next_device(phone),
        lid=phone.lid,
        noise_key=KeyPair().public,
        identity=KeyPair().public,
        registration_id=1,
        signed_pre_key_id=1,
        signed_pre_key=KeyPair().public,
        signature=bytes(64),
        account=b"account",
    )
    store.devices.add(device)
    return device


def message(phone: Phone, message_id: str) -> Message:
    return Message(
        0, phone.number, Direction.RECEIVED, message_id, "521", 1, "521", "text", b"", next(_TIMES)
    )


def test_a_phone_is_the_same_after_a_restart(store: Store, path: Path) -> None:
    phone = store.phones.get("+5215550001")
    phone.push_name, phone.online = "Ana", False
    store.phones.save(phone)
    again = Store(path)
    found = again.phones.get("5215550001")
    assert (found.lid, found.identity.public) == (phone.lid, phone.identity.public)
    assert (found.push_name, found.online) == ("Ana", False)
    assert again.phones.at(phone.lid_jid) is found
    again.close()


@pytest.mark.parametrize("number", ["", "+", "abc", "0123456789", "+12345", "1" * 16, "52 155"])
def test_what_is_no_number_is_refused(store: Store, number: str) -> None:
    with pytest.raises(NumberError):
        store.phones.get(number)
    assert store.phones.at(Jid(number, "s.whatsapp.net")) is None


def test_a_pre_key_is_given_and_taken_once(store: Store) -> None:
    phone = store.phones.get("5215550001")
    number, pair = store.phones.offer_pre_key(phone)
    other, _ = store.phones.offer_pre_key(phone)
    assert other != number
    taken = store.phones.take_pre_key(phone, number)
    assert taken is not None
    assert taken.public == pair.public
    assert store.phones.take_pre_key(phone, number) is None


def test_device_numbers_are_never_used_twice(store: Store) -> None:
    phone = store.phones.get("5215550001")
    first = link(store, phone)
    store.devices.remove(first)
    second = link(store, phone)
    assert (first.device, second.device) == (1, 2)
    assert store.devices.of(phone.number) == [second]
    assert store.devices.get(phone.number, 1) is first


def test_devices_and_their_keys_survive(store: Store, path: Path) -> None:
    device = link(store, store.phones.get("5215550001"))
    store.devices.save_keys(device, [(number, KeyPair().public) for number in (3, 1, 2)])
    store.devices.record_login(device)
    again = Store(path)
    found = again.devices.get("5215550001", 1)
    assert found is not None
    assert (found.noise_key, found.logins, found.removed) == (device.noise_key, 1, False)
    assert [again.devices.bundle(found).pre_key_id for _ in range(4)] == [1, 2, 3, None]
    again.close()


def test_the_queue_keeps_order_until_confirmed(store: Store, path: Path) -> None:
    for stanza_id in ("A", "B", "C"):
        store.queue.add("521", 1, Node("message", {"id": stanza_id}))
    store.queue.add("521", 2, Node("message", {"id": "other"}))
    assert store.queue.confirm("521", 1, "message", "B")
    assert not store.queue.confirm("521", 1, "message", "B")
    assert not store.queue.confirm("521", 1, "receipt", "A")
    again = Store(path)
    waiting = again.queue.waiting("521", 1)
    assert [queued.node.text("id") for queued in waiting] == ["A", "C"]
    assert [queued.stanza_id for queued in again.queue.waiting("521", 1, waiting[0].id)] == ["C"]
    again.close()


def test_deliveries_and_arrivals_are_counted(store: Store) -> None:
    phone = store.phones.get("5215550002")
    assert store.messages.accept("521", 1, "X")[1] == 1
    first = store.messages.add(message(phone, "X"))
    first_time, arrivals = store.messages.accept("521", 1, "X")
    assert arrivals == 2
    assert store.messages.get(first.sequence).arrivals == 2
    assert store.messages.accept("521", 1, "X")[0] == first_time
    assert store.messages.add(message(phone, "X")).delivery == 2
    assert store.messages.accept("521", 2, "X")[1] == 1


def test_the_first_receipt_counts(store: Store) -> None:
    phone = store.phones.get("5215550002")
    written = Message(0, phone.number, Direction.WRITTEN, "W", phone.number, 0, "5", "t", b"", 1)
    sequence = store.messages.add(written).sequence
    store.messages.mark(phone.number, "W", read=False)
    delivered = store.messages.get(sequence)
    assert delivered.delivered_at is not None
    assert delivered.read_at is None
    store.messages.mark(phone.number, "W", read=True)
    read = store.messages.get(sequence)
    assert read.delivered_at == delivered.delivered_at
    assert read.read_at is not None


def test_what_is_decrypted_takes_the_place_of_what_was_not(store: Store) -> None:
    phone = store.phones.get("5215550002")
    lost = store.messages.add(replace(message(phone, "X"), undecrypted=True, kind=""))
    assert store.messages.count(Direction.RECEIVED) == 0
    kept = store.messages.add(message(phone, "X"))
    assert (kept.undecrypted, kept.delivery) == (False, 1)
    assert kept.sequence > lost.sequence
    assert store.messages.with_id(phone.number, "X") == [kept]
    assert store.messages.count(Direction.RECEIVED) == 1


def test_groups_and_their_keys_survive(store: Store, path: Path) -> None:
    group = store.groups.create("Orders", ["521", "522", "521"])
    assert store.groups.add(group, ["523", "522"]) == ["523"]
    key = store.groups.own_key(group, "521")
    sent = key.encrypt(b"one")
    store.groups.save_own_key(group, "521", key)
    group.subject, group.settings.description = "Moved", "what it is for"
    store.groups.save(group)
    again = Store(path)
    found = again.groups.at(group.jid)
    assert found == group
    assert again.groups.own_key(group, "521").dump() == key.dump()
    assert again.groups.remove(group, ["522", "999"], Standing.LEFT) == ["522"]
    assert group.numbers == ["521", "523"]
    assert again.groups.standing(group, "522") is Standing.LEFT
    assert again.groups.own_key(group, "521").dump() != key.dump()
    assert again.groups.at(Jid(group.id, "lid")) is None
    assert sent
    again.close()


def test_a_phone_forgets_its_sessions(store: Store, path: Path) -> None:
    phone = store.phones.get("5215550001")
    group = store.groups.create("Orders", [phone.number])
    store.groups.save_own_key(group, phone.number, SenderKey.new())
    assert store.phones.forget_sessions(phone) == 1
    again = Store(path)
    assert again.phones.get(phone.number).forgetful
    again.close()


def test_a_file_of_the_first_version_is_brought_up(store: Store, path: Path) -> None:
    phone = store.phones.get("5215550001")
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(
            "DROP TABLE groups; DROP TABLE members; DROP TABLE sender_keys; DROP TABLE media;"
            "DROP TABLE outsiders; DROP TABLE invite_codes;"
            "ALTER TABLE phones DROP COLUMN forgetful;"
            "ALTER TABLE messages DROP COLUMN kind; ALTER TABLE messages DROP COLUMN undecrypted;"
            "PRAGMA user_version=1"
        )
    again = Store(path)
    assert again.phones.get(phone.number).lid == phone.lid
    assert again.messages.add(message(phone, "X")).kind == "text"
    again.close()


def test_a_newer_file_is_left_alone(store: Store, path: Path) -> None:
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute("PRAGMA user_version=99")
    with pytest.raises(RuntimeError, match="newer"):
        Store(path)


def test_a_failed_transaction_leaves_nothing_and_tells_nobody(store: Store, path: Path) -> None:
    told: list[str] = []

    def fail() -> None:
        with store.database.transaction():
            store.queue.add("521", 1, Node("message", {"id": "A"}))
            store.database.defer(lambda: told.append("lost"))
            with store.database.transaction():
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.database.transaction():
        store.database.defer(lambda: told.append("kept"))
        assert told == []
    assert told == ["kept"]
    again = Store(path)
    assert again.queue.waiting("521", 1) == []
    again.close()
