"""How a host's reports reach the registry: at once, then together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from botnode.host import reports as reports_module
from botnode.host.reports import Reports
from registry.observation import Observation, Observed
from registry.service import RegistryUnavailableError, Tenants

TOOK_S = 0.002


class _Tenants:
    """Notes what is written, and when; a write takes its time, or fails as often as it is told."""

    def __init__(self) -> None:
        self.written: list[list[int | None]] = []
        self.at: list[float] = []
        self.failures = 0
        self.begun = asyncio.Event()

    async def observe(self, _: str, observations: Sequence[Observation]) -> None:
        self.at.append(asyncio.get_running_loop().time())
        self.begun.set()
        await asyncio.sleep(TOOK_S)
        if self.failures:
            self.failures -= 1
            raise RegistryUnavailableError
        self.written.append([observation.changes.get("pid") for observation in observations])


@pytest.fixture
def tenants() -> _Tenants:
    return _Tenants()


@pytest.fixture
async def reports(tenants: _Tenants) -> AsyncIterator[Reports]:
    found = Reports(cast("Tenants", tenants), "h", retry_s=0.001)
    running = asyncio.create_task(found.run())
    yield found
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _seen(pid: int) -> Observation:
    return Observation("a", Observed(pid=pid))


async def test_what_comes_while_one_is_written_is_written_together(
    reports: Reports, tenants: _Tenants
) -> None:
    reports.add(_seen(1))
    await tenants.begun.wait()  # the first waits for nothing
    for pid in (2, 3, 4):
        reports.add(_seen(pid))
    await reports.flush()
    assert tenants.written == [[1], [2, 3, 4]]


async def test_after_a_write_there_is_a_rest(
    reports: Reports, tenants: _Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_module, "REST_FACTOR", 10)
    reports.add(_seen(1))
    await reports.flush()
    reports.add(_seen(2))
    await reports.flush()
    first, second = tenants.at
    assert second - first >= 10 * TOOK_S


async def test_what_could_not_be_written_comes_before_what_came_later(
    reports: Reports, tenants: _Tenants
) -> None:
    tenants.failures = 1
    reports.add(_seen(1))
    await tenants.begun.wait()
    reports.add(_seen(2))
    await reports.flush()
    assert tenants.written == [[1, 2]]


async def test_a_flush_without_reports_waits_for_nothing(reports: Reports) -> None:
    waiting: Any = reports.flush()
    await asyncio.wait_for(waiting, 1)
