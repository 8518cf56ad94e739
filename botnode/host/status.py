"""What a botnode tells its host: JSON lines on the status pipe."""

import json
from dataclasses import dataclass
from typing import Any

# The line of a botnode that has nothing to tell.
ALIVE = b'{"event":"alive"}'
# A line that is longer is none of ours.
MAX_LINE_BYTES = 64 * 1024
MAX_TEXT = 32
MAX_ADDRESS = 262


@dataclass(frozen=True, slots=True)
class Ready:
    """It answers at `address` ("host:port") as this instance; told again when its epoch changes."""

    address: str
    instance: str
    epoch: int


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """Its session with WhatsApp stands in `state`, the account (E.164) if one is known."""

    state: str
    number: str | None


@dataclass(frozen=True, slots=True)
class Stopping:
    """It began to stop."""


Status = Ready | SessionChanged | Stopping


class StatusError(ValueError):
    """A line is not what a botnode says."""


def parse(line: bytes) -> Status | None:
    """One line's meaning; None for an event that this version does not know.

    Raises:
        StatusError: it is no status line.
    """
    try:
        event = json.loads(line)
        return _parse(event)
    except (ValueError, KeyError, TypeError) as error:
        raise StatusError(f"not a status line: {error!r}") from error


def _parse(event: dict[str, Any]) -> Status | None:
    match event["event"]:
        case "ready":
            address = _text(event["address"], MAX_ADDRESS)
            return Ready(address, _text(event["instance"]), int(event["epoch"]))
        case "session":
            number = event.get("phone_number") or None
            return SessionChanged(_text(event["state"]), None if number is None else _text(number))
        case "stopping":
            return Stopping()
    return None


def _text(value: object, limit: int = MAX_TEXT) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= limit or not value.isprintable():
        raise ValueError("a text is missing, or is none that the registry keeps")
    return value


class LineBuffer:
    """Cuts what comes through a pipe into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now. An endless line is thrown away."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest = b""
        return [line for line in lines if line]
