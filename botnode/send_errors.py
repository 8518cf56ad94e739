"""What the library's texts of a failed send mean.

The texts are whatsmeow's (send.go, request.go, errors.go). An attempt counts as never sent only
where the text proves it; whatever is not in the table has an unknown outcome.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from botmesh.errors import Reason


class Fate(Enum):
    """What becomes of a message whose send call failed."""

    RETRY = auto()  # it never left, and the line will come back
    FAILED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of one text; ``known`` tells whether the table has it."""

    fate: Fate
    reason: Reason
    known: bool = True


# Ours, for a call that was not made.
STOPPED_BEFORE = "the process was stopped before the call"

# Ours, for a stored content that this version cannot send; what is wrong with it follows.
UNBUILDABLE = "the content cannot be built"

_REFUSED = "server returned error "
_LINE_DOWN = (
    r"(websocket not connected|info query timed out"
    r"|websocket disconnected before info query (\(retry\) )?returned response"
    r"|info query returned status 5\d\d|failed to write (msg|frame)|failed to flush"
    r"|connection reset by peer|broken pipe|use of closed network connection)"
)
# These steps come before the message itself is handed to the socket.
_BEFORE = (
    r"(failed to get user info|failed to get LID|failed to get device list"
    r"|failed to fetch LID mappings|failed to prefetch sessions|failed to get group members"
    r"|failed to send usync query)"
)

_TABLE: tuple[tuple[re.Pattern[str], Verdict], ...] = tuple(
    (re.compile(pattern), verdict)
    for pattern, verdict in (
        (r"^no client is connected$", Verdict(Fate.RETRY, Reason.SESSION_DISCONNECTED)),
        (rf"^{STOPPED_BEFORE}$", Verdict(Fate.RETRY, Reason.SESSION_DISCONNECTED)),
        (rf"^{UNBUILDABLE}", Verdict(Fate.FAILED, Reason.INTERNAL)),
        (r"^client is nil$", Verdict(Fate.RETRY, Reason.SESSION_DISCONNECTED)),
        (
            r"^failed to send message node: websocket not connected$",
            Verdict(Fate.RETRY, Reason.SESSION_DISCONNECTED),
        ),
        (
            r"^no LID found for \S+ from server$",
            Verdict(Fate.FAILED, Reason.RECIPIENT_NOT_ON_WHATSAPP),
        ),
        (r"^server returned error 429$", Verdict(Fate.FAILED, Reason.RATE_LIMITED)),
        (r"^server returned error 463$", Verdict(Fate.FAILED, Reason.REACH_OUT_LOCKED)),
        (r"^server returned error \d+$", Verdict(Fate.FAILED, Reason.MESSAGE_REJECTED)),
        # The library stores what encryption changed before the message leaves.
        (
            r"^(failed to save cached sessions|failed to create sender key distribution message)",
            Verdict(Fate.RETRY, Reason.STORAGE_FULL),
        ),
        (rf"^{_BEFORE}.*status 429", Verdict(Fate.FAILED, Reason.RATE_LIMITED)),
        (rf"^{_BEFORE}.*{_LINE_DOWN}", Verdict(Fate.RETRY, Reason.SESSION_DISCONNECTED)),
        (rf"^{_BEFORE}", Verdict(Fate.FAILED, Reason.INTERNAL)),
        (
            r"^the store doesn't contain a device JID$",
            Verdict(Fate.FAILED, Reason.SESSION_NOT_PAIRED),
        ),
        (
            r"^(message recipient must be a user JID|can't send message to unknown server)",
            Verdict(Fate.FAILED, Reason.RECIPIENT_INVALID),
        ),
        (
            r"^(failed to marshal|failed to encrypt|can't encrypt message|cipher encryption)",
            Verdict(Fate.FAILED, Reason.INTERNAL),
        ),
        (
            r"^websocket disconnected before message send (\(retry\) )?returned response",
            Verdict(Fate.UNKNOWN, Reason.SEND_OUTCOME_UNKNOWN),
        ),
        (
            r"^timed out waiting for message send response$",
            Verdict(Fate.UNKNOWN, Reason.SEND_OUTCOME_UNKNOWN),
        ),
        # Without a prefix it comes from repeating a frame that went out before.
        (r"^websocket not connected$", Verdict(Fate.UNKNOWN, Reason.SEND_OUTCOME_UNKNOWN)),
    )
)


def judge(text: str, *, line_lost: bool = False) -> Verdict:
    """What a text of the library's means for the message.

    Args:
        text: the library's.
        line_lost: the line was lost during the call. The library repeats a frame when it is back
            soon: then the server's refusal may be of the second one, and the first arrived.
    """
    if line_lost and text.startswith(_REFUSED):
        return Verdict(Fate.UNKNOWN, Reason.SEND_OUTCOME_UNKNOWN)
    for pattern, verdict in _TABLE:
        if pattern.search(text):
            return verdict
    return Verdict(Fate.UNKNOWN, Reason.SEND_OUTCOME_UNKNOWN, known=False)
