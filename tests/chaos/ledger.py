"""The ledger of a run: what was promised, what arrived, and where the two differ."""

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos import answers, arrivals, inbound, logs
from tests.chaos.books import SENT, Books, Violation
from tests.chaos.record import Run


@dataclass(slots=True)
class Ledger:
    """What a run came to."""

    violations: list[Violation] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def balances(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations

    def lines(self) -> list[str]:
        """The figures, for people."""
        width = max(map(len, self.counts), default=0)
        return [
            f"{title:<{width}}  " + ", ".join(f"{name} {count}" for name, count in row.items())
            for title, row in self.counts.items()
        ]


def judge(run: Run) -> Ledger:
    """Hold a run against what the contract promises. Pure."""
    books = Books(run)
    lost = inbound.lost(books)
    ledger = Ledger()
    ledger.violations = [
        *(Violation("the run itself", words) for words in run.troubles),
        *arrivals.judge(books),
        *answers.judge(books),
        *logs.judge(books),
        *inbound.judge(books, lost),
    ]
    ledger.counts = _counts(books, lost)
    return ledger


def _counts(books: Books, lost: inbound.Lost) -> dict[str, dict[str, int]]:
    run = books.run
    ends: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    for request in run.requests:
        message = books.message(request)
        ends[message.state if message else "not accepted"] += 1
        if message and message.state == "FAILED":
            fates[message.reason] += 1
        if message and message.state == "UNKNOWN":
            fates[f"UNKNOWN, arrived {len(books.arrivals(request))} times"] += 1
        if message and message.state in SENT and books.undecryptable(message):
            fates["undecryptable"] += 1
        if len(books.arrivals(request)) > 1:
            fates["arrived twice as allowed"] += 1
    calls = Counter(
        f"{call.kind} {call.answer.name}" for request in run.requests for call in request.calls
    )
    paths = Counter(
        " ".join(books.states(message)) for found in books.messages.values() for message in found
    )
    gone = len(lost.in_window) + len(lost.at_stop) + len(lost.unexplained)
    retried = sum(e.arrivals > 1 for e in run.entries if e.direction == "RECEIVED")
    return {
        "requests": {"all": len(run.requests), **_sorted(ends)},
        "fates": _sorted(fates),
        "calls": {"all": calls.total(), **_sorted(calls)},
        "ways": _sorted(paths),
        "arrivals": {
            "of messages": sum(len(books.arrivals(r)) for r in run.requests),
            "frames repeated by the library": retried,
        },
        "written to tenants": {
            "all": len(lost.expected),
            "in the event logs": len(lost.expected) - gone,
            "lost when a process was killed": len(lost.in_window),
            "lost": gone - len(lost.in_window),
        },
        "events": {tenant_id: len(log) for tenant_id, log in sorted(run.logs.items())},
        "faults": _sorted(Counter(fault.kind for fault in run.faults)),
    }


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())
