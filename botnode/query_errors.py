"""What it means that the library could not answer a question.

The texts are whatsmeow's (request.go, errors.go): an IQ's error is "info query returned status N".
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from botmesh.errors import MeshError, Reason

ASK_AGAIN_AFTER = timedelta(seconds=2)
ASK_AGAIN_AFTER_RATE_LIMIT = timedelta(seconds=60)

# Ours, for a question that the library was not asked: too many wait for an answer.
TOO_MANY_OPEN = "too many questions wait for WhatsApp's answer"

_RATE_LIMITED = 429  # WhatsApp's, as HTTP's
_STATUS = re.compile(r"(?:info query returned status|server returned error|status code) (\d+)")
_LINE_DOWN = re.compile(
    r"no client is connected|client is nil|websocket (not connected|disconnected)"
    r"|failed to write (msg|frame)|connection reset by peer|broken pipe"
    r"|use of closed network connection"
)
# Errors that the library has words of its own for, whatever was asked.
_WORDS = (
    (re.compile(r"without PushName set"), Reason.PUSH_NAME_MISSING),
    (re.compile(r"no LID found for"), Reason.RECIPIENT_NOT_ON_WHATSAPP),
    (
        re.compile(r"hidden their profile picture|does not have a profile picture"),
        Reason.PICTURE_NOT_FOUND,
    ),
)
# Words that stand in an error's place, and the status that they came from.
_WORDED = (
    (re.compile(r"that group does not exist"), 404),
    (re.compile(r"you're not participating in that group"), 403),
    (re.compile(r"don't have the permission to get the group's invite link"), 401),
    (re.compile(r"that group invite link is not valid"), 406),
    (re.compile(r"that group invite link has been revoked"), 410),
    (re.compile(r"the given data is not a valid image"), 406),
    (re.compile(r"invalid disappearing timer provided"), 400),
)
_NOT_IN_TIME = re.compile(r"timed out")


def error_of(text: str, meanings: Mapping[int, Reason]) -> MeshError:
    """The typed error of a question that failed.

    Args:
        text: the library's.
        meanings: what WhatsApp's status codes mean for this question; 429 is known for all.
    """
    if _LINE_DOWN.search(text):
        return MeshError(Reason.SESSION_DISCONNECTED, text, retry_after=ASK_AGAIN_AFTER)
    if _NOT_IN_TIME.search(text):
        return unanswered(text)
    if text == TOO_MANY_OPEN:
        return MeshError(Reason.RATE_LIMITED, text, retry_after=ASK_AGAIN_AFTER)
    for words, reason in _WORDS:
        if words.search(text):
            return MeshError(reason, text)
    code = _code(text)
    metadata = {"whatsapp_code": str(code)} if code else {}
    if code == _RATE_LIMITED:
        return MeshError(
            Reason.RATE_LIMITED, text, metadata=metadata, retry_after=ASK_AGAIN_AFTER_RATE_LIMIT
        )
    reason = meanings.get(code, Reason.WHATSAPP_REFUSED)
    return MeshError(reason, text, metadata=metadata)


def is_answer(text: str) -> bool:
    """Whether the text of a question that failed shows that WhatsApp heard the question."""
    return not _LINE_DOWN.search(text) and not _NOT_IN_TIME.search(text)


def _code(text: str) -> int:
    """The status that WhatsApp answered with; 0 where the text does not tell."""
    if found := _STATUS.search(text):
        return int(found[1])
    return next((code for pattern, code in _WORDED if pattern.search(text)), 0)


def unanswered(text: str) -> MeshError:
    """The error of a question that WhatsApp left open."""
    return MeshError(Reason.WHATSAPP_UNANSWERED, text, retry_after=ASK_AGAIN_AFTER)
