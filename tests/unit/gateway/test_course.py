"""What a caller is told when no further attempt is made."""

from datetime import timedelta

import grpc
import grpc.aio
import pytest

from botmesh.errors import MeshError, Reason
from botmesh.rpc.status import to_rpc_status
from botmesh.v1 import bot_pb2
from gateway.call import Call, Method
from gateway.course import Course, ForwardedError, read_failure
from gateway.policy import POLICIES

ADDRESS = "127.0.0.1:3001"
BROKEN = (grpc.StatusCode.UNAVAILABLE, "Socket closed")
REFUSED = (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; last error: x")
LATE = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
ODD = (grpc.StatusCode.UNKNOWN, "some other server's words")


def _transport(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


def _typed(
    reason: Reason, retry_after_s: float | None = None, **metadata: str
) -> grpc.aio.AioRpcError:
    retry_after = None if retry_after_s is None else timedelta(seconds=retry_after_s)
    status = to_rpc_status(MeshError(reason, "said so", metadata=metadata, retry_after=retry_after))
    return grpc.aio.AioRpcError(
        status.code,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(*status.trailing_metadata),
        status.details,
    )


def _course(name: str) -> Course:
    method = Method(name, f"/x/{name}", bot_pb2.SendMessageRequest, POLICIES[name])
    return Course(Call(method, "a", "the-id", b"", 0.0), luck=lambda: 0.0)


def _verdict(name: str, *errors: grpc.aio.AioRpcError | MeshError) -> Reason | str:
    """The reason told after these failed attempts; "as it came" for a botnode's own error."""
    course = _course(name)
    for error in errors:
        if isinstance(error, grpc.aio.AioRpcError):
            course.note(error, ADDRESS)
    verdict = course.verdict(errors[-1])
    if isinstance(verdict, ForwardedError):
        assert verdict.trailers == tuple(errors[-1].trailing_metadata())
        return "as it came"
    assert isinstance(verdict, MeshError)
    assert verdict.metadata["tenant_id"] == "a"
    return verdict.reason


@pytest.mark.parametrize(
    ("failed", "asking", "sending"),
    [
        (BROKEN, Reason.BOTNODE_UNAVAILABLE, Reason.SEND_OUTCOME_UNKNOWN),
        (REFUSED, Reason.BOTNODE_UNAVAILABLE, Reason.BOTNODE_UNAVAILABLE),
        (LATE, Reason.BOTNODE_UNAVAILABLE, Reason.SEND_OUTCOME_UNKNOWN),
        (ODD, Reason.INTERNAL, Reason.SEND_OUTCOME_UNKNOWN),
    ],
)
def test_a_transport_error_is_typed(
    failed: tuple[grpc.StatusCode, str], asking: Reason, sending: Reason
) -> None:
    assert _verdict("GetSession", _transport(*failed)) is asking
    assert _verdict("SendMessage", _transport(*failed)) is sending


@pytest.mark.parametrize("reason", [Reason.WRONG_BOTNODE, Reason.UNAUTHENTICATED])
def test_a_wrong_botnodes_refusal_is_not_the_callers_business(reason: Reason) -> None:
    for name in ("GetSession", "SendMessage"):
        assert _verdict(name, _typed(reason)) is Reason.BOTNODE_UNAVAILABLE


@pytest.mark.parametrize("reason", [Reason.SESSION_DISCONNECTED, Reason.QUEUE_FULL])
def test_a_botnodes_own_error_comes_as_it_is(reason: Reason) -> None:
    for name in ("GetSession", "SendMessage"):
        assert _verdict(name, _typed(reason)) == "as it came"


def test_a_successor_knows_best_what_became_of_a_cut_send() -> None:
    # It looks for the request_id first: had the message been accepted, it would say so.
    assert (
        _verdict("SendMessage", _transport(*BROKEN), _typed(Reason.SESSION_NOT_PAIRED))
        == "as it came"
    )


@pytest.mark.parametrize(
    "last",
    [
        _transport(*REFUSED),
        _typed(Reason.WRONG_BOTNODE),
        _typed(Reason.BOTNODE_UNAVAILABLE),
        _typed(Reason.SHUTTING_DOWN),
        MeshError(Reason.TENANT_STOPPED, "stopped", metadata={"tenant_id": "a"}),
    ],
)
def test_after_a_cut_send_nothing_less_than_an_answer_makes_it_undone(
    last: grpc.aio.AioRpcError | MeshError,
) -> None:
    assert _verdict("SendMessage", _transport(*BROKEN), last) is Reason.SEND_OUTCOME_UNKNOWN


def test_a_stopping_botnode_may_have_accepted_a_send() -> None:
    accepted = _typed(Reason.SHUTTING_DOWN, message_id="m")
    assert _verdict("SendMessage", accepted) is Reason.SEND_OUTCOME_UNKNOWN
    assert _verdict("SendMessage", _typed(Reason.SHUTTING_DOWN)) == "as it came"
    assert _verdict("GetSession", _typed(Reason.SHUTTING_DOWN)) == "as it came"


def test_an_unknown_outcome_names_the_request() -> None:
    course = _course("SendMessage")
    course.note(_transport(*BROKEN), ADDRESS)
    verdict = course.verdict(_transport(*BROKEN))
    assert isinstance(verdict, MeshError)
    assert verdict.metadata == {"tenant_id": "a", "request_id": "the-id"}


def test_a_failure_tells_how_long_to_stay_away() -> None:
    assert read_failure(_typed(Reason.SHUTTING_DOWN, 2.5)).retry_after_s == 2.5
    assert read_failure(_typed(Reason.SHUTTING_DOWN)).retry_after_s == 0
    broken = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff")),
        "",
    )
    assert read_failure(broken).reason is None


def test_progress_forgets_what_failed_before() -> None:
    course = _course("StreamEvents")
    for _ in range(3):
        course.note(_transport(*BROKEN), ADDRESS)
    course.start_over()
    assert (course.failed, course.broken_off, course.executed) == (0, 0, False)
