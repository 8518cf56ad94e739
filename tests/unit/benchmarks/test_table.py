"""The table of the benchmarks says what was measured, and whether it is what it should be."""

import pytest

from benchmarks import results, table
from benchmarks.figure import Figure, Load, Sense, Target, Verdict
from benchmarks.machine import Machine
from benchmarks.suite import Run

MACHINE = Machine(
    processor="A processor",
    cores=2,
    memory_gb=3.9,
    kernel="6.1",
    python="3.11.7",
    grpcio="1.85.1",
    neonize="0.5.2",
    date="2026-01-02 03:04 UTC",
    commit="0123456789",
)


def figure(value: float | None = 12.345, **more: object) -> Figure:
    return Figure("memory", "PSS per tenant", value, "MB", **more)  # type: ignore[arg-type] - any field


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (None, Verdict.NOT_SET),
        (Target(12.345), Verdict.MET),
        (Target(12.3), Verdict.MISSED),
        (Target(12.345, Sense.BELOW), Verdict.MISSED),
        (Target(12.4, Sense.BELOW), Verdict.MET),
        (Target(12.345, Sense.AT_LEAST), Verdict.MET),
        (Target(13, Sense.AT_LEAST), Verdict.MISSED),
    ],
)
def test_a_figure_is_held_against_its_target(target: Target | None, verdict: Verdict) -> None:
    assert figure(target=target).verdict is verdict


def test_a_target_of_a_ratio_is_held_against_the_reference() -> None:
    target = Target(2.0, of_ratio=True)
    assert figure(300.0, reference=150.0, target=target).verdict is Verdict.MET
    assert figure(301.0, reference=150.0, target=target).verdict is Verdict.MISSED
    assert figure(301.0, target=target).verdict is Verdict.FAILED, (
        "there is nothing to compare with"
    )
    assert figure(None, target=Target(1)).verdict is Verdict.FAILED


def test_a_line_says_target_value_ratio_verdict_load_and_notes() -> None:
    shown = figure(
        1234.5,
        target=Target(2, of_ratio=True),
        reference=500.0,
        against="direct",
        count=2000,
        load=Load(sandbox=0.25, others=0.04),
        note="pacing off",
    )
    line = table.markdown([shown]).splitlines()[-1]
    assert line == (
        "| PSS per tenant | <= 2 x | 1,234 MB | 2.47 x direct | NO | 0.25 | 0.04 "
        "| n=2,000; pacing off |"
    )
    assert "".join(table.text([shown]).split()).endswith(
        "<=2x1,234MB2.47xdirectNO0.250.04n=2,000;pacingoff"
    )


def test_a_busy_machine_is_marked() -> None:
    quiet, busy = (figure(load=Load(0, others)) for others in (0.1, 0.11))
    assert " ! |" not in table.markdown([quiet])
    assert "| 0.11 ! |" in table.markdown([busy])


def test_what_was_not_measured_says_why() -> None:
    lines = table.markdown(
        [
            Figure.failed("hop", "broke off", "a | b"),
            Figure.skipped("hop", "nginx", "no nginx"),
        ]
    ).splitlines()[-2:]
    assert lines[0] == "| broke off |  |  |  | failed |  |  | a / b |"
    assert lines[1] == "| nginx |  |  |  | skipped |  |  | no nginx |"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.034, "0.03"), (1.2345, "1.23"), (-1.5, "-1.50"), (12.34, "12.3"), (123.4, "123")],
)
def test_numbers_have_the_figures_that_matter(value: float, shown: str) -> None:
    assert table.number(value) == shown


def test_the_file_has_machine_date_commit_and_every_subject_once() -> None:
    figures = [
        figure(target=Target(18)),
        figure(target=Target(10)),
        Figure.skipped("hop", "nginx", "no nginx"),
    ]
    text = results.render(Run(figures, 90.0), MACHINE)
    for fact in (
        "2026-01-02 03:04 UTC",
        "0123456789",
        "A processor, 2 cores, 3.9 GiB",
        "Linux 6.1",
    ):
        assert fact in text
    assert "Python 3.11.7, grpcio 1.85.1, neonize 0.5.2" in text
    assert "1 met, 1 missed, 1 skipped, in 1.5 minutes." in text
    assert text.count("| **memory** |") == 1
    assert text.count("| **hop** |") == 1
