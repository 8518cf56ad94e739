"""The ledger sees every broken promise, each by its name, and nothing in a run that went well."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.books import Books
from tests.chaos.inbound import LIBRARY_HOLDS
from tests.chaos.ledger import judge
from tests.chaos.record import Answer, Call, Entry, Happening, Incoming, Outgoing, Request, Run
from tests.chaos.story import tell

SHOP, NUMBER, CUSTOMER, OTHER = "shop-1", "+5210", "+5290", "+5291"
ANSWERS = {
    "FAILED": Answer("RESOURCE_EXHAUSTED", "REACH_OUT_LOCKED"),
    "UNKNOWN": Answer("UNKNOWN", "SEND_OUTCOME_UNKNOWN"),
}
SENT = ("QUEUED", "SENDING", "SENT", "DELIVERED")
FAILED = ("QUEUED", "SENDING", "FAILED")
UNKNOWN = ("QUEUED", "SENDING", "UNKNOWN")
REFUSED = Answer("UNAVAILABLE", "SESSION_DISCONNECTED")


class Story:
    """Makes a run, one happening after the other."""

    def __init__(self) -> None:
        self.run = Run("seed", {SHOP: NUMBER}, outboxes={SHOP: []})
        self.log: list[Happening] = []
        self._clock = 0

    def session(self, instance: str, state: str = "CONNECTED") -> None:
        self._append(session=state, instance=instance)

    def request(self, *answers: Answer, **more: Any) -> Request:
        """A request and what its calls were told, one after the other."""
        text = f"text {len(self.run.requests)}"
        request = Request(f"r{len(self.run.requests)}", SHOP, CUSTOMER, text, **more)
        for answer in answers:
            request.calls.append(Call("send", "a", self.tick(), self.tick(), answer))
        self.run.requests.append(request)
        return request

    def message(self, request: Request, *states: str, arrives: int = 0, **more: Any) -> Outgoing:
        """A request's message: its events, what the outbox says last, and what arrived."""
        more.setdefault("accepted", self.tick())
        message = Outgoing(
            f"m-{request.request_id}",
            request.request_id,
            "5290@s.whatsapp.net",
            request.text,
            "",
            duplicate_allowed=request.allow_duplicate,
            **more,
        )
        attempts = 0
        for state in states:
            attempts += state == "SENDING"
            reason = ANSWERS[state].reason if state in ANSWERS else ""
            message = dataclasses.replace(
                message, state=state, reason=message.reason or reason, attempts=attempts
            )
            self._append(outgoing=message)
        self.run.outboxes[SHOP].append(message)
        for _ in range(arrives):
            self.arrive(request)
        return message

    def sent(self, *states: str, arrives: int = 1, answer: str = "", **more: Any) -> Request:
        """A request whose message went the whole way, and whose caller was told its last state."""
        states = states or SENT
        told = answer or states[-1]
        request = self.request(**more)
        message_id = f"m-{request.request_id}"
        got = dataclasses.replace(ANSWERS[told], message_id=message_id) if told in ANSWERS else None
        begin = self.tick()
        self.message(request, *states, arrives=arrives)
        got = got or Answer("OK", message_id=message_id, state=told)
        request.calls.append(Call("send", "a", begin, self.tick(), got))
        return request

    def arrive(self, request: Request, **more: Any) -> None:
        self._enter("RECEIVED", CUSTOMER, NUMBER, NUMBER, request.text)
        self.run.entries[-1] = dataclasses.replace(self.run.entries[-1], **more)

    def write(self, text: str, *, stored: bool = True) -> None:
        """A customer writes to the shop."""
        self._enter("WRITTEN", CUSTOMER, CUSTOMER, NUMBER, text)
        self._enter("RECEIVED", NUMBER, CUSTOMER, CUSTOMER, text)
        if stored:
            self.store(text)

    def store(self, text: str, *, from_me: bool = False) -> None:
        self._append(incoming=Incoming(text, text, CUSTOMER, from_me))

    def finish(self) -> Run:
        self.run.logs[SHOP] = self.log
        self.run.timelines.clear()
        self.run.consumed[SHOP] = [*self.log]
        for event in self.log:
            if event.outgoing:
                steps = self.run.timelines.setdefault(event.outgoing.request_id, [])
                steps.append((event.sequence, event.outgoing.state))
        return self.run

    def tick(self) -> float:
        self._clock += 1
        return float(self._clock)

    def _append(self, **what: Any) -> None:
        self.log.append(Happening("log", len(self.log) + 1, self.tick(), **what))

    def _enter(self, direction: str, phone: str, sender: str, chat: str, text: str) -> None:
        place = len(self.run.entries) + 1
        found = Entry(place, phone, direction, f"w-{text}", sender, chat, text, self.tick())
        self.run.entries.append(found)


