"""What tests of several parts share."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from consul_agent import ConsulAgent


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
