from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from botmesh.errors import (
    DETAILS_KEY,
    REASONS,
    MeshError,
    Reason,
    UnlistedReason,
    Violation,
    from_status_bytes,
    invalid,
)
from botmesh.rpc.status import PUSHBACK_KEY, to_rpc_status


def _ages() -> bytes:
    """A RetryInfo whose delay fits no timedelta."""
    retry, status = error_details_pb2.RetryInfo(), status_pb2.Status()
    retry.retry_delay.seconds = 2**62
    status.details.add().Pack(retry)
    return status.SerializeToString()


def test_every_reason_has_a_row_and_every_row_a_reason() -> None:
    assert set(REASONS) == set(Reason)
    assert all(spec.meaning.endswith(".") for spec in REASONS.values())
    assert grpc.StatusCode.OK not in {spec.code for spec in REASONS.values()}


@pytest.mark.parametrize("reason", list(Reason))
def test_an_error_survives_the_wire(reason: Reason) -> None:
    sent = MeshError(
        reason,
        "a sentence",
        metadata={"tenant_id": "norte"},
        violations=[Violation("to", "is required")],
        retry_after=timedelta(milliseconds=1500),
    )
    status = to_rpc_status(sent)
    trailers = dict(status.trailing_metadata)
    received = from_status_bytes(bytes(trailers[DETAILS_KEY]))
    assert received is not None
    assert status.code is REASONS[reason].code
    assert (received.reason, received.message) == (reason, "a sentence")
    assert received.metadata == {"tenant_id": "norte"}
    assert received.violations == (Violation("to", "is required"),)
    assert received.retry_after == timedelta(milliseconds=1500)
    assert trailers[PUSHBACK_KEY] == "1500"


def test_no_retry_time_means_no_retry_info() -> None:
    status = to_rpc_status(invalid("to", "is required"))
    assert [key for key, _ in status.trailing_metadata] == [DETAILS_KEY]


@pytest.mark.parametrize("retry_after", [None, timedelta(seconds=2)])
def test_a_reason_of_a_newer_botmesh_is_not_lost(retry_after: timedelta | None) -> None:
    newer = MeshError(
        UnlistedReason("MOON_PHASE"),
        "wait for the moon",
        metadata={"message_id": "42"},
        retry_after=retry_after,
        code=grpc.StatusCode.FAILED_PRECONDITION,
    )
    details = dict(to_rpc_status(newer).trailing_metadata)[DETAILS_KEY]
    received = from_status_bytes(bytes(details))
    assert received is not None
    assert received.reason == received.reason.value == "MOON_PHASE"
    assert not isinstance(received.reason, Reason)
    assert received.code is grpc.StatusCode.FAILED_PRECONDITION
    assert received.retryable == (retry_after is not None)
    assert str(received) == "MOON_PHASE: wait for the moon"
    assert received.metadata == {"message_id": "42"}


@pytest.mark.parametrize("garbage", [b"", b"\xff\xff", b"\x08\x03", _ages()])
def test_details_of_somebody_else_are_no_mesh_error(garbage: bytes) -> None:
    assert from_status_bytes(garbage) is None