@pytest.fixture
def story() -> Story:
    """A run in which all went well, with a bit of everything."""
    story = Story()
    story.session("one")
    story.sent()
    story.sent(*FAILED, arrives=0)
    story.sent(*UNKNOWN, arrives=0)
    story.sent(*UNKNOWN, arrives=1)
    story.write("hello")
    again = ("QUEUED", "SENDING", "UNKNOWN", "SENDING", "SENT")
    story.sent(*again, arrives=2, allow_duplicate=True)
    story.sent("QUEUED", "SENDING", "QUEUED", "SENDING", "SENT")
    story.request(REFUSED)
    story.request(Answer("DEADLINE_EXCEEDED"))
    story.sent(*UNKNOWN, "DELIVERED", answer="UNKNOWN")
    story.session("two")
    story.write("good bye")
    return story


def rules(story: Story) -> set[str]:
    return {violation.rule for violation in judge(story.finish()).violations}


def test_a_run_that_went_well_balances(story: Story) -> None:
    ledger = judge(story.finish())
    assert ledger.violations == []
    assert ledger.balances
    assert ledger.counts["requests"]["all"] == 9
    assert any("not accepted 2" in line for line in ledger.lines())


def test_a_kept_run_is_judged_alike(story: Story, tmp_path: Path) -> None:
    run = story.finish()
    run.save(tmp_path / "run.json")
    again = Run.load(tmp_path / "run.json")
    assert again == run


def _lose(story: Story) -> None:
    story.sent(arrives=0)


def _double(story: Story) -> None:
    story.sent(arrives=2)


def _double_what_may_not_be(story: Story) -> None:
    story.sent(*UNKNOWN, arrives=2)


def _double_without_an_attempt(story: Story) -> None:
    story.sent(*UNKNOWN, arrives=2, allow_duplicate=True)


def _treble(story: Story) -> None:
    states = ("QUEUED", "SENDING", "UNKNOWN", "SENDING", "UNKNOWN")
    story.sent(*states, arrives=3, allow_duplicate=True)


def _fail_what_arrived(story: Story) -> None:
    story.sent(*FAILED, arrives=1)


def _send_what_was_refused(story: Story) -> None:
    story.arrive(story.request(REFUSED))


def _keep_what_was_refused(story: Story) -> None:
    story.message(story.request(REFUSED, REFUSED), *SENT, arrives=1)


def _keep_what_was_refused_first(story: Story) -> None:
    request = story.request(REFUSED)
    story.message(request, *SENT, arrives=1)
    joined = Answer("OK", message_id=f"m-{request.request_id}", state="DELIVERED")
    request.calls.append(Call("send", "a", story.tick(), story.tick(), joined))


def _invent(story: Story) -> None:
    story.run.entries.append(Entry(999, CUSTOMER, "RECEIVED", "w", NUMBER, NUMBER, "who?", 1.0))


def _misdirect(story: Story) -> None:
    story.arrive(story.run.requests[0], phone=OTHER)


def _send_from_another(story: Story) -> None:
    request = story.request(Answer("OK", message_id="m-r9", state="SENT"))
    story.message(request, *SENT)
    story.arrive(request, sender=OTHER)


def _accept_twice(story: Story) -> None:
    first = story.run.outboxes[SHOP][0]
    story.run.outboxes[SHOP].append(dataclasses.replace(first, message_id="another"))


def _swap(story: Story) -> None:
    one, other = story.sent(arrives=0), story.sent(arrives=0)
    story.arrive(other)
    story.arrive(one)


def _leave_sending(story: Story) -> None:
    story.sent("QUEUED", "SENDING", arrives=0)


def _leave_queued(story: Story) -> None:
    story.sent("QUEUED", arrives=0)


def _sink(story: Story) -> None:
    story.sent("QUEUED", "SENDING", "SENT", "SENDING", "SENT")


def _fail_after_unknown(story: Story) -> None:
    states = (*UNKNOWN, "SENDING", "FAILED")
    story.sent(*states, arrives=0, allow_duplicate=True)


def _repeat_unknown(story: Story) -> None:
    story.sent(*UNKNOWN, "SENDING", "SENT")


def _skip_acceptance(story: Story) -> None:
    story.sent("SENDING", "SENT")


def _lie_sent(story: Story) -> None:
    story.sent(*UNKNOWN, arrives=0, answer="SENT")


def _lie_failed(story: Story) -> None:
    story.sent(answer="FAILED")


