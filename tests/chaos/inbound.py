"""What phones wrote to the tenants, against what stands in the tenants' event logs."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.books import Books, Violation
from tests.chaos.record import Entry, Happening

# neonize's channel of 100 events, the one in its handler's hands, and one on its way in.
LIBRARY_HOLDS = 102


@dataclass(slots=True)
class Lost:
    """What was written and is in no event log.

    Attributes:
        expected: all that must be there, with the tenant.
        in_window: lost where a process was killed: WhatsApp's library had confirmed it, and it was
            not on disk yet.
        by_kills: how many of those for a tenant and the processes whose kill explains them.
        at_stop: lost where a process stopped in good order, and none was killed.
        unexplained: lost otherwise.
    """

    expected: list[tuple[str, Entry]] = field(default_factory=list)
    in_window: list[tuple[str, Entry]] = field(default_factory=list)
    by_kills: Counter[tuple[str | int, ...]] = field(default_factory=Counter)
    at_stop: list[tuple[str, Entry]] = field(default_factory=list)
    unexplained: list[tuple[str, Entry]] = field(default_factory=list)


def lost(books: Books) -> Lost:
    """Find what is missing."""
    found = Lost()
    for tenant_id, number in books.run.tenants.items():
        written = sorted(
            (
                entry
                for entries in books.written.values()
                for entry in entries
                if number in (entry.chat, entry.phone)
            ),
            key=lambda entry: entry.sequence,
        )
        found.expected += [(tenant_id, entry) for entry in written]
        log = books.run.logs.get(tenant_id, [])
        kept = {e.incoming.text: e.sequence for e in reversed(log) if e.incoming}
        changes = _process_changes(log)
        for place, entry in enumerate(written):
            if entry.text not in kept:
                ends = _between(changes, written, place, kept)
                killed = [sequence for sequence, end in ends if end == "killed"]
                kind = found.in_window if killed else found.at_stop
                (kind if ends else found.unexplained).append((tenant_id, entry))
                if killed:
                    found.by_kills[tenant_id, *killed] += 1
    return found


def judge(books: Books, missing: Lost) -> list[Violation]:
    """Each once, as it was written, and nothing that nobody wrote."""
    found = [
        Violation(
            "what WhatsApp delivered is in the event log",
            f"{entry.text!r} from {entry.phone} was confirmed, and no process ended near it",
            tenant_id=tenant_id,
            time=entry.time,
        )
        for tenant_id, entry in missing.unexplained
    ]
    found += [
        Violation(
            "an orderly stop loses nothing",
            f"{entry.text!r} from {entry.phone} was confirmed before the process stopped",
            tenant_id=tenant_id,
            time=entry.time,
        )
        for tenant_id, entry in missing.at_stop
    ]
    found += _too_many(missing)
    for tenant_id, log in books.run.logs.items():
        found += _kept_once(books, tenant_id, log)
    found += [
        Violation("everything is delivered", f"{count} stanzas still wait for {who}")
        for who, count in books.run.waiting.items()
        if count
    ]
    return found


def _kept_once(books: Books, tenant_id: str, log: list[Happening]) -> Iterator[Violation]:
    number = books.run.tenants[tenant_id]
    times: dict[str, int] = defaultdict(int)
    for event in log:
        incoming = event.incoming
        if incoming is None:
            continue
        times[incoming.text] += 1
        if times[incoming.text] == 2:
            words = f"{incoming.text!r} stands in it twice, again as {event.sequence}"
            yield Violation(
                "nothing is received twice", words, tenant_id=tenant_id, time=event.time
            )
        side = "phone" if incoming.from_me else "chat"
        written = books.written.get(incoming.text, [])
        if not any(getattr(entry, side) == number for entry in written):
            words = f"event {event.sequence} tells of {incoming.text!r}, which nobody wrote so"
            yield Violation("what is received was written", words, tenant_id=tenant_id)


def _process_changes(log: list[Happening]) -> list[tuple[int, str]]:
    """The sequences at which another process went on, and how the one before it had ended."""
    changes: list[tuple[int, str]] = []
    before: Happening | None = None
    for event in log:
        if not event.instance:
            continue
        if before is not None and event.instance != before.instance:
            end = "stopped" if before.session == "STOPPED" else "killed"
            changes.append((event.sequence, end))
        before = event
    return changes


def _too_many(missing: Lost) -> Iterator[Violation]:
    """A process that is killed takes no more with it than the library holds for it."""
    for (tenant_id, *killed), count in missing.by_kills.items():
        if count > LIBRARY_HOLDS * len(killed):
            words = f"{count} were lost with {len(killed)} processes, before the events {killed}"
            yield Violation(
                "what WhatsApp delivered is in the event log", words, tenant_id=str(tenant_id)
            )


def _between(
    changes: list[tuple[int, str]], written: list[Entry], place: int, kept: dict[str, int]
) -> list[tuple[int, str]]:
    """The ends of processes between the neighbours of a lost message that were kept."""
    after = next((kept[e.text] for e in reversed(written[:place]) if e.text in kept), 0)
    until = next((kept[e.text] for e in written[place + 1 :] if e.text in kept), math.inf)
    return [change for change in changes if after < change[0] < until]
