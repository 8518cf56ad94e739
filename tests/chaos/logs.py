"""The event logs: their sequences, and the steps of messages that they tell of."""

from collections.abc import Iterator
from itertools import pairwise

from tests.chaos.books import SENT, STEPS, WAITING, Books, Violation
from tests.chaos.record import Happening, Outgoing

# Between the look at the clock and the time of the event.
LATE_S = 1.0


def judge(books: Books) -> list[Violation]:
    """Logs without gaps, consumers that missed nothing, and steps that the contract knows."""
    found: list[Violation] = []
    for tenant_id, log in books.run.logs.items():
        found += _sequence(tenant_id, log, "the log read in one go")
        consumed = books.run.consumed.get(tenant_id, [])
        found += _sequence(tenant_id, consumed, "the consumer with a cursor")
        found += _same(tenant_id, log, consumed)
        found += _ends(books, tenant_id)
        found += _at_once(tenant_id, log)
    for message_id, events in books.steps.items():
        found += _steps(message_id, events)
    found += _timelines(books)
    return found


def _timelines(books: Books) -> Iterator[Violation]:
    """GetMessage finds what was accepted, and tells of it what the log tells."""
    for request in books.run.requests:
        message = books.message(request)
        events = books.steps[message.message_id] if message else []
        expected = [(event.sequence, event.outgoing.state) for event in events if event.outgoing]
        told = books.run.timelines.get(request.request_id)
        if (told or []) != expected or (told is None) != (message is None):
            words = f"GetMessage told {told}, the log {expected}"
            yield Violation("outbox and event log agree", words, request.request_id)


def _sequence(tenant_id: str, events: list[Happening], who: str) -> Iterator[Violation]:
    rule = "sequences have no gap and no repeat"
    if events and events[0].sequence != 1:
        words = f"{who} begins with {events[0].sequence}"
        yield Violation(rule, words, tenant_id=tenant_id, time=events[0].time)
    for before, now in pairwise(events):
        if now.sequence != before.sequence + 1:
            words = f"{who}: {now.sequence} came after {before.sequence}"
            yield Violation(rule, words, tenant_id=tenant_id, time=now.time)
        if now.log_id != before.log_id:
            words = f"{who}: the log changed after {before.sequence}"
            yield Violation(rule, words, tenant_id=tenant_id, time=now.time)


def _same(tenant_id: str, log: list[Happening], consumed: list[Happening]) -> Iterator[Violation]:
    rule = "a consumer that stores its cursor sees all"
    if len(log) != len(consumed):
        words = f"the log has {len(log)} events, the consumer {len(consumed)}"
        yield Violation(rule, words, tenant_id=tenant_id)
    for one, other in zip(log, consumed, strict=False):
        if one != other:
            words = f"event {one.sequence} was told differently: {one} and {other}"
            yield Violation(rule, words, tenant_id=tenant_id, time=one.time)
            return


def _at_once(tenant_id: str, log: list[Happening]) -> Iterator[Violation]:
    """The library has one message at a time, or their order is anybody's guess."""
    sending: Outgoing | None = None
    for event in log:
        now = event.outgoing
        if now is None:
            continue
        if sending is not None and now.message_id == sending.message_id:
            sending = now if now.state == "SENDING" else None
        elif now.state == "SENDING":
            if sending is not None:
                words = (
                    f"event {event.sequence} begins with {now.text!r} before {sending.text!r} ends"
                )
                yield Violation(
                    "one message is sent at a time", words, now.request_id, tenant_id, event.time
                )
            sending = now


def _ends(books: Books, tenant_id: str) -> Iterator[Violation]:
    """The outbox and the log tell the same of every message, and nothing waits any more."""
    last: dict[str, Outgoing] = {}
    for event in books.run.logs[tenant_id]:
        if event.outgoing is not None:
            last[event.outgoing.message_id] = event.outgoing
    outbox = {m.message_id: m for m in books.run.outboxes.get(tenant_id, [])}
    rule = "outbox and event log agree"
    for message_id in last.keys() | outbox.keys():
        told, kept = last.get(message_id), outbox.get(message_id)
        some = kept or told
        assert some is not None
        if told is None or kept is None:
            words = f"message {message_id} is not in the {'log' if told is None else 'outbox'}"
            yield Violation(rule, words, some.request_id, tenant_id)
        elif (told.state, told.reason, told.undecrypted) != (
            kept.state,
            kept.reason,
            kept.undecrypted,
        ):
            words = (
                f"the log says {told.state} {told.reason}, the outbox {kept.state} {kept.reason}"
            )
            yield Violation(rule, words, some.request_id, tenant_id)
        if some.state in WAITING:
            words = f"{some.state} after everything came back"
            yield Violation("no message stays waiting", words, some.request_id, tenant_id)
        if some.request_id not in books.requests:
            words = f"message {message_id} is of a request that nobody made"
            yield Violation(rule, words, tenant_id=tenant_id)


def _steps(message_id: str, events: list[Happening]) -> Iterator[Violation]:
    """States only rise, save for the exceptions that the contract names."""
    before: Outgoing | None = None
    was_unknown, again = False, 0
    for event in events:
        now = event.outgoing
        assert now is not None
        words = _wrong_step(before, now, was_unknown=was_unknown, again=again)
        if words:
            where = f"message {message_id}, event {event.sequence}: {words}"
            yield Violation("states only rise", where, now.request_id, time=event.time)
        if now.state == "SENDING" and 0 < now.expires < event.time - LATE_S:
            words = f"message {message_id} was sent {event.time - now.expires:.1f} s too late"
            yield Violation("nothing goes out after its time", words, now.request_id)
        was_unknown |= now.state == "UNKNOWN"
        again += before is not None and before.state == "UNKNOWN" and now.state == "SENDING"
        before = now


def _wrong_step(before: Outgoing | None, now: Outgoing, *, was_unknown: bool, again: int) -> str:
    was = before.state if before else None
    if before is not None and was == now.state:
        return ""
    if now.state not in STEPS[was]:
        return f"{was} became {now.state}"
    if was == "UNKNOWN" and now.state == "SENDING" and (again or not now.duplicate_allowed):
        return "UNKNOWN was sent again, which nobody allowed"
    if was_unknown and now.state not in SENT | {"UNKNOWN", "SENDING"}:
        return f"{was} became {now.state} although it was UNKNOWN before"
    if before is not None and now.attempts < before.attempts:
        return f"{before.attempts} attempts became {now.attempts}"
    return ""
