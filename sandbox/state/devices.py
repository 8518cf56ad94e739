"""The linked devices: keys, pre-keys, and what has been counted."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from sandbox.signal.agreement import Bundle
from sandbox.state.database import Database
from sandbox.wire.jid import LID_SERVER, PHONE_SERVER, Jid


@dataclass(slots=True)
class Device:
    """A companion linked to a phone; its number never changes and is never used again."""

    number: str
    device: int
    lid: str
    noise_key: bytes
    identity: bytes
    registration_id: int
    signed_pre_key_id: int
    signed_pre_key: bytes
    signature: bytes
    account: bytes
    platform: str = ""
    removed: bool = False
    paired_at: float = 0
    last_login: float = 0
    logins: int = 0
    sent: int = 0
    received: int = 0

    @property
    def jid(self) -> Jid:
        """The device's address by number."""
        return Jid(self.number, PHONE_SERVER, self.device)

    @property
    def lid_jid(self) -> Jid:
        """The device's address by LID."""
        return Jid(self.lid, LID_SERVER, self.device)


class Devices:
    """All linked devices, kept in memory and written through."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._devices: dict[tuple[str, int], Device] = {}
        self._by_number: dict[str, list[Device]] = {}
        rows = database.execute("SELECT devices.*, lid FROM devices JOIN phones USING (number)")
        for row in rows:
            self._remember(_device(row))

    def all(self) -> list[Device]:
        """Every device that was not removed, by number."""
        return sorted(
            (device for device in self._devices.values() if not device.removed),
            key=lambda device: (device.number, device.device),
        )

    def of(self, number: str) -> list[Device]:
        """The devices that a phone has linked and not removed."""
        return [device for device in self._by_number.get(number, ()) if not device.removed]

    def get(self, number: str, device: int) -> Device | None:
        """A device, removed or not."""
        return self._devices.get((number, device))

    def add(self, device: Device) -> None:
        """Remember a device that has just been linked."""
        self._remember(device)
        self._database.execute(
            "INSERT INTO devices (number, device, noise_key, identity, registration_id,"
            " signed_pre_key_id, signed_pre_key, signature, account, platform, removed, paired_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            device.number,
            device.device,
            device.noise_key,
            device.identity,
            device.registration_id,
            device.signed_pre_key_id,
            device.signed_pre_key,
            device.signature,
            device.account,
            device.platform,
            device.removed,
            device.paired_at,
        )

    def remove(self, device: Device) -> None:
        """Unlink a device; it stays known so that its next login can be told so."""
        device.removed = True
        self._database.execute(
            "UPDATE devices SET removed = 1 WHERE number = ? AND device = ?",
            device.number,
            device.device,
        )
        for forget in (
            "DELETE FROM device_pre_keys WHERE number = ? AND device = ?",
            "DELETE FROM queue WHERE number = ? AND device = ?",
        ):
            self._database.execute(forget, device.number, device.device)

    def record_login(self, device: Device) -> None:
        """Count a login."""
        device.last_login = time.time()
        device.logins += 1
        self._database.execute(
            "UPDATE devices SET last_login = ?, logins = ? WHERE number = ? AND device = ?",
            device.last_login,
            device.logins,
            device.number,
            device.device,
        )

    def count(self, device: Device, *, sent: int = 0, received: int = 0) -> None:
        """Count messages that came from or went to a device."""
        device.sent += sent
        device.received += received
        self._database.execute(
            "UPDATE devices SET sent = ?, received = ? WHERE number = ? AND device = ?",
            device.sent,
            device.received,
            device.number,
            device.device,
        )

    def save_keys(self, device: Device, pre_keys: list[tuple[int, bytes]]) -> None:
        """Keep uploaded pre-keys and the signed one."""
        self._database.execute(
            "UPDATE devices SET signed_pre_key_id = ?, signed_pre_key = ?, signature = ?"
            " WHERE number = ? AND device = ?",
            device.signed_pre_key_id,
            device.signed_pre_key,
            device.signature,
            device.number,
            device.device,
        )
        self._database.execute_many(
            "INSERT OR REPLACE INTO device_pre_keys VALUES (?, ?, ?, ?)",
            [(device.number, device.device, number, public) for number, public in pre_keys],
        )

    def pre_key_count(self, device: Device) -> int:
        """How many one-time pre-keys are left."""
        (count,) = self._database.execute(
            "SELECT COUNT(*) FROM device_pre_keys WHERE number = ? AND device = ?",
            device.number,
            device.device,
        ).fetchone()
        return int(count)

    def bundle(self, device: Device) -> Bundle:
        """What is needed to write to the device first; uses up one pre-key."""
        row = self._database.execute(
            "DELETE FROM device_pre_keys WHERE number = ?1 AND device = ?2 AND id ="
            " (SELECT MIN(id) FROM device_pre_keys WHERE number = ?1 AND device = ?2)"
            " RETURNING id, public",
            device.number,
            device.device,
        ).fetchone()
        return Bundle(
            registration_id=device.registration_id,
            identity=device.identity,
            signed_pre_key_id=device.signed_pre_key_id,
            signed_pre_key=device.signed_pre_key,
            signature=device.signature,
            pre_key_id=None if row is None else row["id"],
            pre_key=b"" if row is None else row["public"],
        )

    def _remember(self, device: Device) -> None:
        self._devices[device.number, device.device] = device
        self._by_number.setdefault(device.number, []).append(device)


def _device(row: sqlite3.Row) -> Device:
    values = {key: row[key] for key in Device.__slots__}
    return Device(**(values | {"removed": bool(row["removed"])}))
