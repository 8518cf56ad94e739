"""A world around a Consul agent for each test."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog
from consul_agent import ConsulAgent
from structlog.testing import LogCapture

sys.path.insert(0, str(Path(__file__).parent))

from consul_world import World


@pytest.fixture
async def world(consul: ConsulAgent, tmp_path: Path) -> AsyncIterator[World]:
    """A world around an agent that keeps everything in memory."""
    async with AsyncExitStack() as stack:
        yield World(consul, tmp_path, stack)


@pytest.fixture
async def world_around(tmp_path: Path) -> AsyncIterator[Callable[[ConsulAgent], World]]:
    """Makes a world around an agent of the test's own."""
    async with AsyncExitStack() as stack:
        yield lambda agent: World(agent, tmp_path, stack)


@pytest.fixture
def logged() -> LogCapture:
    """What is logged in this process."""
    before = structlog.get_config()
    capture = LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture
    structlog.configure(**before)
