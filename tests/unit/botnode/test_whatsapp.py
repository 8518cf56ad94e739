"""The adapter, with a client that tests play."""

import asyncio
import contextlib
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from botnode import whatsapp as whatsapp_module
from botnode import whatsapp_client as client_module
from botnode.ports import QueryError, UnansweredError
from botnode.query_errors import TOO_MANY_OPEN
from botnode.whatsapp import MOST_OPEN_QUESTIONS, NeonizeWhatsApp
from botnode.whatsapp_client import Client, Wiring


class Neonize:
    """A client whose stop takes its time."""

    me = None

    def __init__(self) -> None:
        self.go = threading.Event()
        self.stop_begun = threading.Event()
        self.looked_up: list[float] = []
        self.stopped = False
        self.hung_up = False

    def disconnect(self) -> None:
        self.hung_up = True

    def get_pn_from_lid(self, _: Any) -> Any:
        self.looked_up.append(time.monotonic())
        return SimpleNamespace(User="5215587654321", Server="s.whatsapp.net")

    def get_me(self) -> None:
        self.looked_up.append(time.monotonic())

    def stop(self) -> None:
        self.stop_begun.set()
        self.go.wait(5)
        self.stopped = True


async def test_a_close_that_was_cancelled_is_waited_for_by_the_next_one() -> None:
    neonize = Neonize()
    whatsapp, _ = _whatsapp(neonize)
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


async def test_what_the_library_holds_is_handled_before_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "QUIET_S", 0.05)
    neonize = Neonize()
    neonize.go.set()
    whatsapp, client = _whatsapp(neonize)
    client.handling = True
    closing = asyncio.ensure_future(whatsapp.close())
    await asyncio.sleep(0.2)
    assert (neonize.hung_up, neonize.stopped) == (True, False)
    client.handling = False
    await closing
    assert neonize.stopped


async def test_a_full_disk_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "DRAIN_S", 0.05)
    neonize = Neonize()
    neonize.go.set()
    whatsapp, client = _whatsapp(neonize)
    client.handling = True  # it waits for the disk, and will for ever
    await whatsapp.close()
    assert neonize.stopped


async def test_hanging_up_lets_the_call_in_hand_end() -> None:
    neonize = Neonize()
    whatsapp, _ = _whatsapp(neonize)
    with whatsapp._call():
        waiting = asyncio.ensure_future(whatsapp.hang_up(5))
        await asyncio.sleep(0.05)
        assert not neonize.hung_up
    await waiting
    assert neonize.hung_up
    with whatsapp._call():
        await whatsapp.hang_up(0.0)  # no patience
    await whatsapp.hang_up(0.0)


LID = SimpleNamespace(User="1", Server="lid")


async def test_a_handler_asks_the_library_only_while_go_knows_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Go ends the process for a look into its map of clients while that changes."""
    monkeypatch.setattr(client_module, "DRAIN_S", 0.05)
    monkeypatch.setattr(whatsapp_module, "LOOKUP_S", 0.1)
    neonize = Neonize()
    whatsapp, client = _whatsapp(neonize)
    wiring = _wiring(whatsapp, client)
    client.handling = True  # an event that takes longer than the client is waited for
    closing = asyncio.ensure_future(whatsapp.close())
    while not client.stopped:
        wiring._number_of(LID)  # hung up, and not stopped
        await asyncio.sleep(0.001)
    asked = len(neonize.looked_up)
    assert asked
    await asyncio.to_thread(neonize.stop_begun.wait, 5)
    assert time.monotonic() - neonize.looked_up[-1] >= 0.1  # Go has looked it up since
    assert wiring._number_of(LID) == ""
    wiring._on_connected(None)
    neonize.go.set()
    await closing
    assert wiring._number_of(LID) == ""
    assert len(neonize.looked_up) == asked


async def test_a_handler_of_an_earlier_client_is_refused_while_the_next_begins() -> None:
    first, second = Neonize(), Neonize()
    first.go.set()
    whatsapp, client = _whatsapp(first)
    wiring = _wiring(whatsapp, client)
    await whatsapp.close()
    whatsapp._current = later = Client(second, lambda _: None)
    assert wiring._number_of(LID) == ""
    assert not first.looked_up
    assert not second.looked_up
    assert _wiring(whatsapp, later)._number_of(LID) == ""  # Go does not have it yet
    later.live = True
    assert _wiring(whatsapp, later)._number_of(LID) == "+5215587654321"


def _wiring(whatsapp: NeonizeWhatsApp, client: Client) -> Wiring:
    anything: Any = None
    return Wiring(client, anything, anything, lambda: whatsapp._call(client))


def _whatsapp(neonize: Neonize) -> tuple[NeonizeWhatsApp, Client]:
    inbox: Any = None
    whatsapp = NeonizeWhatsApp("session.db", inbox, asyncio.get_running_loop())
    whatsapp._current = client = Client(neonize, lambda _: None)
    client.live = True
    return whatsapp, client


async def test_questions_that_nobody_answers_do_not_pile_up() -> None:
    neonize = Neonize()
    whatsapp, _ = _whatsapp(neonize)
    asked = threading.Semaphore(0)

    def wait(_: Any) -> None:
        asked.release()
        neonize.go.wait(5)

    for _ in range(MOST_OPEN_QUESTIONS):
        with pytest.raises(UnansweredError):
            await whatsapp.ask(wait, 0.0)
    with pytest.raises(QueryError, match=TOO_MANY_OPEN):
        await whatsapp.ask(lambda _: None, 1.0)
    for _ in range(MOST_OPEN_QUESTIONS):
        asked.acquire()
    neonize.go.set()
    async with asyncio.timeout(5):
        while True:  # the threads end one by one
            with contextlib.suppress(QueryError):
                assert await whatsapp.ask(lambda _: "answer", 1.0) == "answer"
                break
            await asyncio.sleep(0.005)
