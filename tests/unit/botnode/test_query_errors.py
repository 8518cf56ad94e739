"""What the library's texts of a failed question mean."""

import pytest

from botmesh.errors import Reason
from botnode.query_errors import TOO_MANY_OPEN, error_of


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("info query returned status 404: item-not-found", Reason.GROUP_NOT_FOUND),
        ("failed to look: that group does not exist", Reason.GROUP_NOT_FOUND),
        ("failed to do it: info query returned status 429: rate-overlimit", Reason.RATE_LIMITED),
        ("info query returned status 500: internal-server-error", Reason.WHATSAPP_REFUSED),
        ("websocket not connected", Reason.SESSION_DISCONNECTED),
        ("websocket disconnected before info query returned response", Reason.SESSION_DISCONNECTED),
        ("no client is connected", Reason.SESSION_DISCONNECTED),
        (TOO_MANY_OPEN, Reason.RATE_LIMITED),
        ("no LID found for 5@s.whatsapp.net from server", Reason.RECIPIENT_NOT_ON_WHATSAPP),
        ("the user has hidden their profile picture from you", Reason.PICTURE_NOT_FOUND),
        ("that user or group does not have a profile picture", Reason.PICTURE_NOT_FOUND),
        ("info query timed out", Reason.WHATSAPP_UNANSWERED),
        ("something that nobody has seen yet", Reason.WHATSAPP_REFUSED),
    ],
)
def test_a_text_becomes_a_reason(text: str, reason: Reason) -> None:
    error = error_of(text, {404: Reason.GROUP_NOT_FOUND})
    assert error.reason is reason
    assert error.message == text
    assert (error.retry_after is not None) == error.retryable


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("you're not participating in that group", "403"),
        ("you don't have the permission to get the group's invite link", "401"),
        ("that group invite link is not valid", "406"),
        ("that group invite link has been revoked", "410"),
        ("the given data is not a valid image", "406"),
        ("invalid disappearing timer provided", "400"),
    ],
)
def test_words_stand_for_a_status(text: str, code: str) -> None:
    error = error_of(text, {int(code): Reason.GROUP_FORBIDDEN})
    assert error.reason is Reason.GROUP_FORBIDDEN
    assert error.metadata == {"whatsapp_code": code}
