from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.host.harness import Mesh


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path / "data")
    yield mesh
    mesh.clean_up()
