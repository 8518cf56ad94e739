"""The README's tables say what the code says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_tables_are_fresh() -> None:
    checked = subprocess.run(
        [sys.executable, "docs/tables.py", "--check"], cwd=ROOT, capture_output=True, check=False
    )
    assert checked.returncode == 0, f"run: make docs\n{checked.stderr.decode()}"
