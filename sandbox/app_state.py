"""An account's app state: what its phone keeps in step on all its devices.

Here that is the push name and the address book. A real phone keeps them from the start; here it
begins when it is told one of these: until then its devices have none, as for a moment after every
real pairing.

A device gets the key of the app state from its phone, in a message. Then it asks the server for
each collection, and again whenever it is told that one changed. A collection is a list of
encrypted patches, and a hash (LTHash) over what they come to, under MACs of five keys that stem
from the one.

Source: whatsmeow's appstate.go and the package appstate.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sandbox import protobufs
from sandbox.delivery import Delivery
from sandbox.handset import Handset
from sandbox.line import Line
from sandbox.signal.session import derive
from sandbox.stanzas import Letter
from sandbox.stanzas import message as message_stanza
from sandbox.state.devices import Device
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.wire.node import Node

# The collections that a phone writes here: of the account's settings, and of its address book.
SETTINGS: Final = "critical_block"
CONTACTS: Final = "critical_unblock_low"
_PUSH_NAME: Final = "setting_pushName"
_CONTACT: Final = "contact"
# Of the actions, by what they are called.
_VERSIONS: Final = {_PUSH_NAME: 1, _CONTACT: 2}
_KEY_INFO: Final = b"WhatsApp Mutation Keys"
_HASH_INFO: Final = b"WhatsApp Patch Integrity"
_HASH_SIZE: Final = 128
_KEY_SIZE: Final = 32
_BLOCK_BITS: Final = 128
_IV_SIZE: Final = 16
_WORD: Final = 1 << 16


class Keys(NamedTuple):
    """What stems from an app state key."""

    index_mac: bytes
    encryption: bytes
    value_mac: bytes
    snapshot_mac: bytes
    patch_mac: bytes


@dataclass(slots=True)
class Collection:
    """What the server has of one account's collection: bytes are base64.

    Attributes:
        values: the MACs of what is set, by the MACs of what they are called.
    """

    patches: list[str] = field(default_factory=list)
    hash: str = b64encode(bytes(_HASH_SIZE)).decode()
    values: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """How many patches there were."""
        return len(self.patches)


class AppState:
    """The app state of all accounts."""

    def __init__(
        self, store: Store, delivery: Delivery, handset: Handset, unknown: Unknown
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._handset = handset
        self._unknown = unknown

    def logged_in(self, device: Device) -> None:
        """A device is there: it gets the key, if its phone keeps an app state."""
        phone = self._store.phones.get(device.number)
        if device.device not in self._shared(phone) and any(
            self._load(phone, name).version for name in (SETTINGS, CONTACTS)
        ):
            self._share(phone, device)

    def tell_push_name(self, phone: Phone) -> None:
        """A phone writes its push name into the app state."""
        action = protobufs.sync_action.SyncActionValue()
        action.pushNameSetting.name = phone.push_name
        self._write(phone, SETTINGS, [_PUSH_NAME], action)

    def name_contact(self, phone: Phone, contact: Phone, full_name: str) -> None:
        """A phone writes somebody into its address book, which is in the app state."""
        action = protobufs.sync_action.SyncActionValue()
        action.contactAction.fullName = full_name
        action.contactAction.firstName = full_name.partition(" ")[0]
        self._write(phone, CONTACTS, [_CONTACT, str(contact.jid)], action)

    def _write(self, phone: Phone, name: str, index: list[str], action: Any) -> None:
        """Set something in a collection; the phone's devices hear of it.

        Those that do not have the key get it: with that they ask by themselves.
        """
        collection = self._load(phone, name)
        patch = _patch(phone, name, collection, index, action)
        collection.patches.append(b64encode(patch).decode())
        raw = json.dumps(asdict(collection)).encode()
        self._store.database.put(_place(phone, name), raw)
        changed = Node("collection", {"name": name, "version": collection.version})
        for device in self._store.devices.of(phone.number):
            if device.device in self._shared(phone):
                self._delivery.notify(device, "server_sync", changed)
            else:
                self._share(phone, device)

    def _share(self, phone: Phone, device: Device) -> None:
        """A phone sends a device the key."""
        shared = [*self._shared(phone), device.device]
        self._store.database.put(_place(phone, "shared"), json.dumps(shared).encode())
        body = self._handset.seal(phone, device.lid_jid, _key_share(phone))
        attrs: dict[str, Any] = {"id": "3A" + secrets.token_hex(9).upper(), "category": "peer"}
        letter = Letter(phone, 0, phone)
        node = message_stanza(letter, phone, attrs, [body])
        self._delivery.bring(device.number, device.device, node)

    def _shared(self, phone: Phone) -> list[int]:
        """The devices that were sent the key."""
        raw = self._store.database.get(_place(phone, "shared"))
        return list(json.loads(raw)) if raw else []

    def sync(self, _line: Line, device: Device, query: Node) -> list[Node]:
        """The answer to a device that asks what is new in collections."""
        asked = query.find("sync")
        phone = self._store.phones.get(device.number)
        answers = []
        for wanted in asked.all("collection") if asked else ():
            if wanted.find("patch") is not None:
                self._unknown.report(Kind.QUERY, str(device.jid), str(query))
            answers.append(self._collection(phone, wanted))
        return [Node("sync", content=answers)]

    def _collection(self, phone: Phone, wanted: Node) -> Node:
        name, after = wanted.text("name"), int(wanted.text("version") or 0)
        attrs: dict[str, Any] = {"name": name, "version": after}
        collection = self._load(phone, name)
        if after >= collection.version:
            return Node("collection", attrs, [])
        patches = [Node("patch", content=b64decode(patch)) for patch in collection.patches[after:]]
        attrs["version"] = collection.version
        return Node("collection", attrs, [Node("patches", content=patches)])

    def _load(self, phone: Phone, name: str) -> Collection:
        raw = self._store.database.get(_place(phone, name))
        return Collection(**json.loads(raw)) if raw else Collection()


def _place(phone: Phone, what: str) -> str:
    return f"app_state.{phone.number}.{what}"


def _key(phone: Phone) -> tuple[bytes, bytes]:
    """A phone's one key and its id."""
    data = derive(phone.identity.seed, b"sandbox app state", _KEY_SIZE)
    return b"\x00\x00" + hashlib.sha256(data).digest()[:4], data


