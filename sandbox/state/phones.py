"""The phones: who they are, their Signal keys, and their sessions with other devices."""

from __future__ import annotations

import re
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Final

from sandbox.signal.keys import DJB_TYPE, KeyPair
from sandbox.signal.session import Session, load
from sandbox.state.database import Database
from sandbox.wire.jid import CONTACT_SERVER, LID_SERVER, PHONE_SERVER, Jid

_NUMBER: Final = re.compile(r"[1-9]\d{6,14}")
SIGNED_PRE_KEY_ID: Final = 1


class NumberError(ValueError):
    """Not a phone number in E.164 form."""


def normal(number: str) -> str:
    """The digits of an E.164 number; raises NumberError."""
    digits = number.removeprefix("+")
    if not _NUMBER.fullmatch(digits):
        raise NumberError(f"{number!r} is not a phone number: + and 7 to 15 digits are expected")
    return digits


@dataclass(slots=True)
class Phone:
    """One simulated phone."""

    number: str
    lid: str
    identity: KeyPair
    registration_id: int
    signed_pre_key: KeyPair
    push_name: str = ""
    online: bool = True
    receipts: bool = True
    on_whatsapp: bool = True
    forgetful: bool = False

    @property
    def jid(self) -> Jid:
        """The phone's address by number."""
        return Jid(self.number, PHONE_SERVER)

    @property
    def lid_jid(self) -> Jid:
        """The phone's address by LID, which is how messages travel."""
        return Jid(self.lid, LID_SERVER)


class Phones:
    """All phones, kept in memory and written through."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_number: dict[str, Phone] = {}
        self._by_lid: dict[str, Phone] = {}
        for row in database.execute("SELECT * FROM phones"):
            self._remember(_phone(row))

    def all(self) -> list[Phone]:
        """Every phone, by number."""
        return sorted(self._by_number.values(), key=lambda phone: phone.number)

    def get(self, number: str) -> Phone:
        """The phone with a number, made on first use; raises NumberError."""
        number = normal(number)
        return self._by_number.get(number) or self._create(number)

    def at(self, jid: Jid) -> Phone | None:
        """The phone that an address means; none if there cannot be one."""
        if jid.server == LID_SERVER:
            return self._by_lid.get(jid.user)
        if jid.server in (PHONE_SERVER, CONTACT_SERVER) and _NUMBER.fullmatch(jid.user):
            return self.get(jid.user)
        return None

    def save(self, phone: Phone) -> None:
        """Write a phone's settings."""
        self._database.execute(
            "UPDATE phones SET push_name = ?, online = ?, receipts = ?, on_whatsapp = ?,"
            " forgetful = ? WHERE number = ?",
            phone.push_name,
            phone.online,
            phone.receipts,
            phone.on_whatsapp,
            phone.forgetful,
            phone.number,
        )

    def next_device(self, phone: Phone) -> int:
        """The number of the next device that the phone links; none is used twice."""
        (device,) = self._database.execute(
            "UPDATE phones SET next_device = next_device + 1 WHERE number = ?"
            " RETURNING next_device - 1",
            phone.number,
        ).fetchone()
        return int(device)

    def offer_pre_key(self, phone: Phone) -> tuple[int, KeyPair]:
        """A new one-time pre-key; phones never run out."""
        pair = KeyPair()
        (number,) = self._database.execute(
            "UPDATE phones SET next_pre_key = next_pre_key + 1 WHERE number = ?"
            " RETURNING next_pre_key - 1",
            phone.number,
        ).fetchone()
        self._database.execute(
            "INSERT INTO phone_pre_keys VALUES (?, ?, ?)", phone.number, number, pair.seed
        )
        return int(number), pair

    def take_pre_key(self, phone: Phone, number: int) -> KeyPair | None:
        """A one-time pre-key that was offered, for its one use."""
        row = self._database.execute(
            "DELETE FROM phone_pre_keys WHERE number = ? AND id = ? RETURNING seed",
            phone.number,
            number,
        ).fetchone()
        return None if row is None else KeyPair(row[0])

    def signed_pre_key_signature(self, phone: Phone) -> bytes:
        """The phone's signature over its signed pre-key."""
        return phone.identity.sign(DJB_TYPE + phone.signed_pre_key.public)

    def session(self, phone: Phone, remote: Jid) -> Session | None:
        """The phone's session with a device."""
        row = self._database.execute(
            "SELECT state FROM sessions WHERE number = ? AND address = ?",
            phone.number,
            str(remote),
        ).fetchone()
        return None if row is None else load(row[0])

    def save_session(self, phone: Phone, remote: Jid, session: Session) -> None:
        """Write the phone's session with a device."""
        self._database.execute(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)",
            phone.number,
            str(remote),
            session.dump(),
        )

    def forget_session(self, phone: Phone, remote: Jid) -> None:
        """Drop the phone's session with a device."""
        self._database.execute(
            "DELETE FROM sessions WHERE number = ? AND address = ?", phone.number, str(remote)
        )

    def forget_sessions(self, phone: Phone) -> int:
        """Drop all sessions and sender keys of the phone; how many there were.

        From now on it is no surprise that the phone cannot decrypt something.
        """
        phone.forgetful = True
        self.save(phone)
        return sum(
            self._database.execute(forget, phone.number).rowcount
            for forget in (
                "DELETE FROM sessions WHERE number = ?",
                "DELETE FROM sender_keys WHERE number = ?",
            )
        )

    def _create(self, number: str) -> Phone:
        phone = Phone(
            number=number,
            lid=str(10**14 + secrets.randbelow(9 * 10**14)),
            identity=KeyPair(),
            registration_id=1 + secrets.randbelow(16380),
            signed_pre_key=KeyPair(),
            push_name=f"Phone {number[-4:]}",
        )
        self._database.execute(
            "INSERT INTO phones (number, lid, seed, registration_id, signed_pre_key, push_name)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            number,
            phone.lid,
            phone.identity.seed,
            phone.registration_id,
            phone.signed_pre_key.seed,
            phone.push_name,
        )
        return self._remember(phone)

    def _remember(self, phone: Phone) -> Phone:
        self._by_number[phone.number] = phone
        self._by_lid[phone.lid] = phone
        return phone


def _phone(row: sqlite3.Row) -> Phone:
    return Phone(
        number=row["number"],
        lid=row["lid"],
        identity=KeyPair(row["seed"]),
        registration_id=row["registration_id"],
        signed_pre_key=KeyPair(row["signed_pre_key"]),
        push_name=row["push_name"],
        online=bool(row["online"]),
        receipts=bool(row["receipts"]),
        on_whatsapp=bool(row["on_whatsapp"]),
        forgetful=bool(row["forgetful"]),
    )
