"""Meshes for the tests of this folder, each with embedded discovery and with Consul."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from consul_agent import ConsulAgent

from tests.e2e.mesh.harness import EXAMPLES, Mesh


@pytest.fixture(scope="module", params=["embedded", "consul"])
def agent(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConsulAgent | None]:
    """The Consul agent that the meshes of a module use, or None."""
    if request.param == "embedded":
        yield None
        return
    agent = ConsulAgent(tmp_path_factory.mktemp("consul"), keeps_data=True)
    agent.start()
    yield agent
    agent.kill()


@pytest.fixture(scope="module")
def mesh(agent: ConsulAgent | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh with its two example tenants, paired; every test leaves it so."""
    mesh = Mesh(tmp_path_factory.mktemp("mesh"), agent)
    try:
        mesh.start()
        for number, tenant_id in enumerate(EXAMPLES):
            mesh.pair(tenant_id, f"+52155100000{number:02}")
        yield mesh
    finally:
        mesh.close()


@pytest.fixture
def new_mesh(agent: ConsulAgent | None, tmp_path: Path) -> Iterator[Mesh]:
    """A mesh that the test starts itself."""
    mesh = Mesh(tmp_path / "data", agent)
    try:
        yield mesh
    finally:
        mesh.close()