def _key_share(phone: Phone) -> Any:
    key_id, data = _key(phone)
    message = protobufs.e2e.Message()
    protocol = message.protocolMessage
    protocol.type = protocol.APP_STATE_SYNC_KEY_SHARE
    key = protocol.appStateSyncKeyShare.keys.add()
    key.keyID.keyID = key_id
    key.keyData.keyData = data
    key.keyData.fingerprint.rawID = 1
    key.keyData.fingerprint.currentIndex = 1
    key.keyData.fingerprint.deviceIndexes.append(0)
    key.keyData.timestamp = int(time.time() * 1000)
    return message


def _patch(
    phone: Phone, collection_name: str, collection: Collection, called: list[str], value: Any
) -> bytes:
    """The next patch, which sets one thing; the collection's hash goes on with it."""
    key_id, data = _key(phone)
    keys = expand(data)
    version, name = (collection.version + 1).to_bytes(8, "big"), collection_name.encode()
    index = json.dumps(called).encode()
    index_mac = hmac.digest(keys.index_mac, index, "sha256")
    action = protobufs.sync_action.SyncActionData(
        index=index, value=value, version=_VERSIONS[called[0]], padding=b""
    )
    action.value.timestamp = int(time.time() * 1000)
    blob = seal(keys, key_id, action.SerializeToString())
    value_mac = blob[-_KEY_SIZE:]
    before = collection.values.get(index_mac.hex())
    state = add(b64decode(collection.hash), value_mac, bytes.fromhex(before) if before else b"")
    collection.hash = b64encode(state).decode()
    collection.values[index_mac.hex()] = value_mac.hex()
    patch = protobufs.server_sync.SyncdPatch()
    patch.version.version = collection.version + 1
    patch.keyID.ID = key_id
    mutation = patch.mutations.add(operation=protobufs.server_sync.SyncdMutation.SET)
    mutation.record.index.blob = index_mac
    mutation.record.value.blob = blob
    mutation.record.keyID.ID = key_id
    patch.snapshotMAC = hmac.digest(keys.snapshot_mac, state + version + name, "sha256")
    macs = patch.snapshotMAC + value_mac + version + name
    patch.patchMAC = hmac.digest(keys.patch_mac, macs, "sha256")
    return bytes(patch.SerializeToString())


def expand(key: bytes) -> Keys:
    """The five keys of an app state key."""
    derived = derive(key, _KEY_INFO, len(Keys._fields) * _KEY_SIZE)
    return Keys(*(derived[at : at + _KEY_SIZE] for at in range(0, len(derived), _KEY_SIZE)))


def seal(keys: Keys, key_id: bytes, plain: bytes) -> bytes:
    """What a mutation carries: IV, ciphertext, and the MAC of a SET."""
    iv = secrets.token_bytes(_IV_SIZE)
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(keys.encryption), modes.CBC(iv)).encryptor()
    padded = padder.update(plain) + padder.finalize()
    sealed = iv + encryptor.update(padded) + encryptor.finalize()
    length = (len(key_id) + 1).to_bytes(8, "big")
    mac = hmac.digest(keys.value_mac, b"\x01" + key_id + sealed + length, "sha512")
    return sealed + mac[:_KEY_SIZE]


def add(state: bytes, added: bytes, removed: bytes = b"") -> bytes:
    """The LTHash of a state with a value put in, and another taken out."""
    words = _words(state)
    for value, sign in ((removed, -1), (added, 1)):
        if value:
            change = _words(derive(value, _HASH_INFO, _HASH_SIZE))
            words = [(word + sign * by) % _WORD for word, by in zip(words, change, strict=True)]
    return b"".join(word.to_bytes(2, "little") for word in words)


def _words(raw: bytes) -> list[int]:
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]
