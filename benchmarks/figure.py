"""A figure: what was measured, what it should be, and what the machine did meanwhile."""

from dataclasses import dataclass, field, replace
from enum import Enum


class Verdict(Enum):
    """Whether a figure is what it should be."""

    MET = "yes"
    MISSED = "NO"
    NOT_SET = "-"
    FAILED = "failed"
    SKIPPED = "skipped"


class Sense(Enum):
    """On which side of its limit a figure should be."""

    AT_MOST = "<="
    BELOW = "<"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be.

    Attributes:
        limit: in the figure's unit, or a ratio.
        sense: on which side of it.
        of_ratio: the limit is for the ratio to the reference, not for the value.
    """

    limit: float
    sense: Sense = Sense.AT_MOST
    of_ratio: bool = False

    def holds(self, value: float) -> bool:
        """Whether a figure is on the right side."""
        match self.sense:
            case Sense.AT_MOST:
                return value <= self.limit
            case Sense.BELOW:
                return value < self.limit
            case Sense.AT_LEAST:
                return value >= self.limit


@dataclass(frozen=True, slots=True)
class Load:
    """What else the processors did while a figure was measured, in cores.

    Attributes:
        sandbox: the stand-in for WhatsApp, which in earnest runs elsewhere.
        others: what has nothing to do with the benchmark.
    """

    sandbox: float
    others: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        subject: what it is about; figures of a subject stand together.
        name: what was measured.
        value: in `unit`; None where there is none, and `note` says why.
        reference: the same measured for the reference, in `unit`.
        against: what the reference is.
        count: how many single measurements stand behind it.
        load: None where nothing competes with it.
        note: what a reader must know.
    """

    subject: str
    name: str
    value: float | None
    unit: str
    target: Target | None = None
    reference: float | None = None
    against: str = ""
    count: int | None = None
    load: Load | None = None
    note: str = ""
    failure: Verdict | None = field(default=None, kw_only=True)

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the reference's."""
        if self.value is None or not self.reference:
            return None
        return self.value / self.reference

    @property
    def verdict(self) -> Verdict:
        """Whether it is what it should be."""
        if self.failure is not None:
            return self.failure
        if self.target is None:
            return Verdict.NOT_SET
        found = self.ratio if self.target.of_ratio else self.value
        if found is None:
            return Verdict.FAILED
        return Verdict.MET if self.target.holds(found) else Verdict.MISSED

    def with_note(self, note: str) -> "Figure":
        """The same with one more note."""
        return replace(self, note="; ".join(filter(None, (self.note, note))))

    @classmethod
    def failed(cls, subject: str, name: str, why: str) -> "Figure":
        """What could not be measured, and why."""
        return cls(subject, name, None, "", note=why, failure=Verdict.FAILED)

    @classmethod
    def skipped(cls, subject: str, name: str, why: str) -> "Figure":
        """What this machine lacks something for."""
        return cls(subject, name, None, "", note=why, failure=Verdict.SKIPPED)
