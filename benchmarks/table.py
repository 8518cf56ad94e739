"""The table of all figures, for a terminal and for a file."""

from collections.abc import Iterable, Sequence

from benchmarks.figure import Figure, Target

COLUMNS = ("figure", "target", "measured", "ratio", "met", "sandbox", "others", "n, notes")
# Above this the machine had other things to do, and absolute figures are worth less.
BUSY_CORES = 0.1
_NOTES = len(COLUMNS) - 1
_SMALL = 10


def text(figures: Sequence[Figure]) -> str:
    """In columns of even width, the subjects apart."""
    rows = [_cells(figure) for figure in figures]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    widths[_NOTES] = 0
    lines = [_line(COLUMNS, widths), "-" * sum(w + 2 for w in widths)]
    subject = ""
    for figure, row in zip(figures, rows, strict=True):
        if figure.subject != subject:
            subject = figure.subject
            lines.append(f"{subject}")
        lines.append(_line(row, widths))
    return "\n".join(line.rstrip() for line in lines)


def markdown(figures: Sequence[Figure]) -> str:
    """As a table of Markdown."""
    lines = [_joined(COLUMNS), _joined(["---"] * len(COLUMNS))]
    subject = ""
    for figure in figures:
        if figure.subject != subject:
            subject = figure.subject
            lines.append(_joined([f"**{subject}**", *[""] * _NOTES]))
        lines.append(_joined(_cells(figure)))
    return "\n".join(lines)


def summary(figures: Iterable[Figure]) -> str:
    """How many targets were met."""
    verdicts = [figure.verdict.name.lower().replace("_", " ") for figure in figures]
    counted = {word: verdicts.count(word) for word in ("met", "missed", "failed", "skipped")}
    return ", ".join(f"{count} {word}" for word, count in counted.items() if count or word == "met")


def number(value: float) -> str:
    """Three figures, or as many as stand before the point."""
    size = abs(value)
    if size >= _SMALL**2 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= _SMALL else f"{value:.2f}"


def _cells(figure: Figure) -> list[str]:
    value = "" if figure.value is None else f"{number(figure.value)} {figure.unit}".strip()
    load = figure.load
    ratio = figure.ratio
    return [
        f"  {figure.name}",
        "" if figure.target is None else _target(figure.target, figure.unit),
        value,
        "" if ratio is None else f"{ratio:.2f} x {figure.against}",
        figure.verdict.value,
        "" if load is None else f"{load.sandbox:.2f}",
        "" if load is None else f"{load.others:.2f}{' !' if load.others > BUSY_CORES else ''}",
        _notes(figure),
    ]


def _notes(figure: Figure) -> str:
    count = "" if figure.count is None else f"n={figure.count:,}"
    return "; ".join(filter(None, (count, figure.note)))


def _target(target: Target, unit: str) -> str:
    limit = f"{target.limit:g}"
    return f"{target.sense.value} {limit} {'x' if target.of_ratio else unit}".strip()


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _joined(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.strip().replace('|', '/') for cell in cells)} |"
