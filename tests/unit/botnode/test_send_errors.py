"""The library's texts and what they mean."""

import pytest

from botmesh.errors import Reason
from botnode.send_errors import Fate, judge

PN = "5215512345678@s.whatsapp.net"
USYNC = "failed to send usync query"


@pytest.mark.parametrize(
    ("text", "fate", "reason"),
    [
        ("server returned error 429", Fate.FAILED, Reason.RATE_LIMITED),
        ("server returned error 463", Fate.FAILED, Reason.REACH_OUT_LOCKED),
        ("server returned error 479", Fate.FAILED, Reason.MESSAGE_REJECTED),
        ("server returned error 400", Fate.FAILED, Reason.MESSAGE_REJECTED),
        (f"no LID found for {PN} from server", Fate.FAILED, Reason.RECIPIENT_NOT_ON_WHATSAPP),
        ("client is nil", Fate.RETRY, Reason.SESSION_DISCONNECTED),
        ("no client is connected", Fate.RETRY, Reason.SESSION_DISCONNECTED),
        (
            "failed to send message node: websocket not connected",
            Fate.RETRY,
            Reason.SESSION_DISCONNECTED,
        ),
        (
            f"failed to get user info for {PN} to fill LID cache: {USYNC}: websocket not connected",
            Fate.RETRY,
            Reason.SESSION_DISCONNECTED,
        ),
        (
            (
                f"failed to get device list: {USYNC}: failed to write msg: failed to write frame: "
                "failed to flush: write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by "
                "peer"
            ),
            Fate.RETRY,
            Reason.SESSION_DISCONNECTED,
        ),
        (
            f"failed to get device list: {USYNC}: info query returned status 503: unavailable",
            Fate.RETRY,
            Reason.SESSION_DISCONNECTED,
        ),
        (
            "failed to save cached sessions: failed to store cached sessions: database is locked",
            Fate.RETRY,
            Reason.STORAGE_FULL,
        ),
        (
            (
                "failed to create sender key distribution message to send 3EB0 to 1@g.us: failed "
                "to store sender key from 1_1:1 for 1@g.us: database or disk is full"
            ),
            Fate.RETRY,
            Reason.STORAGE_FULL,
        ),
        (
            f"failed to get device list: {USYNC}: info query timed out",
            Fate.RETRY,
            Reason.SESSION_DISCONNECTED,
        ),
        (
            f"failed to get device list: {USYNC}: info query returned status 429: rate-overlimit",
            Fate.FAILED,
            Reason.RATE_LIMITED,
        ),
        ("the store doesn't contain a device JID", Fate.FAILED, Reason.SESSION_NOT_PAIRED),
        (
            "timed out waiting for message send response",
            Fate.UNKNOWN,
            Reason.SEND_OUTCOME_UNKNOWN,
        ),
        (
            "websocket disconnected before message send returned response",
            Fate.UNKNOWN,
            Reason.SEND_OUTCOME_UNKNOWN,
        ),
        # A frame may have gone out, in part or whole, before these.
        ("websocket not connected", Fate.UNKNOWN, Reason.SEND_OUTCOME_UNKNOWN),
        (
            "failed to send message node: write tcp: broken pipe",
            Fate.UNKNOWN,
            Reason.SEND_OUTCOME_UNKNOWN,
        ),
        ("", Fate.UNKNOWN, Reason.SEND_OUTCOME_UNKNOWN),
    ],
)
def test_judge(text: str, fate: Fate, reason: Reason) -> None:
    verdict = judge(text)
    assert (verdict.fate, verdict.reason) == (fate, reason)


def test_a_cut_send_that_was_repeated_is_a_known_text() -> None:
    again = judge("websocket disconnected before message send (retry) returned response")
    assert again.known
    assert again.fate is Fate.UNKNOWN


def test_an_unknown_text_is_a_class_of_its_own() -> None:
    assert judge("server returned error 429").known
    assert not judge("a text of a newer library").known
    assert judge("a text of a newer library").fate is Fate.UNKNOWN


def test_a_refusal_on_a_line_that_was_lost_meanwhile() -> None:
    assert judge("server returned error 479", line_lost=True).fate is Fate.UNKNOWN
    assert judge("server returned error 479").fate is Fate.FAILED
    assert (
        judge("no LID found for 1@s.whatsapp.net from server", line_lost=True).fate is Fate.FAILED
    )
