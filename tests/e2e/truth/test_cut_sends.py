"""What the real library does with a send that is cut, and whether our rule ever lies about it.

The cells are tried once, in one go; each test looks at one of them. The whole table is tried by
``python -m tests.e2e.truth.table``, which also writes it into docs/CUT_SENDS.md.
"""

import os

import pytest

from tests.e2e.truth import table
from tests.e2e.truth.cells import Cell, Content, Event, Record, all_cells, short_cells

CELLS = short_cells()
# Which of several steps notices first that the line is gone differs from run to run.
RACING = frozenset({Event.TAKEOVER})

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def records() -> dict[Cell, Record]:
    return {record.cell: record for record in table.run(CELLS)}


@pytest.fixture
def record(records: dict[Cell, Record], cell: Cell) -> Record:
    if cell not in records:
        assert "CI" not in os.environ, "a small disk cannot be mounted"
        pytest.skip("a small disk cannot be mounted")
    return records[cell]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_what_never_left_never_arrives(record: Record) -> None:
    got = record.arrived + record.unread
    assert not (record.never_left and got), record
    assert got <= 1, record
    assert record.unread == 0, record
    if record.answer == "sent" and not record.skipped:
        assert got == 1, record


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_document_says_what_happens(record: Record) -> None:
    said = table.committed()[record.cell]
    found = record.columns()
    if record.cell.event in RACING:
        said, found = said[1:4], found[1:4]
    assert found == said


def test_the_document_has_the_whole_table() -> None:
    assert table.committed().keys() == {*all_cells()}


def test_kills_are_told_apart(records: dict[Cell, Record]) -> None:
    """The rule is of use: a message that was killed before it left is known not to have left."""
    for content in Content:
        killed = [record for cell, record in records.items() if cell.content is content]
        by_position = {r.cell.position: r for r in killed if r.cell.event is Event.KILL}
        assert [r.never_left for r in by_position.values()] == [True, False, False, False]


@pytest.mark.parametrize("left_out", ["dead", "same_store", "stored"])
def test_every_part_of_the_rule_is_needed(records: dict[Cell, Record], left_out: str) -> None:
    """Without it, some message that arrived would count as one that never left."""

    def holds(record: Record) -> bool:
        parts = {
            "dead": record.dead,
            "same_store": record.same_store,
            "stored": not record.unstored,
        }
        return all(held for part, held in parts.items() if part != left_out)

    silent = [record for record in records.values() if not (record.row or record.logged_out)]
    assert any(record.arrived for record in silent if holds(record))
