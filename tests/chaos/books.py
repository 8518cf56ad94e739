"""A run put in order for judging: who asked for what, what became of it, what arrived where."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.record import Entry, Happening, Outgoing, Request, Run

# States that say that WhatsApp's server has the message.
SENT = frozenset({"SENT", "DELIVERED", "READ"})
WAITING = frozenset({"QUEUED", "SENDING"})

# Which steps the contract knows; None is before a message was accepted. A state may repeat itself:
# more became known.
STEPS: dict[str | None, frozenset[str]] = {
    None: frozenset({"QUEUED"}),
    "QUEUED": frozenset({"SENDING", "FAILED"}),
    "SENDING": frozenset({"QUEUED", "UNKNOWN", "FAILED"}) | SENT,
    "UNKNOWN": frozenset({"SENDING"}) | SENT,
    "SENT": frozenset({"DELIVERED", "READ"}),
    "DELIVERED": frozenset({"READ"}),
    "READ": frozenset(),
    "FAILED": frozenset({"QUEUED"}),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept.

    Attributes:
        rule: which promise, in a few words.
        words: what is wrong.
        request_id: whose story shows it, where there is one.
        tenant_id: at whose botnode, where that is known.
        time: about when, where that is known.
    """

    rule: str
    words: str
    request_id: str = ""
    tenant_id: str = ""
    time: float = 0.0


class Books:
    """Look-ups over a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.requests: dict[str, Request] = {r.request_id: r for r in run.requests}
        self.by_text: dict[str, Request] = {r.text: r for r in run.requests}
        self.messages: dict[str, list[Outgoing]] = defaultdict(list)
        for messages in run.outboxes.values():
            for message in messages:
                self.messages[message.request_id].append(message)
        self.steps: dict[str, list[Happening]] = defaultdict(list)
        for log in run.logs.values():
            for event in log:
                if event.outgoing is not None:
                    self.steps[event.outgoing.message_id].append(event)
        self.received: dict[str, list[Entry]] = defaultdict(list)
        self.copies: dict[str, list[Entry]] = defaultdict(list)
        self.written: dict[str, list[Entry]] = defaultdict(list)
        self._sort_entries()

    def _sort_entries(self) -> None:
        entries = [entry for entry in self.run.entries if not entry.undecrypted]
        self.unread = {(e.phone, e.whatsapp_id) for e in self.run.entries if e.undecrypted}
        into = {"RECEIVED": self.received, "COMPANION": self.copies, "WRITTEN": self.written}
        for entry in sorted(entries, key=lambda entry: entry.sequence):
            into[entry.direction][entry.text].append(entry)

    def message(self, request: Request) -> Outgoing | None:
        """What the outbox says of a request at the end."""
        found = self.messages.get(request.request_id, [])
        return found[0] if found else None

    def states(self, message: Outgoing) -> list[str]:
        """The states that a message went through, repetitions left out."""
        states = [e.outgoing.state for e in self.steps[message.message_id] if e.outgoing]
        return states[:1] + [now for before, now in pairwise(states) if now != before]

    def arrivals(self, request: Request) -> list[Entry]:
        """Where and when its text arrived."""
        return self.received.get(request.text, [])

    def undecryptable(self, message: Outgoing) -> bool:
        """Whether the recipient's phone got it, and cannot read it."""
        return (self.requests[message.request_id].to, message.whatsapp_id) in self.unread

    def may_be_late(self, message: Outgoing) -> bool:
        """Whether its fate was ever UNKNOWN, or a phone asked for it again."""
        told = [event.outgoing for event in self.steps[message.message_id]]
        return any(t.state == "UNKNOWN" or t.undecrypted for t in told if t)
