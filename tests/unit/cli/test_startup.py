"""The command starts quickly: it is typed by people who wait."""

import subprocess
import sys

from typer.main import get_command
from typer.testing import CliRunner

from botmesh.cli.commands import PLACES
from botmesh.cli.main import app

HEAVY = {"aiohttp", "sqlalchemy", "consul", "neonize"}


def _loaded(*modules: str) -> set[str]:
    """What a fresh process has loaded after these modules."""
    script = f"import sys, {', '.join(modules)}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_a_sub_command_does_not_load_the_mesh_or_another_sub_command() -> None:
    loaded = _loaded("botmesh.cli.main", "botmesh.cli.chat")
    assert loaded & {*HEAVY, "botmesh.cli.group", "botmesh.cli.sandbox"} == set()


def test_up_starts_the_parts_before_it_loads_what_shows_them() -> None:
    loaded = _loaded("botmesh.cli.main", "botmesh.cli.up", "botmesh.up.run")
    assert loaded & {*HEAVY, "botmesh.v1", "botmesh.up.show"} == set()


def test_a_host_starts_its_forkserver_before_it_loads_the_registry() -> None:
    assert "sqlalchemy" not in _loaded("botnode.host.app", "botnode.host.settings")


def test_every_sub_command_is_in_its_place() -> None:
    commands = get_command(app)
    listed = CliRunner().invoke(app, ["--help"]).output
    for name in PLACES:
        assert commands.get_command(None, name).name == name  # type: ignore[attr-defined]  # a group
        assert f"  {name} " in listed


def test_another_name_is_proposed_for_one_that_there_is_not() -> None:
    done = CliRunner().invoke(app, ["mesages"])
    assert done.exit_code == 2
    assert "Did you mean 'messages'" in done.output
