"""What tests of several parts share."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from consul_agent import ConsulAgent

# What takes long starts first, so that no worker is left with it when the others are done.
LONGEST_FIRST = (
    "e2e/botnode/test_long.py",
    "e2e/mesh",
    "chaos",
    "e2e/machines",
    "e2e/host",
    "e2e/export",
    "e2e/truth",
    "e2e",
    "integration/consul",
    "integration",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(here)
        within = {path.as_posix(), *(parent.as_posix() for parent in path.parents)}
        found = (n for n, place in enumerate(LONGEST_FIRST) if place in within)
        return next(found, len(LONGEST_FIRST))

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A worker more than there are processors: tests mostly wait, for processes of their own."""
    return min(len(os.sched_getaffinity(0)) + 1, 4)


@pytest.fixture
def start_consul(tmp_path: Path) -> Iterator[Callable[..., ConsulAgent]]:
    """Starts a Consul agent; it is killed with the test."""
    agents: list[ConsulAgent] = []

    def start(**options: Any) -> ConsulAgent:
        agent = ConsulAgent(tmp_path / f"consul-{len(agents)}", **options)
        agents.append(agent)
        return agent.start()

    yield start
    for agent in agents:
        agent.kill()


@pytest.fixture
def consul(start_consul: Callable[..., ConsulAgent]) -> ConsulAgent:
    """A Consul agent that keeps everything in memory."""
    return start_consul()
