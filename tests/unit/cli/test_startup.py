"""The command starts quickly: it is typed by people who wait."""

import subprocess
import sys

HEAVY = {"aiohttp", "sqlalchemy", "consul", "neonize"}


def test_a_sub_command_does_not_load_the_mesh() -> None:
    script = "import sys, botmesh.cli.main; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY & set(done.stdout.split()) == set()
