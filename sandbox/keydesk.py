"""Hands out the keys that are needed to write to a device first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sandbox.signal.agreement import Bundle
from sandbox.signal.keys import DJB_TYPE
from sandbox.state.devices import Device
from sandbox.state.phones import SIGNED_PRE_KEY_ID, Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

# whatsmeow uploads more when it hears of fewer than 5 (MinPreKeyCount in its prekeys.go).
_LOW: Final = 5


class KeyDesk:
    """One-time pre-keys of phones, which never run out, and of devices, which upload theirs."""

    def __init__(self, store: Store, running_low: Callable[[Device, int], None]) -> None:
        self._store = store
        self._running_low = running_low

    def bundle(self, jid: Jid) -> Bundle | None:
        """The keys of a device, with one pre-key used up; none if there is no such device."""
        phone = self._store.phones.at(jid)
        if phone is None or not phone.on_whatsapp:
            return None
        if jid.device == 0:
            return self._of_phone(phone)
        device = self._store.devices.get(phone.number, jid.device)
        return None if device is None or device.removed else self._of_device(device)

    def _of_phone(self, phone: Phone) -> Bundle:
        number, pre_key = self._store.phones.offer_pre_key(phone)
        return Bundle(
            registration_id=phone.registration_id,
            identity=phone.identity.public,
            signed_pre_key_id=SIGNED_PRE_KEY_ID,
            signed_pre_key=phone.signed_pre_key.public,
            signature=self._store.phones.signed_pre_key_signature(phone),
            pre_key_id=number,
            pre_key=pre_key.public,
        )

    def _of_device(self, device: Device) -> Bundle:
        bundle = self._store.devices.bundle(device)
        left = self._store.devices.pre_key_count(device)
        if left < _LOW:
            self._running_low(device, left)
        return bundle


def key_nodes(bundle: Bundle) -> list[Node]:
    """A device's registration id and keys as stanzas carry them."""
    nodes = [
        Node("registration", content=bundle.registration_id.to_bytes(4, "big")),
        Node("type", content=DJB_TYPE),
        Node("identity", content=bundle.identity),
    ]
    if bundle.pre_key_id is not None:
        nodes.append(_key("key", bundle.pre_key_id, bundle.pre_key))
    signed = _key("skey", bundle.signed_pre_key_id, bundle.signed_pre_key, bundle.signature)
    return [*nodes, signed]


def _key(tag: str, number: int, public: bytes, signature: bytes = b"") -> Node:
    content = [Node("id", content=number.to_bytes(3, "big")), Node("value", content=public)]
    if signature:
        content.append(Node("signature", content=signature))
    return Node(tag, content=content)
