"""Which devices are connected, and how lines end."""

from __future__ import annotations

import asyncio
from typing import Final

from sandbox.line import Line
from sandbox.state.devices import Device
from sandbox.wire.node import Node

# The client may drop a final stanza when the socket closes right behind it.
LINGER_SECONDS: Final = 0.5


class Lines:
    """The lines of logged-in devices, and of those that are about to be."""

    def __init__(self) -> None:
        self._by_device: dict[tuple[str, int], Line] = {}
        self.open: set[Line] = set()

    def of(self, number: str, device: int) -> Line | None:
        """The line of a device, if it is connected."""
        return self._by_device.get((number, device))

    def of_number(self, number: str) -> list[Line]:
        """The lines of a phone's devices; of all for an empty number."""
        return [line for (own, _), line in self._by_device.items() if number in ("", own)]

    def enter(self, line: Line, device: Device) -> None:
        """A device has logged in; a line it already has is told that it was replaced."""
        before = self.of(device.number, device.device)
        line.device = device
        self._by_device[device.number, device.device] = line
        if before is not None:
            end(before, replaced())

    def reset(self, number: str, device: int = 0) -> int:
        """Cut a phone's devices off, or one of them; how many there were.

        Every line for an empty number.
        """
        lines = self.of_number(number) if number else list(self.open)
        if device:
            lines = [line for line in lines if line.device and line.device.device == device]
        for line in lines:
            line.reset()
        return len(lines)

    def leave(self, line: Line) -> None:
        """A line is gone."""
        self.open.discard(line)
        line.closed = True
        device = line.device
        if device is not None and self.of(device.number, device.device) is line:
            del self._by_device[device.number, device.device]


def end(line: Line, node: Node) -> None:
    """Send a last stanza, and close a moment later."""
    line.send(node)
    line.ended = True
    asyncio.get_running_loop().call_later(LINGER_SECONDS, line.close)


def replaced() -> Node:
    """The stream error for a device that logged in elsewhere."""
    return Node("stream:error", content=[Node("conflict", {"type": "replaced"})])


def removed() -> Node:
    """The stream error for a device that was unlinked."""
    conflict = Node("conflict", {"type": "device_removed"})
    return Node("stream:error", {"code": "401"}, [conflict])
