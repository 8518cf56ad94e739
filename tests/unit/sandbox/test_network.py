"""Logins, codes and keys, without a client's process."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import protobufs
from sandbox.faults import Refusal, RefuseLogin
from sandbox.keydesk import KeyDesk
from sandbox.line import Line
from sandbox.network import Network
from sandbox.pairing import Offer
from sandbox.signal.keys import DJB_TYPE, KeyPair
from sandbox.state.devices import Device
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node


class Caller(Line):
    """A line whose client has already been heard; it keeps what it is sent."""

    def __init__(self, network: Network, client_key: bytes) -> None:
        super().__init__(self, network.authority, network.opened, network.received, _at_once)
        self.client_key = client_key
        self.got: list[Node] = []

    def send(self, node: Any) -> None:
        if not self.ended:
            self.got.append(node)

    def close(self) -> None:
        self.closed = True


def _at_once(act: Any) -> None:
    act()


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    store = Store(tmp_path / "sandbox.db")
    yield Network(store)
    store.close()


@pytest.fixture
def phone(network: Network) -> Phone:
    return network.store.phones.get("5215550001")


@pytest.fixture
def device(network: Network, phone: Phone) -> Device:
    identity, signed = KeyPair(), KeyPair()
    linked = Device(
        number=phone.number,
        device=network.store.phones.next_device(phone),
        lid=phone.lid,
        noise_key=KeyPair().public,
        identity=identity.public,
        registration_id=1,
        signed_pre_key_id=1,
        signed_pre_key=signed.public,
        signature=identity.sign(DJB_TYPE + signed.public),
        account=b"account",
    )
    network.store.devices.add(linked)
    return linked


def log_in(network: Network, device: Device, key: bytes | None = None, number: int = 1) -> Caller:
    caller = Caller(network, device.noise_key if key is None else key)
    payload = protobufs.wa6.ClientPayload(username=int(device.number), device=number)
    network.opened(caller, payload)
    return caller


async def test_the_paired_key_logs_in(network: Network, device: Device) -> None:
    (success,) = log_in(network, device).got
    assert success.tag == "success"
    assert success.jid("lid") == device.lid_jid


@pytest.mark.parametrize("number", [1, 2])
async def test_another_key_or_device_is_logged_out(
    network: Network, device: Device, number: int
) -> None:
    caller = log_in(network, device, KeyPair().public if number == 1 else None, number)
    assert [(node.tag, node.text("reason")) for node in caller.got] == [("failure", "401")]
    assert caller.device is None
    assert network.lines.of(device.number, 1) is None


async def test_a_removed_device_is_logged_out(network: Network, device: Device) -> None:
    network.store.devices.remove(device)
    assert [node.text("reason") for node in log_in(network, device).got] == ["401"]


async def test_a_ban_carries_code_and_time(network: Network, device: Device) -> None:
    network.faults.set(RefuseLogin(Refusal.BANNED, 101, 60))
    (failure,) = log_in(network, device).got
    assert {key: failure.text(key) for key in failure.attrs} == {
        "reason": "402",
        "code": "101",
        "expire": "60",
    }


async def test_a_registration_with_a_forged_key_is_refused(network: Network) -> None:
    caller = Caller(network, KeyPair().public)
    payload = protobufs.wa6.ClientPayload()
    payload.devicePairingData.eIdent = KeyPair().public
    payload.devicePairingData.eSkeyVal = KeyPair().public
    payload.devicePairingData.eSkeySig = bytes(64)
    payload.devicePairingData.eRegid = bytes(4)
    network.opened(caller, payload)
    assert [(node.tag, node.text("reason")) for node in caller.got] == [("failure", "400")]


@pytest.mark.parametrize(
    ("codes", "shown_for"), [(6, [60, 80, 100, 120, 140, 160]), (2, [20, 40]), (1, [20])]
)
async def test_codes_expire_as_the_client_turns_them(
    network: Network, codes: int, shown_for: list[int]
) -> None:
    refs = [f"ref{number}" for number in range(codes)]
    offer = Offer(Caller(network, b""), None, "", refs)
    shown = [offer.expires(ref) - time.monotonic() for ref in refs]
    assert shown == pytest.approx(shown_for, abs=1)
    offer.done.cancel()


def test_a_device_is_told_when_its_keys_run_low(network: Network, device: Device) -> None:
    keys = [(number, KeyPair().public) for number in range(1, 7)]
    network.store.devices.save_keys(device, keys)
    told: list[int] = []
    desk = KeyDesk(network.store, lambda _device, left: told.append(left))
    given = [desk.bundle(device.lid_jid) for _ in range(7)]
    assert [bundle.pre_key_id for bundle in given if bundle] == [1, 2, 3, 4, 5, 6, None]
    assert told == [4, 3, 2, 1, 0, 0]


def test_nobody_has_the_keys_of_a_stranger(network: Network, phone: Phone, device: Device) -> None:
    assert network.keys.bundle(Jid("1", "lid")) is None
    assert network.keys.bundle(Jid(phone.lid, "lid", 9)) is None
    network.store.devices.remove(device)
    assert network.keys.bundle(device.lid_jid) is None
    assert network.keys.bundle(phone.lid_jid) is not None
    phone.on_whatsapp = False
    assert network.keys.bundle(phone.lid_jid) is None
