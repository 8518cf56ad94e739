"""How the control API says no: a status with an ErrorInfo, and the field that is at fault."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from sandbox.state.phones import NumberError

DOMAIN: Final = "botmesh.sandbox"
_DETAILS: Final = "grpc-status-details-bin"
Answer = TypeVar("Answer")


class RefusedError(Exception):
    """A call that is refused."""

    def __init__(self, code: grpc.StatusCode, reason: str, text: str, field: str = "") -> None:
        super().__init__(f"{field}: {text}" if field else text)
        self.code = code
        self.reason = reason
        self.field = field


class _Status(NamedTuple):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def invalid(field: str, text: str) -> RefusedError:
    """An argument that cannot be."""
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", text, field)


def answering(
    method: Callable[[Any, Any, Any], Awaitable[Answer]],
) -> Callable[[Any, Any, Any], Awaitable[Answer]]:
    """A servicer's method whose refusals become statuses."""

    @functools.wraps(method)
    async def answer(servicer: Any, request: Any, context: Any) -> Answer:
        try:
            return await method(servicer, request, context)
        except (RefusedError, NumberError) as error:
            await _abort(context, error)

    return answer


def streaming(
    method: Callable[[Any, Any, Any], AsyncIterator[Answer]],
) -> Callable[[Any, Any, Any], AsyncIterator[Answer]]:
    """The same for a method that answers with a stream."""

    @functools.wraps(method)
    async def answer(servicer: Any, request: Any, context: Any) -> AsyncIterator[Answer]:
        try:
            async for item in method(servicer, request, context):
                yield item
        except (RefusedError, NumberError) as error:
            await _abort(context, error)

    return answer


async def _abort(context: Any, error: RefusedError | NumberError) -> NoReturn:
    if isinstance(error, NumberError):
        error = invalid("phone", str(error))
    code = code_pb2.Code.Value(error.code.name)
    status = status_pb2.Status(code=code, message=str(error))
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=str(error)
        )
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    await context.abort_with_status(
        _Status(error.code, str(error), ((_DETAILS, status.SerializeToString()),))
    )
    raise AssertionError
