"""Writes what a run measured to RESULTS.md."""

from pathlib import Path

from benchmarks import table
from benchmarks.machine import Machine
from benchmarks.suite import Run

FILE = Path(__file__).parent / "RESULTS.md"
_HEAD = """# Benchmarks

Written by `make bench`; [docs/PERFORMANCE.md](../docs/PERFORMANCE.md) says what the figures mean.
"""
_COLUMNS = """\
"sandbox" and "others" are processor time in cores while a figure was measured: of the stand-in for
WhatsApp, and of what has nothing to do with the benchmark ("!" where that is enough to spoil
absolute figures). MB are 2^20 bytes.
"""


def write(run: Run, machine: Machine, file: Path = FILE) -> None:
    """Put the table, and what it was measured on, into the place of the last one's."""
    file.write_text(render(run, machine))


def render(run: Run, machine: Machine) -> str:
    """The file's text."""
    said = f"{table.summary(run.figures)}, in {run.seconds / 60:.1f} minutes."
    facts = "\n".join(f"- {line}" for line in machine.lines())
    return "\n".join([_HEAD, facts, f"- {said}\n", _COLUMNS, table.markdown(run.figures), ""])
