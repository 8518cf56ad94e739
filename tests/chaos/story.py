"""The story of a request: everything that is known of it and of what was broken around it."""

from tests.chaos.books import Books, Violation
from tests.chaos.record import Fault, Request

AROUND_S = 20.0
MOST_FAULTS = 25


def tell(books: Books, violation: Violation) -> list[str]:
    """What a violation says, and the story behind it."""
    lines = [f"VIOLATION ({violation.rule}): {violation.words}"]
    request = books.requests.get(violation.request_id)
    moments: list[tuple[float, str]] = []
    begin = end = violation.time
    if request is not None:
        lines.append(
            f"  request {request.request_id} of {request.tenant_id} to {request.to}, "
            f"{request.delivery}{', may be sent twice' if request.allow_duplicate else ''}"
            f"{f', expires in {request.expires_s:.1f} s' if request.expires_s else ''}"
        )
        moments = _moments(books, request)
        times = [time for time, _ in moments]
        begin, end = min([begin or times[0], *times]), max([end, *times])
    if begin:
        tenant_id = violation.tenant_id or (request.tenant_id if request else "")
        moments += _around(books, tenant_id, begin - AROUND_S, end + AROUND_S / 4)
    start = min((time for time, _ in moments), default=0.0)
    lines += [f"  {time - start:9.3f}  {words}" for time, words in sorted(moments)]
    return lines


def _moments(books: Books, request: Request) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    for number, call in enumerate(request.calls, 1):
        answer = call.answer
        said = " ".join(
            part
            for part in (answer.code, answer.reason, answer.state, answer.message_id, answer.words)
            if part
        )
        found.append((call.begin, f"call {number}: {call.kind} through gateway {call.door}"))
        found.append((call.end, f"call {number} answered: {said}"))
    for message in books.messages.get(request.request_id, ()):
        for event in books.steps[message.message_id]:
            now = event.outgoing
            assert now is not None
            words = f"event {event.sequence}: {now.state} {now.reason} attempt {now.attempts}"
            found.append((event.time, f"{words} {now.whatsapp_id} {now.detail}".rstrip()))
    for entry in books.received.get(request.text, ()):
        words = f"arrived on {entry.phone} as {entry.whatsapp_id} (frames: {entry.arrivals})"
        found.append((entry.time, words))
    return found


def _around(books: Books, tenant_id: str, begin: float, end: float) -> list[tuple[float, str]]:
    number = books.run.tenants.get(tenant_id, "")
    found: list[tuple[float, str]] = []

    def concerns(fault: Fault) -> bool:
        others = {*books.run.tenants, *books.run.tenants.values()} - {tenant_id, number}
        return fault.target not in others and fault.begin <= end and fault.end >= begin

    for fault in [f for f in books.run.faults if concerns(f)][-MOST_FAULTS:]:
        lasted = fault.end - fault.begin
        words = f"fault: {fault.kind} {fault.target} {fault.words} ({lasted:.3f} s)"
        found.append((fault.begin, words))
    for event in books.run.logs.get(tenant_id, ()):
        if event.session and begin <= event.time <= end:
            words = f"event {event.sequence}: session {event.session} ({event.instance})"
            found.append((event.time, words))
    return found
