from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.launch import RunningSandbox
from tests.e2e.host.hosted import Hosted


@pytest.fixture(scope="module")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def hosted(tmp_path: Path, running_sandbox: RunningSandbox) -> Iterator[Hosted]:
    hosted = Hosted(tmp_path / "data", running_sandbox)
    try:
        yield hosted
    finally:
        hosted.close()
