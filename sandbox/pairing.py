"""Linking a device to a phone by the code that the device shows.

The server gives an unpaired client up to six ``<ref>``; the client shows each in turn as
``https://wa.me/settings/linked_devices#ref,noise,identity,advsecret,type`` with its keys in
base64. whatsmeow shows the first of six for 60 seconds and every other one for 20 (with fewer than
six, the first too has only 20), so what a server controls is how many refs it sends, and when it
closes the line: a closed line ends the client's round at once. The phone that scans signs the
device's identity key; the client checks that, signs in turn, and is told to log in.

An account that has a passkey is not linked so: the client is asked for the passkey instead.

Source: whatsmeow's pair.go, qrchan.go and pair-passkey.go.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import enum
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from sandbox import protobufs
from sandbox.faults import Faults, RequirePasskey, ShortQr
from sandbox.line import Line
from sandbox.lines import end
from sandbox.signal.keys import DJB_TYPE, KEY_SIZE, verify
from sandbox.state.devices import Device
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import SERVER, Jid
from sandbox.wire.node import Node

REFS: Final = 6
_CODE_PARTS: Final = 5
_REGISTRATION_ID_SIZE: Final = 4
_FIRST_OF_SIX_SECONDS: Final = 60
_OTHER_SECONDS: Final = 20
_GRACE_SECONDS: Final = 5
_ACCOUNT_PREFIX: Final = b"\x06\x00"
_DEVICE_PREFIX: Final = b"\x06\x01"
_log = structlog.get_logger()


class ScanProblem(enum.Enum):
    """Why a scan, or a code typed in, did not link a device."""

    MALFORMED = "the code is not one that WhatsApp shows for linking"
    UNKNOWN = "no device shows this code now"
    EXPIRED = "the code has expired, the device shows another one by now"
    USED = "the code is being used by another scan"
    REFUSED = "the device refused the pairing"
    LOST = "the device went away during the pairing"
    WRONG = "the code is not the one that the device shows"
    PASSKEY = "the account asks for a passkey, which the device did not give"


class ScanError(Exception):
    """A scan, or a code typed in, that did not link a device."""

    def __init__(self, problem: ScanProblem, detail: str = "") -> None:
        super().__init__(problem.value + (f": {detail}" if detail else ""))
        self.problem = problem


class Offer:
    """An unpaired client that shows codes."""

    def __init__(self, line: Line, data: Any, platform: str, refs: list[str]) -> None:
        self.line = line
        self.data = data
        self.platform = platform
        self.refs = refs
        self.shown_at = time.monotonic()
        self.phone: Phone | None = None
        self.device: Device | None = None
        self.done: asyncio.Future[Device] = asyncio.get_running_loop().create_future()

    def expires(self, ref: str) -> float:
        """When the client stops showing a ref, by the monotonic clock."""
        first = _FIRST_OF_SIX_SECONDS if len(self.refs) == REFS else _OTHER_SECONDS
        return self.shown_at + first + _OTHER_SECONDS * self.refs.index(ref)

    def fail(self, problem: ScanProblem, detail: str = "") -> None:
        """End a scan that waits."""
        if not self.done.done() and self.phone is not None:
            self.done.set_exception(ScanError(problem, detail))


class Pairing:
    """The unpaired clients, and the scans that link them."""

    def __init__(self, store: Store, faults: Faults, linked: Callable[[Device], None]) -> None:
        self._store = store
        self._linked = linked
        self._faults = faults
        self._offers: dict[Line, Offer] = {}
        self._awaiting_login: dict[tuple[str, int], Offer] = {}

    def offer(self, line: Line, payload: Any) -> None:
        """Send an unpaired client the refs of its codes."""
        short = self._faults.bite(ShortQr) or ShortQr()
        refs = [_ref() for _ in range(short.codes)]
        platform = protobufs.wa6.ClientPayload.UserAgent.Platform.Name(payload.userAgent.platform)
        self._offers[line] = Offer(line, payload.devicePairingData, platform, refs)
        content = [Node("ref", content=ref.encode()) for ref in refs]
        line.send(
            Node(
                "iq",
                {"from": SERVER, "type": "set", "id": secrets.token_hex(5), "xmlns": "md"},
                [Node("pair-device", content=content)],
            )
        )
        if short.seconds is not None:
            self._later(short.seconds, lambda: self._run_out(line))

    async def scan(self, phone: Phone, code: str) -> Device:
        """Link the device that shows a code; returns when it has logged in; raises ScanError."""
        ref, noise, identity, secret = _read(code)
        offer = self._find(ref)
        if offer.line.client_key != noise or offer.data.eIdent != identity:
            raise ScanError(ScanProblem.MALFORMED, "its keys are not those of the device")
        if offer.phone is not None:
            raise ScanError(ScanProblem.USED)
        if time.monotonic() > offer.expires(ref) + _GRACE_SECONDS:
            raise ScanError(ScanProblem.EXPIRED)
        return await self.link(offer, phone, secret)

    async def link(self, offer: Offer, phone: Phone, secret: bytes) -> Device:
        """Link a device to a phone with which it shares a secret; raises ScanError.

        Returns when the device has logged in.
        """
        if self._faults.bite(RequirePasskey, phone.number) is not None:
            offer.line.send(_passkey_request())
            raise ScanError(ScanProblem.PASSKEY)
        offer.phone = phone
        self._send_success(offer, phone, secret)
        return await offer.done

    def offer_of(self, line: Line) -> Offer | None:
        """What an unpaired client on this line shows."""
        return self._offers.get(line)

    def answered(self, line: Line, stanza: Node) -> bool:
        """Take an unpaired client's answer; false if it is none."""
        offer = self._offers.get(line)
        if offer is None or offer.device is None or stanza.tag != "iq":
            return False
        error = stanza.find("error")
        if error is not None:
            offer.fail(ScanProblem.REFUSED, f"{error.text('code')} {error.text('text')}")
            del self._offers[line]
        elif stanza.find("pair-device-sign"):
            self._link(offer, offer.device, stanza.bytes_of("pair-device-sign", "device-identity"))
        return True

    def logged_in(self, device: Device) -> None:
        """A device has logged in; if a scan waits for that, it is complete."""
        offer = self._awaiting_login.pop((device.number, device.device), None)
        if offer is not None and not offer.done.done():
            offer.done.set_result(device)

    def lost(self, line: Line) -> None:
        """A line is gone; if it showed codes, they are worth nothing now."""
        offer = self._offers.pop(line, None)
        if offer is not None:
            offer.fail(ScanProblem.LOST)

    def waiting(self) -> int:
        """How many clients show codes."""
        return len(self._offers)

    def _run_out(self, line: Line) -> None:
        if line in self._offers:
            line.close()

    def _find(self, ref: str) -> Offer:
        for offer in self._offers.values():
            if ref in offer.refs:
                return offer
        raise ScanError(ScanProblem.UNKNOWN)

    def _send_success(self, offer: Offer, phone: Phone, secret: bytes) -> None:
        number = self._store.phones.next_device(phone)
        offer.device = device = _device(offer, phone, number)
        details = protobufs.adv.ADVDeviceIdentity(
            rawID=secrets.randbelow(1 << 31), timestamp=int(time.time()), keyIndex=number
        ).SerializeToString()
        signed = protobufs.adv.ADVSignedDeviceIdentity(
            details=details,
            accountSignatureKey=phone.identity.public,
            accountSignature=phone.identity.sign(_ACCOUNT_PREFIX + details + device.identity),
        ).SerializeToString()
        device.account = signed
        sealed = protobufs.adv.ADVSignedDeviceIdentityHMAC(
            details=signed, HMAC=hmac.digest(secret, signed, "sha256")
        ).SerializeToString()
        content = [
            Node("device-identity", content=sealed),
            Node("device", {"jid": device.jid, "lid": device.lid_jid}),
            Node("platform", {"name": "android"}),
        ]
        attrs: dict[str, str | int | Jid | None] = {
            "from": SERVER,
            "type": "set",
            "id": secrets.token_hex(5),
            "xmlns": "md",
            "t": int(time.time()),
        }
        offer.line.send(Node("iq", attrs, [Node("pair-success", content=content)]))

    def _link(self, offer: Offer, device: Device, answer: bytes) -> None:
        """Check the device's signature, remember it, and have it log in."""
        sent = protobufs.adv.ADVSignedDeviceIdentity.FromString(device.account)
        signed = protobufs.adv.ADVSignedDeviceIdentity.FromString(answer)
        message = _DEVICE_PREFIX + sent.details + device.identity + sent.accountSignatureKey
        if not verify(device.identity, message, signed.deviceSignature):
            offer.fail(ScanProblem.REFUSED, "its signature is wrong")
            offer.line.close()
            return
        sent.deviceSignature = signed.deviceSignature
        device.account = sent.SerializeToString()
        self._store.devices.add(device)
        self._linked(device)
        del self._offers[offer.line]
        self._awaiting_login[device.number, device.device] = offer
        self._later(_OTHER_SECONDS, lambda: self._give_up(device))
        _log.info("device_linked", device=device.device)
        end(offer.line, Node("stream:error", {"code": "515"}))

    def _give_up(self, device: Device) -> None:
        offer = self._awaiting_login.pop((device.number, device.device), None)
        if offer is not None:
            offer.fail(ScanProblem.LOST, "it did not log in")

    @staticmethod
    def _later(seconds: float, act: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(seconds, act)


def key_problem(data: Any) -> str:
    """What is wrong with the keys of a client that registers; empty if nothing is."""
    sizes = (len(data.eIdent), len(data.eSkeyVal), len(data.eRegid))
    if sizes != (KEY_SIZE, KEY_SIZE, _REGISTRATION_ID_SIZE):
        return "a key of the wrong size"
    if not verify(data.eIdent, DJB_TYPE + data.eSkeyVal, data.eSkeySig):
        return "a signed pre-key whose signature is wrong"
    return ""


def _device(offer: Offer, phone: Phone, number: int) -> Device:
    data = offer.data
    return Device(
        number=phone.number,
        device=number,
        lid=phone.lid,
        noise_key=offer.line.client_key,
        identity=data.eIdent,
        registration_id=int.from_bytes(data.eRegid, "big"),
        signed_pre_key_id=int.from_bytes(data.eSkeyID, "big"),
        signed_pre_key=data.eSkeyVal,
        signature=data.eSkeySig,
        account=b"",
        platform=offer.platform,
        paired_at=time.time(),
    )


def _passkey_request() -> Node:
    """What a client gets that shall prove that its user has the account's passkey."""
    options = {
        "challenge": secrets.token_urlsafe(32),
        "timeout": 600000,
        "rpId": "whatsapp.com",
        "allowCredentials": [],
        "userVerification": "required",
        "extensions": {},
    }
    attrs: dict[str, str | int | Jid | None] = {
        "from": SERVER,
        "type": "passkey_prologue_request",
        "id": secrets.token_hex(5),
        "t": int(time.time()),
    }
    content = [Node("passkey_request_options", content=json.dumps(options).encode())]
    return Node("notification", attrs, content)


def _ref() -> str:
    return "2@" + base64.b64encode(secrets.token_bytes(48)).decode()


def _read(code: str) -> tuple[str, bytes, bytes, bytes]:
    """The ref, Noise key, identity and secret in a code; raises ScanError."""
    parts = code.rpartition("#")[2].split(",")
    if len(parts) != _CODE_PARTS:
        raise ScanError(ScanProblem.MALFORMED)
    try:
        noise, identity, secret = (base64.b64decode(part, validate=True) for part in parts[1:4])
    except binascii.Error as error:
        raise ScanError(ScanProblem.MALFORMED, str(error)) from error
    return parts[0], noise, identity, secret