def _lie_unknown(story: Story) -> None:
    story.sent(*FAILED, arrives=0, answer="UNKNOWN")


def _other_reason(story: Story) -> None:
    request = story.sent(*FAILED, arrives=0)
    was = request.calls[0].answer
    request.calls[0].answer = dataclasses.replace(was, reason="RATE_LIMITED")


def _take_back(story: Story) -> None:
    request = story.sent()
    queued = Answer("OK", message_id=f"m-{request.request_id}", state="SENT")
    request.calls.append(Call("get", "b", story.tick(), story.tick(), queued))


def _forget(story: Story) -> None:
    request = story.sent()
    lost = Answer("NOT_FOUND", "MESSAGE_NOT_FOUND")
    request.calls.append(Call("get", "b", story.tick(), story.tick(), lost))


def _answer_without_a_row(story: Story) -> None:
    story.request(Answer("OK", message_id="m-9", state="QUEUED"))


def _lose_inbound(story: Story) -> None:
    story.write("lost", stored=False)
    story.write("kept")


def _keep_inbound_twice(story: Story) -> None:
    story.store("hello")


def _invent_inbound(story: Story) -> None:
    story.store("nobody wrote this")


def _turn_inbound(story: Story) -> None:
    story.write("to the shop", stored=False)
    story.store("to the shop", from_me=True)


def _gap(story: Story) -> None:
    story.log[3:] = [dataclasses.replace(e, sequence=e.sequence + 1) for e in story.log[3:]]


def _repeat(story: Story) -> None:
    story.log.insert(3, story.log[2])


def _new_log(story: Story) -> None:
    story.log[-1] = dataclasses.replace(story.log[-1], log_id="another")


def _disagree(story: Story) -> None:
    first = story.run.outboxes[SHOP][0]
    story.run.outboxes[SHOP][0] = dataclasses.replace(first, state="READ")


def _drop_a_row(story: Story) -> None:
    story.run.outboxes[SHOP].pop(1)


def _leave_waiting(story: Story) -> None:
    story.run.waiting["5210:1@s.whatsapp.net"] = 3


def _send_two_at_once(story: Story) -> None:
    one, other = story.sent("QUEUED", "SENDING"), story.sent()
    story.run.outboxes[SHOP] = [m for m in story.run.outboxes[SHOP] if m.text != one.text]
    story.message(one, "SENT")
    assert other.text != one.text


def _refuse_what_may_wait(story: Story) -> None:
    story.request(REFUSED, delivery="QUEUE")


def _fail_what_may_wait(story: Story) -> None:
    request = story.request(Answer("DEADLINE_EXCEEDED"), delivery="QUEUE")
    story.message(request, "QUEUED", "FAILED", reason="SESSION_DISCONNECTED")


def _send_too_late(story: Story) -> None:
    request = story.request(Answer("DEADLINE_EXCEEDED"))
    story.message(request, *SENT, arrives=1, expires=2.0)


def _trouble(story: Story) -> None:
    story.run.troubles.append("shop-1 is not connected again")


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (_lose, "what was SENT arrives"),
        (_double, "nothing arrives twice"),
        (_double_what_may_not_be, "nothing arrives twice"),
        (_double_without_an_attempt, "nothing arrives twice"),
        (_treble, "nothing arrives twice"),
        (_fail_what_arrived, "what FAILED never arrives"),
        (_send_what_was_refused, "what is not in the outbox never arrives"),
        (_keep_what_was_refused, "what was refused is not stored"),
        (_keep_what_was_refused_first, "what was refused is not stored"),
        (_invent, "nothing arrives that nobody sent"),
        (_misdirect, "nothing arrives that nobody sent"),
        (_send_from_another, "nothing arrives that nobody sent"),
        (_accept_twice, "one message per request"),
        (_swap, "messages arrive in the order of acceptance"),
        (_leave_sending, "no message stays waiting"),
        (_leave_queued, "no message stays waiting"),
        (_sink, "states only rise"),
        (_fail_after_unknown, "states only rise"),
        (_repeat_unknown, "states only rise"),
        (_skip_acceptance, "states only rise"),
        (_lie_sent, "no answer contradicts the end"),
        (_lie_failed, "no answer contradicts the end"),
        (_lie_unknown, "no answer contradicts the end"),
        (_other_reason, "no answer contradicts the end"),
        (_take_back, "answers only rise"),
        (_forget, "what was accepted is in the outbox"),
        (_answer_without_a_row, "what was accepted is in the outbox"),
        (_lose_inbound, "what WhatsApp delivered is in the event log"),
        (_keep_inbound_twice, "nothing is received twice"),
        (_invent_inbound, "what is received was written"),
        (_turn_inbound, "what is received was written"),
        (_gap, "sequences have no gap and no repeat"),
        (_repeat, "sequences have no gap and no repeat"),
        (_new_log, "sequences have no gap and no repeat"),
        (_disagree, "outbox and event log agree"),
        (_drop_a_row, "outbox and event log agree"),
        (_send_two_at_once, "one message is sent at a time"),
        (_refuse_what_may_wait, "what may wait for the session waits"),
        (_fail_what_may_wait, "what may wait for the session waits"),
        (_send_too_late, "nothing goes out after its time"),
        (_leave_waiting, "everything is delivered"),
        (_trouble, "the run itself"),
    ],
)
def test_a_broken_promise_is_seen(story: Story, wrong: Callable[[Story], None], rule: str) -> None:
    wrong(story)
    assert rule in rules(story)


