"""A `MeshError` as a gRPC status with details and trailers."""

from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from botmesh.errors import DETAILS_KEY, DOMAIN, MeshError

PUSHBACK_KEY = "grpc-retry-pushback-ms"


@dataclass(frozen=True, slots=True)
class AbortStatus(grpc.Status):
    """What ``context.abort_with_status`` takes."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def to_rpc_status(error: MeshError) -> AbortStatus:
    """The status of an error: code, sentence, ErrorInfo, BadRequest and RetryInfo where they fit.

    Where waiting helps, the ``grpc-retry-pushback-ms`` trailer says how long (gRFC A6).
    """
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=error.reason.value, domain=DOMAIN, metadata=error.metadata
        )
    ]
    pushback: tuple[tuple[str, str | bytes], ...] = ()
    if error.violations:
        details.append(_bad_request(error))
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(error.retry_after)
        details.append(retry)
        pushback = ((PUSHBACK_KEY, str(int(error.retry_after.total_seconds() * 1000))),)
    status = status_pb2.Status(
        code=error.code.value[0], message=error.message, details=[_packed(d) for d in details]
    )
    return AbortStatus(
        error.code, error.message, ((DETAILS_KEY, status.SerializeToString()), *pushback)
    )


def _bad_request(error: MeshError) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
    )


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
