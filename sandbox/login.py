"""Logging in: who may, and what the others are told.

A refusal is ``<failure reason>``: 401 logged out, 402 with code and expire for a temporary ban,
405 client outdated, 503 to be tried again. A login of a device that is already connected ends its
older line with a ``replaced`` conflict.

Source: whatsmeow's connectionevents.go.
"""

from __future__ import annotations

import time
from typing import Any

import structlog

from sandbox.faults import Faults, Refusal, RefuseLogin, Silence
from sandbox.line import Line
from sandbox.lines import Lines, end
from sandbox.pairing import Pairing, key_problem
from sandbox.state.store import Store
from sandbox.wire.node import Node

_log = structlog.get_logger()


class Login:
    """The desk at which every line reports once it is open."""

    def __init__(self, store: Store, lines: Lines, pairing: Pairing, faults: Faults) -> None:
        self._store = store
        self._lines = lines
        self._pairing = pairing
        self._faults = faults

    def opened(self, line: Line, payload: Any) -> None:
        """A line's handshake is done: register or log in, or be refused."""
        if payload.username:
            self._log_in(line, str(payload.username), payload.device)
        else:
            self._register(line, payload)

    def _register(self, line: Line, payload: Any) -> None:
        refusal = self._faults.bite(RefuseLogin)
        problem = key_problem(payload.devicePairingData)
        if refusal is not None:
            end(line, _failure(refusal))
        elif problem:
            _log.warning("registration_refused", problem=problem)
            end(line, Node("failure", {"reason": 400}))
        else:
            self._pairing.offer(line, payload)

    def _log_in(self, line: Line, number: str, device_number: int) -> None:
        device = self._store.devices.get(number, device_number)
        if device is None or device.removed or device.noise_key != line.client_key:
            end(line, _failure(RefuseLogin(Refusal.LOGGED_OUT)))
            return
        refusal = self._faults.bite(RefuseLogin, number)
        if refusal is not None:
            if refusal.reason is Refusal.LOGGED_OUT:
                self._store.devices.remove(device)
            end(line, _failure(refusal))
            return
        self._store.devices.record_login(device)
        self._lines.enter(line, device)
        line.send(Node("success", {"t": int(time.time()), "lid": device.lid_jid}))
        line.silent = self._faults.bite(Silence, number) is not None


def _failure(refusal: RefuseLogin) -> Node:
    attrs: dict[str, Any] = {"reason": int(refusal.reason)}
    if refusal.reason is Refusal.BANNED:
        attrs |= {"code": refusal.ban_code, "expire": refusal.ban_seconds}
    return Node("failure", attrs)
