"""What happened in a run, as plain data: all that the ledger is drawn from.

Times are Unix seconds, as one machine's clock gave them. States, codes and reasons are the
contract's names without their prefix.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller was told.

    Attributes:
        code: the gRPC code.
        reason: of the table of reasons; empty where none came.
        message_id: of the message that the answer speaks of; empty where it speaks of none.
        state: the message's, if the answer carried it.
        words: an error's text.
    """

    code: str
    reason: str = ""
    message_id: str = ""
    state: str = ""
    words: str = ""

    @property
    def ok(self) -> bool:
        return self.code == "OK"

    @property
    def name(self) -> str:
        """What it is counted as."""
        return self.code if self.ok or not self.reason else self.reason


@dataclass(slots=True)
class Call:
    """One call, of the method `kind` (send, get, cancel), through one of the gateways."""

    kind: str
    door: str
    begin: float
    end: float = 0.0
    answer: Answer = Answer("PENDING")


@dataclass(slots=True)
class Request:
    """One message that a caller wants sent, and all calls about it."""

    request_id: str
    tenant_id: str
    to: str
    text: str
    delivery: str = "NOW"
    allow_duplicate: bool = False
    expires_s: float = 0.0
    calls: list[Call] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[Call]:
        return [call for call in self.calls if call.kind == kind]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message's record in an outbox, as a call or an event showed it."""

    message_id: str
    request_id: str
    recipient_jid: str
    text: str
    state: str
    reason: str = ""
    detail: str = ""
    whatsapp_id: str = ""
    attempts: int = 0
    undecrypted: bool = False
    accepted: float = 0.0
    expires: float = 0.0
    duplicate_allowed: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message in an event log that WhatsApp brought."""

    whatsapp_id: str
    text: str
    sender_number: str
    from_me: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as a consumer got it; one of the last three is set.

    Attributes:
        instance: the botnode's process, for a change of the session.
    """

    log_id: str
    sequence: int
    time: float
    outgoing: Outgoing | None = None
    incoming: Incoming | None = None
    session: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in a phone's chat: the truth of what arrived, and of what was written.

    Attributes:
        undecrypted: the phone could not decrypt it, and has no text of it.
    """

    sequence: int
    phone: str
    direction: str
    whatsapp_id: str
    sender: str
    chat: str
    text: str
    time: float
    delivery: int = 1
    arrivals: int = 1
    undecrypted: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was broken on purpose."""

    kind: str
    target: str
    begin: float
    end: float
    words: str = ""


@dataclass(slots=True)
class Run:
    """A whole run.

    Attributes:
        tenants: each with its number.
        outboxes: what ListMessages told at the end.
        consumed: what each tenant's consumer got, in the order in which it came.
        logs: each tenant's event log, read in one go at the end.
        entries: all phones' chats.
        timelines: what GetMessage told at the end of each request it found: (sequence, state).
        waiting: what the sandbox still had for a device or phone at the end.
        troubles: what the run itself found wrong, in words.
    """

    seed: str
    tenants: dict[str, str]
    requests: list[Request] = field(default_factory=list)
    outboxes: dict[str, list[Outgoing]] = field(default_factory=dict)
    consumed: dict[str, list[Happening]] = field(default_factory=dict)
    logs: dict[str, list[Happening]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    timelines: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write it down, so that it can be judged again."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> "Run":
        """Read what `save` wrote."""
        raw = json.loads(path.read_text())
        return cls(
            seed=raw["seed"],
            tenants=raw["tenants"],
            requests=[_request(item) for item in raw["requests"]],
            outboxes=_each(raw["outboxes"], lambda item: Outgoing(**item)),
            consumed=_each(raw["consumed"], _happening),
            logs=_each(raw["logs"], _happening),
            entries=[Entry(**item) for item in raw["entries"]],
            timelines={
                key: [(sequence, state) for sequence, state in steps]
                for key, steps in raw["timelines"].items()
            },
            waiting=raw["waiting"],
            faults=[Fault(**item) for item in raw["faults"]],
            troubles=raw["troubles"],
        )


def _each(raw: dict[str, list[Any]], make: Any) -> dict[str, list[Any]]:
    return {key: [make(item) for item in items] for key, items in raw.items()}


def _request(raw: dict[str, Any]) -> Request:
    calls = [Call(**{**call, "answer": Answer(**call["answer"])}) for call in raw["calls"]]
    return Request(**{**raw, "calls": calls})


def _happening(raw: dict[str, Any]) -> Happening:
    outgoing, incoming = raw["outgoing"], raw["incoming"]
    return Happening(
        **{
            **raw,
            "outgoing": Outgoing(**outgoing) if outgoing else None,
            "incoming": Incoming(**incoming) if incoming else None,
        }
    )
