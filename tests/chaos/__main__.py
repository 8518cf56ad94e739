"""`python -m tests.chaos`: a run as the environment says, its ledger, and an exit status.

``DURATION`` in seconds (600), ``SEED`` (random, printed first), ``TENANTS`` (4), ``DISCOVERY``
(embedded or consul). With ``FROM`` a run that was kept is judged again.
"""

import asyncio
import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.books import Books
from tests.chaos.chaos import Chaos, Plan
from tests.chaos.ledger import judge
from tests.chaos.record import Run
from tests.chaos.story import tell

# Of one kind.
MOST_STORIES = 3


def main() -> int:
    """Play a run and judge it; the exit status."""
    logging.disable(logging.WARNING)
    if kept := os.environ.get("FROM"):
        return report(Run.load(Path(kept)))
    plan = Plan(
        seed=os.environ.get("SEED") or secrets.token_hex(4),
        duration_s=float(os.environ.get("DURATION") or 600),
        tenants=int(os.environ.get("TENANTS") or 4),
        discovery=os.environ.get("DISCOVERY") or "embedded",
    )
    say(f"SEED={plan.seed} DURATION={plan.duration_s:.0f} DISCOVERY={plan.discovery}")
    folder = Path(tempfile.mkdtemp(prefix="botmesh-chaos-"))
    run = asyncio.run(Chaos(plan, folder, say).play())
    run.save(folder / "run.json")
    status = report(run)
    if status:
        say(f"FROM={folder / 'run.json'} judges it again; logs in {folder / 'data' / 'logs'}")
    else:
        shutil.rmtree(folder)
    return status


def report(run: Run) -> int:
    """Print the ledger; 0 if it balances."""
    ledger, books = judge(run), Books(run)
    rules = Counter(violation.rule for violation in ledger.violations)
    for rule in rules:
        broken = [violation for violation in ledger.violations if violation.rule == rule]
        for violation in broken[:MOST_STORIES]:
            print("\n".join(tell(books, violation)), end="\n\n")
    print("\n".join(ledger.lines()))
    if ledger.balances:
        print("The ledger balances.")
        return 0
    print(f"The ledger does not balance: {rules.total()} violations of")
    for rule, count in rules.most_common():
        print(f"  {count:4}  {rule}")
    return 1


def say(words: str) -> None:
    """Print at once."""
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
