"""What the recipients' phones hold against what the outboxes say."""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.books import SENT, Books, Violation
from tests.chaos.record import Entry, Outgoing, Request


def judge(books: Books) -> list[Violation]:
    """Every message as often as its state says, in order, and nothing else."""
    found: list[Violation] = []
    for request in books.run.requests:
        found += _judge_one(books, request)
    found += _strangers(books)
    found += _disorder(books)
    return found


def _judge_one(books: Books, request: Request) -> Iterator[Violation]:
    message = books.message(request)
    count = len(books.arrivals(request))

    def wrong(rule: str, words: str) -> Violation:
        time = books.arrivals(request)[0].time if count else request.calls[0].begin
        return Violation(rule, words, request.request_id, request.tenant_id, time)

    if len(books.messages.get(request.request_id, ())) > 1:
        yield wrong("one message per request", "its request_id stands in the outbox twice")
    most = most_arrivals(message)
    if count > most:
        yield wrong("nothing arrives twice", f"arrived {count} times, {most} at most")
    if len(books.copies.get(request.text, ())) > most:
        yield wrong("nothing arrives twice", "the sender's own phone got its copy too often")
    if message is None and count:
        yield wrong("what is not in the outbox never arrives", f"arrived {count} times")
    if message is not None:
        unread = not count and books.undecryptable(message)
        yield from (wrong(*pair) for pair in _against_state(message, count, unread=unread))


def _against_state(message: Outgoing, count: int, *, unread: bool) -> Iterator[tuple[str, str]]:
    """Which rule the arrivals of an accepted message break, and how."""
    if message.state == "FAILED" and count:
        yield "what FAILED never arrives", f"{message.reason}, and arrived {count} times"
    if message.state in SENT and not count and not unread:
        yield "what was SENT arrives", f"{message.state}, and never arrived"
    if message.state in SENT and unread != message.undecrypted:
        words = f"the phone could {'not ' if unread else ''}read it, which the outbox denies"
        yield "what a phone cannot read is flagged", words


def most_arrivals(message: Outgoing | None) -> int:
    """How often a message may arrive: twice where a duplicate was allowed and then made."""
    return 2 if message is not None and message.duplicate_allowed and message.attempts > 1 else 1


def _strangers(books: Books) -> Iterator[Violation]:
    """Nothing arrives that nobody sent, from the wrong sender or on the wrong phone."""
    tenants = {number: tenant_id for tenant_id, number in books.run.tenants.items()}
    rule = "nothing arrives that nobody sent"
    for text, entries in books.received.items():
        request = books.by_text.get(text)
        for entry in entries:
            if request is not None:
                right = (request.to, books.run.tenants[request.tenant_id])
                if (entry.phone, entry.sender) != right:
                    words = (
                        f"{entry.phone} got it from {entry.sender}, not {right[0]} from {right[1]}"
                    )
                    yield Violation(rule, words, request.request_id, request.tenant_id, entry.time)
            elif not _was_written(books, entry):
                tenant_id = tenants.get(entry.sender, "")
                words = f"{entry.phone} got {text!r} from {entry.sender}"
                yield Violation(rule, words, tenant_id=tenant_id, time=entry.time)


def _was_written(books: Books, arrived: Entry) -> bool:
    return any(
        (entry.phone, entry.chat) == (arrived.sender, arrived.phone)
        for entry in books.written.get(arrived.text, ())
    )


def _disorder(books: Books) -> Iterator[Violation]:
    """Per tenant and recipient, messages arrive as they were accepted.

    Left out: those whose outcome was UNKNOWN once, or that a phone had to ask for again.
    """
    rows: dict[tuple[str, str], list[tuple[Entry, int, Request]]] = defaultdict(list)
    for request in books.run.requests:
        message = books.message(request)
        arrived = books.arrivals(request)
        if message is None or not arrived or books.may_be_late(message):
            continue
        if place := _accepted_at(books, message):
            rows[request.tenant_id, request.to].append((arrived[0], place, request))
    for (tenant_id, to), row in rows.items():
        latest, before = 0, None
        for entry, place, request in sorted(row, key=lambda item: item[0].sequence):
            if place < latest and before is not None:
                words = f"to {to}: came after {before.text!r}, which was accepted later"
                yield Violation(
                    "messages arrive in the order of acceptance",
                    words,
                    request.request_id,
                    tenant_id,
                    entry.time,
                )
            if place > latest:
                latest, before = place, request


def _accepted_at(books: Books, message: Outgoing) -> int:
    """The sequence at which it was accepted, for the last time if its request came again."""
    place, before = 0, None
    for event in books.steps[message.message_id]:
        state = event.outgoing.state if event.outgoing else None
        if state == "QUEUED" and before in (None, "FAILED"):
            place = event.sequence
        before = state
    return place
