"""What a process shows of itself in Consul, with a Consul that tests play."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from botnode import presence as presence_module
from botnode.identity import Identity
from botnode.presence import InConsul
from botnode.session import SessionMachine
from botnode.states import SessionState


class Discovery:
    """An agent that answers, and gives the lease; `broken` fails updates."""

    url = "http://127.0.0.1:8500"

    def __init__(self) -> None:
        self.shown: asyncio.Queue[str] = asyncio.Queue()
        self.broken = False

    async def answers(self) -> bool:
        return True

    def own(self, *_: object, **__: object) -> Any:
        nothing: Any = AsyncMock()
        lease = SimpleNamespace(on_lost=lambda _: None, acquire=nothing, release=nothing)
        registration = SimpleNamespace(register=nothing, deregister=nothing, update=self._update)
        return lease, registration

    async def _update(self, *, state: str, number: str | None, error: str) -> None:
        if self.broken:
            raise RuntimeError("a fault")
        self.shown.put_nowait(state)


@pytest.fixture
def discovery() -> Any:
    return Discovery()


@pytest.fixture
def presence(identity: Identity, discovery: Any) -> InConsul:
    return InConsul(discovery, identity, hosted=False, lost=lambda _: None)


async def test_consul_answers_but_does_not_give_the_lock(presence: InConsul) -> None:
    assert "another process may hold it" in await presence.why_waiting()


@pytest.mark.parametrize("hangs", [False, True])
async def test_consul_does_not_answer(
    presence: InConsul, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(presence_module, "ANSWER_S", 0.01)

    async def answers() -> bool:
        if hangs:
            await asyncio.Event().wait()
        return False

    monkeypatch.setattr(presence._discovery, "answers", answers)
    assert await presence.why_waiting() == "Consul does not answer at http://127.0.0.1:8500"


async def test_a_session_that_could_not_be_shown_freezes_nothing(
    presence: InConsul, discovery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: asyncio.Queue[str] = asyncio.Queue()
    log = SimpleNamespace(exception=lambda event, **_: logged.put_nowait(event))
    monkeypatch.setattr(presence_module, "log", log)
    await presence.acquire("127.0.0.1:1")
    await presence.announce(1)
    machine = SessionMachine()
    machine.observe(presence.session)
    async with asyncio.timeout(5):
        discovery.broken = True
        machine.move(SessionState.UNPAIRED)
        assert await logged.get() == "session_not_shown"
        discovery.broken = False
        machine.move(SessionState.PAIRING)
        assert await discovery.shown.get() == "PAIRING"
    await presence.withdraw()
