"""Half a minute of chaos, and what it came to: `make chaos` does the same for longer."""

import os
import secrets
from pathlib import Path

import pytest

from tests.chaos.books import Books
from tests.chaos.chaos import Chaos, Plan
from tests.chaos.ledger import judge
from tests.chaos.mischief import Mood
from tests.chaos.senders import Habits
from tests.chaos.story import tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHORT = Plan(
    seed=os.environ.get("SEED") or secrets.token_hex(4),
    duration_s=30,
    tenants=3,
    discovery="consul",
    settle_s=100,
    # A duplicate that is allowed goes out 30 s after its session is back: longer than this lasts.
    habits=Habits(duplicates=0),
    mood=Mood(pause_s=1.0, lasting=False),
)


async def test_the_ledger_balances(tmp_path: Path) -> None:
    run = await Chaos(SHORT, tmp_path, print).play()
    run.save(tmp_path / "run.json")
    ledger = judge(run)
    books = Books(run)
    stories = ["\n".join(tell(books, violation)) for violation in ledger.violations[:3]]
    report = [f"SEED={SHORT.seed}", *ledger.lines(), *stories, f"FROM={tmp_path / 'run.json'}"]
    assert ledger.balances, "\n".join(report)
    assert ledger.counts["arrivals"]["of messages"]
    assert run.faults
