"""A send that a test holds."""

import threading

from botnode.ports import SendError


class Held:
    """An answer that comes when the test says so."""

    def __init__(self, error: str = "") -> None:
        self._go = threading.Event()
        self._error = error

    def __call__(self, _to: str, _text: str) -> str:
        assert self._go.wait(10)
        if self._error:
            raise SendError(self._error)
        return "3EB0LATE"

    def go(self) -> None:
        self._go.set()
