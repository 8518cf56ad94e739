"""``python -m benchmarks``: runs the suite, prints its table and writes it to RESULTS.md."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from benchmarks import growth, hop, idle, memory, results, start, streams, suite, table
from benchmarks.figure import Verdict
from benchmarks.machine import Machine
from benchmarks.subject import Subject

SUBJECTS = (
    start.SUBJECT,
    memory.SUBJECT,
    growth.SUBJECT,
    streams.SUBJECT,
    idle.SUBJECT,
    hop.SUBJECT,
    growth.WHOLE,
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line says; exits with a message where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [subject.name for subject in SUBJECTS]
    parser.add_argument(
        "--only",
        type=lambda text: _chosen(text, names),
        default=[subject.name for subject in SUBJECTS if subject.in_suite],
        metavar="SUBJECT,...",
        help=f"a part of the suite, not written to {results.FILE.name}: {', '.join(names)}",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the paired tenants are kept for further runs; a temporary one else",
    )
    found = parser.parse_args(arguments)
    found.whole = found.only == parser.get_default("only")
    return found


def _chosen(text: str, names: Sequence[str]) -> list[str]:
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    if not wanted or (unknown := [word for word in wanted if word not in names]):
        said = ", ".join(unknown) if wanted else "nothing"
        raise argparse.ArgumentTypeError(f"{said}: choose from {', '.join(names)}")
    return [name for name in names if name in wanted]


def main() -> int:
    """Run it; the exit status: 1 where something could not be measured."""
    given = parse(sys.argv[1:])
    chosen: list[Subject] = [subject for subject in SUBJECTS if subject.name in given.only]
    signal.signal(signal.SIGTERM, _end)
    # What users start is installed: it has its bytecode, and compiles nothing.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # The registry and the data directory are opened here as well, and would tell of it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="botmesh-bench-"))
        )
        try:
            run = asyncio.run(suite.run(chosen, folder.absolute(), _say))
        except KeyboardInterrupt:
            _say("stopped")
            return 130
    print("\n".join(["", *Machine.here().lines(), "", table.text(run.figures), ""]))
    print(f"{table.summary(run.figures)}, in {run.seconds / 60:.1f} minutes")
    if given.whole:
        results.write(run, Machine.here())
        print(f"written to {results.FILE.relative_to(results.FILE.parents[1])}")
    return 1 if any(f.verdict is Verdict.FAILED for f in run.figures) else 0


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
