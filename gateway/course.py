"""How a call has gone so far: what failed, whether to try again, what to tell its caller."""

from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
import grpc.aio
import structlog
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from botmesh.errors import DETAILS_KEY, DOMAIN, MeshError, Reason
from botmesh.rpc.status import PUSHBACK_KEY
from gateway.call import Call
from gateway.policy import Failure, RetryDecision, decide
from gateway.resolver import RETRY_AFTER, shutting_down

log = structlog.get_logger(__name__)


class ForwardedError(Exception):
    """A botnode's own error, to be handed to the caller as it came."""

    def __init__(self, error: grpc.aio.AioRpcError, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = error.code()
        self.details = error.details() or ""
        self.trailers = tuple(
            (key, value)
            for key, value in error.trailing_metadata() or ()
            if key in (DETAILS_KEY, PUSHBACK_KEY)
        )


@dataclass(slots=True)
class Course:
    """The failed attempts of one call, in a row."""

    call: Call
    luck: Callable[[], float]
    failed: int = 0
    broken_off: int = 0
    executed: bool = False
    failure: Failure | None = field(default=None, init=False)

    def note(self, error: grpc.aio.AioRpcError, address: str) -> Failure:
        """Enter an attempt that failed at an address."""
        failure = self.failure = read_failure(error)
        self.failed += 1
        self.broken_off += failure.broken_off
        self.executed |= failure.executed
        if failure.passing:
            # A botnode that is away fails one attempt after another; the first one tells.
            (log.info if failure.connected or self.failed == 1 else log.debug)(
                "attempt_failed",
                method=self.call.method.name,
                tenant_id=self.call.tenant_id,
                address=address,
                attempt=self.failed,
                code=failure.code.name,
                reason=failure.reason,
            )
        return failure

    def decide(self, remaining_s: float) -> RetryDecision | None:
        """Whether to try again after the attempt entered last."""
        assert self.failure is not None  # noqa: S101 - asked only after a failure
        return decide(
            self.call.method.policy,
            self.failure,
            failed=self.failed,
            broken_off=self.broken_off,
            remaining_s=remaining_s,
            luck=self.luck(),
        )

    def start_over(self) -> None:
        """The call made progress: what failed before is forgotten."""
        self.failed = self.broken_off = 0
        self.executed = False

    def verdict(self, error: grpc.aio.AioRpcError | MeshError) -> Exception:
        """What the caller is told when no further attempt is made."""
        failure = self.failure
        if isinstance(error, MeshError):
            return _outcome_unknown(self.call) if self._maybe_sent() else error
        assert failure is not None  # noqa: S101 - an AioRpcError was entered
        if failure.final:
            # The botnode knows best, also of earlier attempts.
            return ForwardedError(error, failure.reason)
        if self._maybe_sent():
            return _outcome_unknown(self.call)
        if self.executed and not self.call.method.policy.repeatable:
            return _left_open(self.call)
        if failure.reason is not None and not failure.misrouted:
            return ForwardedError(error, failure.reason)
        return self._transport_error(failure)

    def _maybe_sent(self) -> bool:
        return self.executed and self.call.method.policy.request_id

    def _transport_error(self, failure: Failure) -> MeshError:
        tenant_id = self.call.tenant_id
        metadata = {"tenant_id": tenant_id}
        if failure.misrouted:
            what = f"is not where its route leads: {failure.reason or failure.code.name} there"
        elif failure.passing:
            what = "cannot be reached"
        elif failure.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            what = "did not answer in time"
        else:
            text = (
                f"the botnode of tenant {tenant_id} answered {failure.code.name} without a reason"
            )
            return MeshError(Reason.INTERNAL, text, metadata=metadata)
        return MeshError(
            Reason.BOTNODE_UNAVAILABLE,
            f"the botnode of tenant {tenant_id} {what}",
            metadata=metadata,
            retry_after=RETRY_AFTER,
        )


def _outcome_unknown(call: Call) -> MeshError:
    """A send that reached a botnode and was never answered."""
    return MeshError(
        Reason.SEND_OUTCOME_UNKNOWN,
        "the botnode did not answer after it may have begun to send; repeat the call with the "
        "same request_id to learn what became of it",
        metadata={"tenant_id": call.tenant_id, "request_id": call.request_id},
    )


def cut_short(call: Call) -> MeshError:
    """A call that a stopping gateway ends, and that a botnode may have in hand."""
    policy = call.method.policy
    if policy.request_id:
        return _outcome_unknown(call)
    return shutting_down() if policy.idempotent else _left_open(call)


def _left_open(call: Call) -> MeshError:
    """A call that must not be made twice reached a botnode and was never answered."""
    return MeshError(
        Reason.WHATSAPP_UNANSWERED,
        "the botnode did not answer after it may have begun; look whether it was done before you "
        "repeat the call",
        metadata={"tenant_id": call.tenant_id},
    )


def read_failure(error: grpc.aio.AioRpcError) -> Failure:
    """What an attempt's status says. A reason that this version does not know counts too."""
    reason, retry_after_s, accepted = None, 0.0, False
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            reason, retry_after_s, accepted = _read_details(value)
    return Failure.of(error.code(), error.details(), reason, retry_after_s, accepted=accepted)


def _read_details(value: bytes) -> tuple[str | None, float, bool]:
    reason, retry_after_s, accepted = None, 0.0, False
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    try:
        for detail in status_pb2.Status.FromString(value).details:
            if detail.Unpack(info) and info.domain == DOMAIN:
                reason = info.reason
                accepted = "message_id" in info.metadata
            elif detail.Unpack(retry):
                retry_after_s = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    except DecodeError:
        return None, 0.0, False
    return reason, retry_after_s, accepted
