"""The cells of the truth table, what is recorded of each, and the rule under test."""

import re
from dataclasses import dataclass
from enum import StrEnum

from botnode import send_errors


class Event(StrEnum):
    """What cuts the send."""

    KILL = "kill -9"
    TAKEOVER = "stopped, taken over, woken"
    PAUSE = "stopped, woken before a successor logs in"
    RESTORED = "kill -9, then an older copy of session.db put back"
    OVERWRITTEN = "kill -9, then session.db overwritten with an older copy"
    LOG_OUT = "log-out from the phone"
    DISK_FULL = "disk full"
    DISK_MOMENT = "disk full for a moment, then kill -9"
    LOCKED = "session.db locked"
    LOCKED_MOMENT = "session.db locked for a moment, then kill -9"
    LOCKED_KILL = "session.db locked, kill -9 at the line of log"
    LOST = "answer or acknowledgement lost, then kill -9"
    UNANSWERED = "answer or acknowledgement lost, 75 s waited for"
    CUT = "line cut"
    REFUSED = "line cut, the repeated frame refused"
    AWAY = "line cut, no new one for 5 s"


class Position(StrEnum):
    """How far the send has come."""

    LOOKUP = "before the secret's row"
    DEVICES = "after the secret's row"
    KEYS = "while keys are asked for"
    FRAME = "after the frame"


class Content(StrEnum):
    """What is sent."""

    TEXT = "text"
    EDIT = "edit"
    REACTION = "reaction"
    POLL = "poll"
    GROUP = "group"


# Events that are about the very moment in which the row is written.
_AT_THE_ROW = frozenset({Event.DISK_MOMENT, Event.LOCKED_MOMENT, Event.LOCKED_KILL})
_AT_THE_FRAME = frozenset({Event.REFUSED})
# Of the cells with a position of less interest, every run tries these.
_AT_THE_KEYS = frozenset({Event.KILL, Event.CUT})
# What takes long is left to the whole table.
_LONG = frozenset({Event.UNANSWERED, Event.AWAY})


@dataclass(frozen=True)
class Cell:
    """One cell of the table."""

    event: Event
    position: Position
    content: Content

    def __str__(self) -> str:
        return f"{self.event}, {self.position}, {self.content}"


@dataclass(frozen=True)
class Record:
    """What happened in one cell.

    Attributes:
        answer: what the call answered: "sent", the error's text, or "" if the process died first.
        row: whether session.db held the secret's row, when the process was dead or had answered.
        unstored: whether the log said that the secret could not be stored.
        arrived: how often the recipient's phone got and read it, after everything.
        unread: how often it could not decrypt it.
        dead: whether the process was dead when the row was looked for.
        logged_out: whether a log-out lay between.
        same_store: session.db was not seen to be another than the one before the send.
        disconnected: the line was lost while the call was under way.
        skipped: the log said that the message was not encrypted for the recipient's phone.
    """

    cell: Cell
    answer: str
    row: bool
    unstored: bool
    arrived: int
    unread: int
    dead: bool
    logged_out: bool
    same_store: bool
    disconnected: bool
    skipped: bool

    @property
    def not_sent(self) -> bool:
        """Whether the answer is of the closed list of errors that prove that nothing was sent.

        A refusal proves it only where the library had no occasion to repeat its frame.
        """
        if self.answer in ("", "sent"):
            return False
        if self.answer.startswith("server returned error") and self.disconnected:
            return False
        return send_errors.judge(self.answer).fate is not send_errors.Fate.UNKNOWN

    @property
    def never_left(self) -> bool:
        """The rule under test."""
        witness = self.same_store and not self.logged_out and not self.unstored
        proven = self.dead and witness and not self.row
        return self.not_sent or (proven and not self.answer)

    @property
    def naive_lies(self) -> bool:
        """Whether "no row, so it never left" would be wrong."""
        return not self.row and self.arrived + self.unread > 0

    def columns(self) -> tuple[str, ...]:
        """What the table shows of it."""
        sent = "sent, not to the phone" if self.skipped else "sent"
        rule = sent if self.answer == "sent" else "unknown"
        return (
            f"`{shortened(self.answer)}`" if self.answer else "(none)",
            "row" if self.row else "no row",
            "yes" if self.unstored else "no",
            f"{self.arrived}" + (f" + {self.unread} unread" if self.unread else ""),
            "never left" if self.never_left else rule,
            "**lies**" if self.naive_lies else "right",
        )


def shortened(text: str) -> str:
    """An error's text without what differs from run to run."""
    return re.sub(r"\b3EB0[0-9A-F]{10,}\b|\d+(\.\d+){3}:\d+|\d{6,}([_:]\d+)*", "…", text)


def all_cells() -> list[Cell]:
    """The whole table."""
    return [
        Cell(event, position, content)
        for event in Event
        for position in Position
        for content in Content
        if not (event in _AT_THE_ROW and position is not Position.LOOKUP)
        and not (event in _AT_THE_FRAME and position is not Position.FRAME)
    ]


def short_cells() -> list[Cell]:
    """What every run of the tests tries: text and group, and the others at a kill."""
    return [
        cell
        for cell in all_cells()
        if cell.event not in _LONG
        and (cell.position is not Position.KEYS or cell.event in _AT_THE_KEYS)
        and (cell.content in {Content.TEXT, Content.GROUP} or cell.event is Event.KILL)
    ]
