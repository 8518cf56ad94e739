"""What a caller is to send, and what came of it, as they go from process to process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """What one caller sends: text after text, each when the one before has its answer.

    Attributes:
        tenant: which tenant's account it goes out from.
        to: the recipient's number.
    """

    tenant: int
    to: str
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One send; times are of the machine's monotonic clock, in seconds.

    Attributes:
        error: empty where WhatsApp acknowledged it.
    """

    text: str
    begun_s: float
    ended_s: float
    error: str
