"""How fast a tenant shall send, as far as it differs from the mesh's settings."""

from collections.abc import Iterator
from dataclasses import dataclass

from botmesh.errors import Violation, invalid_fields

MOST_MESSAGES_PER_MINUTE = 10_000
MOST_NEW_CHATS_PER_DAY = 100_000
LONGEST_PAUSE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Pacing:
    """A tenant's own pace; None where the mesh's settings say, 0 for no limit.

    Attributes:
        messages_per_minute: of any kind.
        new_chats_per_day: people whom the account had no chat with before, in 24 hours.
        least_pause_ms: the shortest rest between two messages; set together with the longest.
        most_pause_ms: the longest.
    """

    messages_per_minute: int | None = None
    new_chats_per_day: int | None = None
    least_pause_ms: int | None = None
    most_pause_ms: int | None = None


def check_pacing(pacing: Pacing, field: str = "pacing") -> Pacing:
    """Return a pace; raise INVALID_REQUEST, naming each field, if it cannot be one."""
    problems = list(_problems(pacing, field))
    if problems:
        raise invalid_fields(problems)
    return pacing


def _problems(pacing: Pacing, field: str) -> Iterator[Violation]:
    numbers = {
        "messages_per_minute": (pacing.messages_per_minute, MOST_MESSAGES_PER_MINUTE),
        "new_chats_per_day": (pacing.new_chats_per_day, MOST_NEW_CHATS_PER_DAY),
    }
    for name, (value, most) in numbers.items():
        if value is not None and not 0 <= value <= most:
            yield Violation(f"{field}.{name}", f"must be from 0 to {most}")
    least, most_ms = pacing.least_pause_ms, pacing.most_pause_ms
    for name, pause, other in (
        ("least_pause", least, most_ms),
        ("most_pause", most_ms, least),
    ):
        if pause is not None and not 0 <= pause <= LONGEST_PAUSE_MS:
            yield Violation(f"{field}.{name}", "must be from 0 to 60 seconds")
        elif pause is None and other is not None:
            yield Violation(f"{field}.{name}", "is required: the two are set together")
    if least is not None and most_ms is not None and most_ms < least:
        yield Violation(f"{field}.most_pause", "must not be less than least_pause")
