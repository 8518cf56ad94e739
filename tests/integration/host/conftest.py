from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.host.harness import Mesh


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh whose host runs for all tests of a file; each uses tenants of its own."""
    mesh = Mesh(tmp_path_factory.mktemp("shared") / "data")
    mesh.start_host()
    yield mesh
    mesh.clean_up()


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path / "data")
    yield mesh
    mesh.clean_up()
