"""What callers were told against what became of their messages."""

from collections.abc import Iterator

from botmesh.errors import REASONS, Reason
from tests.chaos.books import SENT, STEPS, Books, Violation
from tests.chaos.record import Answer, Call, Outgoing, Request

# Everything else that comes with a reason says that the call itself stored nothing, or names the
# message that it stored.
_OPEN = frozenset({"", Reason.SEND_OUTCOME_UNKNOWN, Reason.INTERNAL})
# How exactly times are kept.
TICK_S = 0.005
# A reason that the call ends with when the message itself has that fate.
_UNKNOWN = Reason.SEND_OUTCOME_UNKNOWN


def judge(books: Books) -> list[Violation]:
    """No answer that a caller once got contradicts the end, or an answer after it."""
    found: list[Violation] = []
    for request in books.run.requests:
        message = books.message(request)
        found += _known(request, message)
        found += _refused(request, message)
        found += _sent_away(request, message)
        for call in request.calls:
            if message is not None and (state := state_told(call.answer)):
                found += _against_end(request, call, state, message)
        found += _one_after_another(request)
    return found


def state_told(answer: Answer) -> str:
    """The state that an answer claims for its message; empty where it claims none."""
    if answer.ok:
        return answer.state
    if not answer.message_id:
        return ""
    if answer.reason == _UNKNOWN:
        return "UNKNOWN"
    if answer.reason in (Reason.MESSAGE_NOT_CANCELLABLE, Reason.REQUEST_ID_REUSED, "INTERNAL"):
        return ""
    return "FAILED"


def _wrong(rule: str, words: str, request: Request, call: Call) -> Violation:
    return Violation(rule, words, request.request_id, request.tenant_id, call.end)


def _known(request: Request, message: Outgoing | None) -> Iterator[Violation]:
    """What an answer names stands in the outbox, under that id."""
    rule = "what was accepted is in the outbox"
    named = False
    for call in request.calls:
        answer = call.answer
        if answer.message_id and (message is None or message.message_id != answer.message_id):
            yield _wrong(rule, f"{call.kind} named message {answer.message_id}", request, call)
        if answer.reason == Reason.MESSAGE_NOT_FOUND and named:
            yield _wrong(rule, f"{call.kind} did not find it any more", request, call)
        if answer.reason == Reason.REQUEST_ID_REUSED:
            yield _wrong(rule, "it was taken for another request", request, call)
        named |= bool(answer.message_id)


def _refused(request: Request, message: Outgoing | None) -> Iterator[Violation]:
    """A refusal without a message's id says that nothing was stored: another call has to have."""
    if message is None:
        return
    begun = [c for c in request.of_kind("send") if c.begin <= message.accepted + TICK_S]
    if begun and all(map(_is_refusal, begun)):
        reasons = ", ".join(call.answer.reason for call in begun)
        words = f"until it was accepted every call was refused ({reasons})"
        yield _wrong("what was refused is not stored", words, request, begun[-1])


def _is_refusal(call: Call) -> bool:
    answer = call.answer
    return not answer.ok and not answer.message_id and answer.reason not in _OPEN


def _sent_away(request: Request, message: Outgoing | None) -> Iterator[Violation]:
    """What may wait for the session is neither refused nor FAILED because that is down."""
    if request.delivery != "QUEUE":
        return
    for call in request.of_kind("send"):
        if call.answer.reason == Reason.SESSION_DISCONNECTED:
            words = f"the caller was told {_told(call)}"
            yield _wrong("what may wait for the session waits", words, request, call)
    if message is not None and message.reason == Reason.SESSION_DISCONNECTED:
        words = f"it is {message.state} {message.reason}"
        yield _wrong("what may wait for the session waits", words, request, request.calls[-1])


def _against_end(request: Request, call: Call, told: str, message: Outgoing) -> Iterator[Violation]:
    later = _sends_after(request, call)
    if not may_become(
        told, message.state, _reason(call), later=later, twice=request.allow_duplicate
    ):
        words = f"{call.kind} was told {_told(call)}, and it is {message.state} {message.reason}"
        yield _wrong("no answer contradicts the end", words, request, call)
    same = told == message.state == "FAILED" and not later
    if same and not call.answer.ok and call.answer.reason != message.reason:
        words = f"{call.kind} was told {_told(call)}, and the reason is {message.reason}"
        yield _wrong("no answer contradicts the end", words, request, call)


def _one_after_another(request: Request) -> Iterator[Violation]:
    """A call that began after another one's end never tells of an earlier state."""
    told = sorted(
        ((call, state) for call in request.calls if (state := state_told(call.answer))),
        key=lambda item: item[0].end,
    )
    for index, (call, state) in enumerate(told):
        for after, now in told[index + 1 :]:
            again = _sends_after(request, call)
            twice = request.allow_duplicate
            if after.begin > call.end and not may_become(
                state, now, _reason(call), later=again, twice=twice
            ):
                words = f"{call.kind} was told {_told(call)}, a later {after.kind} {_told(after)}"
                yield _wrong("answers only rise", words, request, after)


def may_become(told: str, now: str, reason: str, *, later: bool, twice: bool) -> bool:
    """Whether a message can be in a state after its caller was told another one.

    Args:
        told: what the caller was told.
        now: where it stands later.
        reason: why, where it was FAILED.
        later: its request was made again after that.
        twice: the request allows a duplicate.
    """
    if told == "FAILED":
        passing = bool(reason) and REASONS[Reason(reason)].retryable
        return now == "FAILED" or (later and passing)
    if told == "UNKNOWN":
        return now in SENT | {"UNKNOWN"} or (now == "SENDING" and twice)
    if told in SENT:
        return now == told or now in _reachable(told)
    return True


def _reachable(state: str) -> frozenset[str]:
    found, ends = frozenset[str](), STEPS[state]
    while not ends <= found:
        found |= ends
        ends = frozenset().union(*(STEPS[end] for end in ends))
    return found


def _sends_after(request: Request, call: Call) -> bool:
    return any(send.end > call.end and send is not call for send in request.of_kind("send"))


def _reason(call: Call) -> str:
    return call.answer.reason


def _told(call: Call) -> str:
    answer = call.answer
    return f"{answer.code} {answer.reason} {answer.state}".strip()
