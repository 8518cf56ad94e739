"""The adapter, with a client that tests play."""

import asyncio
import threading
from typing import Any

from botnode.whatsapp import NeonizeWhatsApp, _Client


class Neonize:
    """A client whose stop takes its time."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.stopped = False

    def disconnect(self) -> None:
        pass

    def stop(self) -> None:
        self.go.wait(5)
        self.stopped = True


async def test_a_close_that_was_cancelled_is_waited_for_by_the_next_one() -> None:
    inbox: Any = None
    whatsapp = NeonizeWhatsApp("session.db", inbox, asyncio.get_running_loop())
    neonize = Neonize()
    whatsapp._current = client = _Client(neonize, lambda _: None)
    client.live = True
    first = asyncio.ensure_future(whatsapp.close())
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.wait({first})
    second = asyncio.ensure_future(whatsapp.close())
    await asyncio.sleep(0.01)
    assert not second.done()
    neonize.go.set()
    await second
    assert neonize.stopped
    await whatsapp.close()  # nothing is left to stop
