"""What a process shows of itself in Consul, with a Consul that tests play."""

import asyncio
from typing import Any

import pytest

from botnode import presence as presence_module
from botnode.identity import Identity
from botnode.presence import InConsul


class Discovery:
    """An agent that answers."""

    url = "http://127.0.0.1:8500"

    async def answers(self) -> bool:
        return True


@pytest.fixture
def presence(identity: Identity) -> InConsul:
    discovery: Any = Discovery()
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
