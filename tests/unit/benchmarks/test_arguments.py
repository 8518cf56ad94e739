"""What `python -m benchmarks` is told, and that a part that fails does not keep the rest."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from benchmarks import suite
from benchmarks.__main__ import parse
from benchmarks.figure import Figure, Verdict
from benchmarks.subject import Subject
from benchmarks.world import World

SUITE = ["start", "memory", "growth", "streams", "idle", "hop"]


def test_without_a_choice_the_suite_is_run_and_written() -> None:
    given = parse([])
    assert given.only == SUITE
    assert given.whole


def test_parts_are_run_in_the_suites_order_and_not_written() -> None:
    given = parse(["--only", "hop, memory,"])
    assert given.only == ["memory", "hop"]
    assert not given.whole


def test_what_is_not_in_the_suite_can_be_chosen() -> None:
    assert parse(["--only", "growth-whole"]).only == ["growth-whole"]


@pytest.mark.parametrize("text", ["", ",", "hop,speed"])
def test_a_part_that_does_not_exist_is_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(["--only", text])
    assert exit_.value.code == 2
    assert "choose from start, memory" in capsys.readouterr().err


def test_what_breaks_off_keeps_its_figures_and_says_why(tmp_path: Path) -> None:
    async def breaks(_: World) -> AsyncGenerator[Figure, None]:
        yield Figure("one", "first", 1.0, "s")
        raise ExceptionGroup("tasks", [ValueError("no\nway")])

    async def works(_: World) -> AsyncGenerator[Figure, None]:
        yield Figure("two", "second", 2.0, "s")

    subjects = [Subject("one", 0, breaks), Subject("two", 0, works)]
    run = asyncio.run(suite.run(subjects, tmp_path, lambda _: None))
    assert [(f.name, f.verdict) for f in run.figures] == [
        ("first", Verdict.NOT_SET),
        ("broke off", Verdict.FAILED),
        ("second", Verdict.NOT_SET),
    ]
    assert run.figures[1].note == "ValueError: no way"
