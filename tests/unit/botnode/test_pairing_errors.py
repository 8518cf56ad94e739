"""What the library's texts mean when it gets no pairing code, and numbers that are none."""

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1.bot_pb2 import RequestPairingCodeRequest
from botnode import requests
from botnode.pairing_errors import pairing_error


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("info query returned status 429: rate-overlimit", Reason.RATE_LIMITED),
        ("info query returned status 400: bad-request", Reason.PAIRING_REFUSED),
        ("info query returned status 404: item-not-found", Reason.PAIRING_REFUSED),
        ("info query returned status 503: service-unavailable", Reason.PAIRING_FAILED),
        ("info query timed out", Reason.PAIRING_FAILED),
        ("websocket not connected", Reason.PAIRING_FAILED),
        ("a text of a newer library", Reason.PAIRING_FAILED),
        ("phone number too short", Reason.INVALID_REQUEST),
        (
            "international phone number required (must not start with 0)",
            Reason.INVALID_REQUEST,
        ),
    ],
)
def test_texts(text: str, reason: Reason) -> None:
    error = pairing_error(text)
    assert error.reason is reason
    assert (error.retry_after is not None) == (
        reason in (Reason.RATE_LIMITED, Reason.PAIRING_FAILED)
    )


@pytest.mark.parametrize("number", ["", " ", "5215512345678", "+12", "+52 55 not", "+" + "1" * 70])
def test_what_is_no_number_names_the_field(number: str) -> None:
    with pytest.raises(MeshError) as error:
        requests.pairing_number(RequestPairingCodeRequest(phone_number=number))
    assert error.value.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.value.violations] == ["phone_number"]


@pytest.mark.parametrize("number", ["+52 1 55 1234 5678", "+52-1-55-1234-5678", "+5215512345678"])
def test_numbers_in_every_spelling(number: str) -> None:
    request = RequestPairingCodeRequest(phone_number=number)
    assert requests.pairing_number(request) == "+5215512345678"
