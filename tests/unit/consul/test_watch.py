"""The watch over a Consul that answers as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from registry.discovery.consul_client import ConsulUnavailableError, Key
from registry.discovery.consul_watch import ConsulRouteWatch, _pause_s
from registry.discovery.port import Route, RouteChange, Snapshot

Answer = tuple[int, list[Key]] | Exception


class Script:
    """Answers in order, and notes with which index it was asked; then it holds the query."""

    url = "http://consul"

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[int | None] = []
        self.waits: list[int] = []
        self.last: tuple[int, list[Key]] = (0, [])

    async def keys(
        self, prefix: str, index: int | None = None, *, wait_s: int = 55
    ) -> tuple[int, list[Key]]:
        assert prefix == "botmesh/m/routes/"
        self.asked.append(index)
        self.waits.append(wait_s)
        if not self.answers:
            # Nothing changes any more: an answer comes when the time that was asked for is over.
            await asyncio.sleep(0.4 * wait_s if wait_s < 55 else 3600)
            self.answers.append(self.last)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.last = answer
        return answer


def key(tenant: str, instance: str = "one", *, epoch: int = 1, index: int = 1) -> Key:
    value = f'{{"address": "127.0.0.1:3001", "epoch": {epoch}}}'.encode()
    return Key(f"botmesh/m/routes/{tenant}/{instance}", value, "session", index)


def route(tenant: str, instance: str = "one", *, epoch: int = 1) -> Route:
    return Route(tenant, "127.0.0.1:3001", instance, epoch)


async def told(
    script: Script, count: int, *, grace_s: float = 60.0
) -> list[Snapshot | RouteChange]:
    watch = ConsulRouteWatch(script, "m", grace_s=grace_s, rand=lambda: 0.0)
    changes: AsyncIterator[Snapshot | RouteChange]
    async with asyncio.timeout(5), aclosing(watch.watch()) as changes:
        return [await anext(changes) for _ in range(count)]


async def test_a_snapshot_then_changes() -> None:
    script = Script(
        (5, [key("a")]),
        (5, [key("a")]),  # the time was over
        (6, [key("a"), key("b")]),
        (7, [key("b")]),
    )
    assert await told(script, 3) == [
        Snapshot({"a": (route("a"),)}),
        RouteChange("b", (route("b"),)),
        RouteChange("a", ()),
    ]
    assert script.asked == [None, 5, 5, 6]


async def test_an_index_that_goes_backwards_is_forgotten() -> None:
    script = Script((50, [key("a")]), (3, [key("a"), key("b")]), (3, [key("a"), key("b")]))
    assert len(await told(script, 2)) == 2
    script.answers = [(4, [])]
    assert script.asked[:3] == [None, 50]
    script = Script((50, []), (3, []), (3, [key("a")]))
    assert await told(script, 2) == [Snapshot({}), RouteChange("a", (route("a"),))]
    assert script.asked == [None, 50, None]


async def test_epochs_in_order_the_highest_first() -> None:
    script = Script((1, [key("a", "old", epoch=9), key("a", "new", epoch=10)]))
    (snapshot,) = await told(script, 1)
    assert snapshot == Snapshot({"a": (route("a", "new", epoch=10), route("a", "old", epoch=9))})


async def test_after_an_outage_nobody_is_given_up_before_the_grace_is_over() -> None:
    away = ConsulUnavailableError("away")
    both = [key("a"), key("b")]
    moved = [key("b", "two", epoch=2, index=3)]
    script = Script((5, both), away, away, (1, []), (3, moved))
    first, back, change, gone = await told(script, 4, grace_s=0.3)
    assert first == back == Snapshot({"a": (route("a"),), "b": (route("b"),)})
    assert change == RouteChange("b", (route("b", "two", epoch=2),))
    assert gone == RouteChange("a", ())
    # While the grace runs, answers are asked for by its end.
    assert script.waits[4] == 1


async def test_the_first_snapshot_waits_for_consul() -> None:
    script = Script(ConsulUnavailableError("away"), ConsulUnavailableError("away"), (1, []))
    assert await told(script, 1) == [Snapshot({})]


@pytest.mark.parametrize(("keys", "pause_s"), [(0, 0.01), (1000, 0.035), (100_000, 1.0)])
def test_the_pause_grows_with_the_answer(keys: int, pause_s: float) -> None:
    assert _pause_s(keys) == pytest.approx(pause_s)
