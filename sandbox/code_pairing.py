"""Linking a device to a phone by a code that the phone's user types in.

An unpaired device says hello for a number; the server gives it a ref, and the phone a notice. When
the code is typed into the phone, the device is sent the phone's key, wrapped with that code, and
finishes with a bundle that only a phone with the right code can open. From there on it goes as
with a scan.

WhatsApp answers 400 to devices that do not call themselves a common browser, as "Browser (OS)".

Source: whatsmeow's pair-code.go.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import Final

from sandbox import link_code
from sandbox.faults import Faults, RefusePhoneCode
from sandbox.line import Line
from sandbox.pairing import Offer, Pairing, ScanError, ScanProblem
from sandbox.signal.keys import KeyPair
from sandbox.state.devices import Device
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import SERVER, Jid
from sandbox.wire.node import Node

# The device's codes run out after 160 seconds, and with them its line.
LIFE_SECONDS: Final = 180
_ANSWER_SECONDS: Final = 15
_PREFIX: Final = "link_code_pairing_"
_TAG: Final = "link_code_companion_reg"
_DISPLAY: Final = re.compile(
    r"(Chrome|Edge|Firefox|IE|Opera|Safari) \((Linux|Windows|Mac OS|Ubuntu|Android)\)"
)
_TEXTS: Final = {400: "bad-request", 403: "forbidden", 404: "item-not-found", 429: "rate-overlimit"}


class _Asked:
    """A device that waits for its code to be typed into a phone."""

    def __init__(self, offer: Offer, wrapped: bytes) -> None:
        self.offer = offer
        self.wrapped = wrapped
        self.ref = f"3@{secrets.token_urlsafe(24)}"
        self.at = time.monotonic()
        self.finish: asyncio.Future[bytes] | None = None
        self.superseded = False

    def over(self) -> bool:
        """Whether the code works no more."""
        if self.superseded or self.offer.line.closed:
            return True
        return time.monotonic() > self.at + LIFE_SECONDS


class CodePairing:
    """The devices that wait for a code to be typed in, one for each number."""

    def __init__(self, store: Store, faults: Faults, pairing: Pairing) -> None:
        self._store = store
        self._faults = faults
        self._pairing = pairing
        self._asked: dict[str, _Asked] = {}

    def answered(self, line: Line, stanza: Node) -> bool:
        """Take what an unpaired client says about linking by code; false if it is none."""
        offer, said = self._pairing.offer_of(line), stanza.find(_TAG)
        if offer is None or said is None or stanza.tag != "iq":
            return False
        if said.text("stage") == "companion_hello":
            self._hello(offer, stanza, said)
        elif said.text("stage") == "companion_finish":
            self._finish(line, stanza, said)
        else:
            return False
        return True

    async def enter(self, phone: Phone, code: str) -> Device:
        """Type a code into a phone; returns when the device has logged in; raises ScanError."""
        asked = self._find(phone, code)
        text, ephemeral = link_code.normal(code), KeyPair()
        asked.finish = asyncio.get_running_loop().create_future()
        try:
            # 131,072 rounds take a while; the network goes on.
            wrapped = await asyncio.to_thread(link_code.wrap, ephemeral.public, text)
            theirs = await asyncio.to_thread(link_code.unwrap, asked.wrapped, text)
            asked.offer.line.send(self._notification(phone, asked, wrapped))
            async with asyncio.timeout(_ANSWER_SECONDS):
                bundle = await asked.finish
        except TimeoutError:
            raise ScanError(ScanProblem.LOST, "it does not answer") from None
        finally:
            asked.finish = None
        try:
            secret = link_code.shared_secret(
                ephemeral, theirs, phone.identity, asked.offer.data.eIdent, bundle
            )
        except link_code.WrongCodeError:
            raise ScanError(ScanProblem.WRONG) from None
        return await self._pairing.link(asked.offer, phone, secret)

    def lost(self, line: Line) -> None:
        """A line is gone."""
        for asked in self._asked.values():
            if asked.offer.line is line and asked.finish is not None and not asked.finish.done():
                asked.finish.set_exception(ScanError(ScanProblem.LOST))

    def _find(self, phone: Phone, code: str) -> _Asked:
        try:
            link_code.normal(code)
        except ValueError as error:
            raise ScanError(ScanProblem.MALFORMED, str(error)) from error
        asked = self._asked.get(phone.number)
        if asked is None:
            raise ScanError(ScanProblem.UNKNOWN)
        if asked.over():
            raise ScanError(ScanProblem.EXPIRED)
        if asked.finish is not None or asked.offer.phone is not None:
            raise ScanError(ScanProblem.USED)
        return asked

    def _hello(self, offer: Offer, stanza: Node, said: Node) -> None:
        jid = said.jid("jid")
        phone = self._store.phones.at(jid) if jid else None
        wrapped = said.bytes_of(f"{_PREFIX}wrapped_companion_ephemeral_pub")
        display = said.bytes_of("companion_platform_display").decode(errors="replace")
        refusal = self._faults.bite(RefusePhoneCode, phone.number if phone else "")
        if refusal is not None:
            offer.line.send(_error(stanza, refusal.code))
        elif (
            phone is None
            or len(wrapped) != link_code.WRAPPED_SIZE
            or said.bytes_of("companion_server_auth_key_pub") != offer.line.client_key
            or not _DISPLAY.fullmatch(display)
        ):
            offer.line.send(_error(stanza, 400))
        else:
            for other in self._asked.values():
                other.superseded |= other.offer is offer  # a device knows its last code alone
            self._asked[phone.number] = asked = _Asked(offer, wrapped)
            ref = Node(f"{_PREFIX}ref", content=asked.ref.encode())
            offer.line.send(_result(stanza, [Node(_TAG, content=[ref])]))

    def _finish(self, line: Line, stanza: Node, said: Node) -> None:
        ref = said.bytes_of(f"{_PREFIX}ref").decode(errors="replace")
        asked = next((asked for asked in self._asked.values() if asked.ref == ref), None)
        if asked is None or asked.offer.line is not line or asked.finish is None:
            line.send(_error(stanza, 404))
            return
        line.send(_result(stanza, []))
        if not asked.finish.done():
            asked.finish.set_result(said.bytes_of(f"{_PREFIX}wrapped_key_bundle"))

    @staticmethod
    def _notification(phone: Phone, asked: _Asked, wrapped: bytes) -> Node:
        content = [
            Node(f"{_PREFIX}wrapped_primary_ephemeral_pub", content=wrapped),
            Node("primary_identity_pub", content=phone.identity.public),
            Node(f"{_PREFIX}ref", content=asked.ref.encode()),
        ]
        attrs: dict[str, str | int | Jid | None] = {
            "from": SERVER,
            "type": _TAG,
            "id": secrets.token_hex(5),
            "t": int(time.time()),
        }
        return Node("notification", attrs, [Node(_TAG, {"stage": "primary_hello"}, content)])


def _result(query: Node, content: list[Node]) -> Node:
    return Node("iq", {"from": SERVER, "id": query.text("id"), "type": "result"}, content)


def _error(query: Node, code: int) -> Node:
    error = Node("error", {"code": code, "text": _TEXTS.get(code, "error")})
    return Node("iq", {"from": SERVER, "id": query.text("id"), "type": "error"}, [error])