def test_a_consumer_that_missed_something_is_seen(story: Story) -> None:
    run = story.finish()
    del run.consumed[SHOP][-1]
    assert {v.rule for v in judge(run).violations} == {"a consumer that stores its cursor sees all"}


def test_a_timeline_that_misses_a_step_is_seen(story: Story) -> None:
    run = story.finish()
    del run.timelines["r0"][1]
    assert {v.rule for v in judge(run).violations} == {"outbox and event log agree"}


def test_what_a_killed_process_had_confirmed_is_counted_apart(story: Story) -> None:
    story.write("lost with its process", stored=False)
    story.session("three")
    story.write("kept")
    ledger = judge(story.finish())
    assert ledger.balances
    assert ledger.counts["written to tenants"]["lost when a process was killed"] == 1


def test_more_than_a_kill_can_explain_is_seen(story: Story) -> None:
    for number in range(LIBRARY_HOLDS + 1):
        story.write(f"lost {number}", stored=False)
    story.session("three")
    assert rules(story) == {"what WhatsApp delivered is in the event log"}


def test_what_an_orderly_stop_loses_is_seen(story: Story) -> None:
    story.write("lost with its process", stored=False)
    story.session("two", "STOPPED")
    story.session("three")
    story.write("kept")
    assert rules(story) == {"an orderly stop loses nothing"}


def test_what_a_phone_could_not_read_is_counted_apart(story: Story) -> None:
    story.sent(arrives=0)
    message = dataclasses.replace(story.run.outboxes[SHOP][-1], whatsapp_id="3EB0")
    story.run.outboxes[SHOP][-1] = message
    assert rules(story) == {"what was SENT arrives"}
    story.run.entries.append(
        Entry(99, CUSTOMER, "RECEIVED", "3EB0", NUMBER, NUMBER, "", 1.0, undecrypted=True)
    )
    assert rules(story) == {"what a phone cannot read is flagged"}
    flagged = dataclasses.replace(message, undecrypted=True)
    story.run.outboxes[SHOP][-1] = flagged
    story.log[-1] = dataclasses.replace(story.log[-1], outgoing=flagged)
    ledger = judge(story.finish())
    assert ledger.violations == []
    assert ledger.counts["fates"]["undecryptable"] == 1


def test_a_flag_for_what_was_read_is_seen(story: Story) -> None:
    request = story.request(Answer("DEADLINE_EXCEEDED"))
    story.message(request, *SENT, arrives=1, undecrypted=True)
    assert rules(story) == {"what a phone cannot read is flagged"}


def test_what_may_come_late_is_not_out_of_order(story: Story) -> None:
    late, other = story.sent(*UNKNOWN, "SENT", arrives=0), story.sent(arrives=0)
    story.arrive(other)
    story.arrive(late)
    assert rules(story) == set()


def test_a_request_that_comes_again_is_accepted_anew(story: Story) -> None:
    again = story.request()
    first = Answer("RESOURCE_EXHAUSTED", "RATE_LIMITED", f"m-{again.request_id}")
    again.calls.append(Call("send", "a", story.tick(), story.tick(), first))
    other = story.sent()
    states = (*FAILED, "QUEUED", "SENDING", "SENT")
    story.message(again, *states, arrives=1, accepted=again.calls[0].begin)
    done = Answer("OK", message_id=f"m-{again.request_id}", state="SENT")
    again.calls.append(Call("send", "a", story.tick(), story.tick(), done))
    assert other.text != again.text
    assert rules(story) == set()


def test_a_story_tells_calls_events_arrivals_and_faults(story: Story) -> None:
    _lie_failed(story)
    run = story.finish()
    (violation,) = judge(run).violations
    told = "\n".join(tell(Books(run), violation))
    for words in ("no answer contradicts the end", "answered:", "event ", "arrived on", "session"):
        assert words in told
