"""Meshes for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.mesh.harness import EXAMPLES, Mesh


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh with its two example tenants, paired; every test leaves it so."""
    mesh = Mesh(tmp_path_factory.mktemp("mesh"))
    try:
        mesh.start()
        for number, tenant_id in enumerate(EXAMPLES):
            mesh.pair(tenant_id, f"+52155100000{number:02}")
        yield mesh
    finally:
        mesh.close()


@pytest.fixture
def new_mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A mesh that the test starts itself."""
    mesh = Mesh(tmp_path / "data")
    try:
        yield mesh
    finally:
        mesh.close()
