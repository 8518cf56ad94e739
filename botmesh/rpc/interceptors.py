"""What stands between the wire and every servicer: typed errors, a log line, the mesh's secret."""

import asyncio
import hmac
import inspect
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import aclosing
from functools import partial
from typing import Any, Protocol, TypeAlias

import grpc
import grpc.aio
import structlog
from google.protobuf.message import DecodeError, Message

from botmesh.errors import MeshError, Reason
from botmesh.rpc import metadata
from botmesh.rpc.status import AbortStatus, to_rpc_status

log = structlog.get_logger(__name__)

# Open to everyone and not logged: probes ask every few seconds.
OPEN_PREFIXES = ("/grpc.health.", "/grpc.reflection.")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Details = grpc.HandlerCallDetails
Found: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Find: TypeAlias = "Callable[[Details], Found]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_INTERNAL = MeshError(Reason.INTERNAL, "internal error")


class Interceptor(Protocol):
    """Stands between a call and its handler.

    A function where `grpc.aio.ServerInterceptor` has a coroutine: none of the mesh's waits for
    anything, and grpc.aio's chain costs each call about as much as all else that a gateway does
    in Python.
    """

    def intercept(self, find: Find, details: Details) -> Found:
        """The handler to use: what ``find`` finds, wrapped, or another one; None for none."""


class InterceptedHandlers(grpc.GenericRpcHandler):
    """A service's handlers behind interceptors; the first interceptor is the outermost."""

    def __init__(
        self, handlers: grpc.GenericRpcHandler, interceptors: Collection[Interceptor]
    ) -> None:
        find: Find = handlers.service
        for interceptor in reversed([*interceptors]):
            find = partial(interceptor.intercept, find)
        self._find = find

    def service(self, handler_call_details: Details) -> Found:
        """The handler of a call; None if this is not its service."""
        return self._find(handler_call_details)


class ErrorInterceptor:
    """Turns what a servicer raises into a typed status, and writes one line per call.

    A `MeshError` keeps its reason; bytes that are no message of the method are INVALID_REQUEST;
    everything else becomes INTERNAL "internal error", with the traceback in the log only.
    """

    def __init__(self, quiet: Collection[str] = ()) -> None:
        """Args: ``quiet`` methods that are asked again and again; success is told at debug."""
        self._quiet = quiet
        self._wrapped: dict[tuple[str, Handler], Handler] = {}

    def intercept(self, find: Find, details: Details) -> Found:
        """Wrap the method's handler; the wrapper is made once."""
        handler = find(details)
        if handler is None or details.method.startswith(OPEN_PREFIXES):
            return handler
        key = (details.method, handler)
        wrapped = self._wrapped.get(key)
        if wrapped is None:
            quiet = details.method in self._quiet
            wrapped = self._wrapped[key] = _wrap(details.method, handler, quiet=quiet)
        return wrapped


def _wrap(method: str, handler: Handler, *, quiet: bool) -> Handler:
    call = _Call(method, handler, quiet=quiet)
    if handler.response_streaming:
        behavior = handler.stream_stream if handler.request_streaming else handler.unary_stream
        wrap = call.streaming(behavior)
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
    else:
        behavior = handler.stream_unary if handler.request_streaming else handler.unary_unary
        wrap = call.unary(behavior)
        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
    return make(wrap, response_serializer=handler.response_serializer)


class _Call:
    """The wrappers of one method."""

    def __init__(self, method: str, handler: Handler, *, quiet: bool) -> None:
        self._method = method
        self._decode = handler.request_deserializer
        self._request = self._requests if handler.request_streaming else self._one
        self._quiet = quiet

    def unary(self, behavior: Callable[..., Any] | None) -> Callable[..., Any]:
        assert behavior is not None  # noqa: S101 - the kind of handler says which one is set

        async def wrapper(raw: Any, context: Context) -> Any:
            line = _Line(self._method, context, quiet=self._quiet)
            try:
                response = await behavior(self._request(raw, line), context)
            except BaseException as error:
                await line.fail(error)
                raise
            line.write()
            return response

        return wrapper

    def streaming(self, behavior: Callable[..., Any] | None) -> Callable[..., Any]:
        assert behavior is not None  # noqa: S101 - the kind of handler says which one is set

        writes = inspect.iscoroutinefunction(behavior)

        async def wrapper(raw: Any, context: Context) -> None:
            line = _Line(self._method, context, quiet=self._quiet)
            try:
                if writes:
                    await behavior(self._request(raw, line), context)
                else:
                    async with aclosing(behavior(self._request(raw, line), context)) as responses:
                        async for response in responses:
                            await context.write(response)
            except grpc.aio.InternalError:
                # Core could not send: the caller is gone, and core is about to say so.
                error = asyncio.CancelledError()
                await line.fail(error)
                raise error from None
            except BaseException as error:
                await line.fail(error)
                raise
            line.write()

        return wrapper

    async def _requests(self, raw: AsyncIterator[bytes], line: "_Line") -> AsyncIterator[Any]:
        async for request in raw:
            yield self._one(request, line)

    def _one(self, raw: Any, line: "_Line") -> Any:
        if self._decode is None:
            return raw
        try:
            request = self._decode(raw)
        except DecodeError as error:
            raise MeshError(
                Reason.INVALID_REQUEST, f"the request is no message of {self._method}"
            ) from error
        if isinstance(request, Message):
            line.bind_tenant(getattr(request, "tenant_id", ""))
        return request


class _Line:
    """The log line of one call; it stands before the caller has its answer."""

    def __init__(self, method: str, context: Context, *, quiet: bool) -> None:
        self._method = method
        self._context = context
        self._quiet = quiet
        self._started = time.monotonic()
        self._code = grpc.StatusCode.OK
        self._error: MeshError | None = None
        structlog.contextvars.clear_contextvars()
        bound = {
            name: value
            for key, value in context.invocation_metadata() or ()
            if (name := _LOGGED.get(key)) is not None
        }
        if bound:
            structlog.contextvars.bind_contextvars(**bound)

    def bind_tenant(self, tenant_id: str) -> None:
        if tenant_id:
            structlog.contextvars.bind_contextvars(tenant_id=tenant_id[:63])

    async def fail(self, error: BaseException) -> None:
        """Write it, and send the error's status; does not return for a typed or unknown one."""
        status: AbortStatus | None = None
        if isinstance(error, MeshError):
            self._code, self._error = error.code, error
            status = to_rpc_status(error)
        elif isinstance(error, grpc.aio.AbortError):  # a status passed on from another server
            self._code = _status_code(self._context)
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self._code = grpc.StatusCode.CANCELLED
        else:
            self._code, self._error = grpc.StatusCode.INTERNAL, _INTERNAL
            log.error("rpc_crashed", method=self._method, exc_info=error)
            status = to_rpc_status(_INTERNAL)
        self.write()
        if status is not None:
            await self._context.abort_with_status(status)

    def write(self) -> None:
        loggable = self._error is not None and self._error.loggable
        usual = log.debug if self._quiet and self._code is grpc.StatusCode.OK else log.info
        (log.warning if loggable else usual)(
            "rpc_finished",
            method=self._method,
            code=self._code.name,
            reason=None if self._error is None else self._error.reason.value,
            duration_ms=round((time.monotonic() - self._started) * 1000, 2),
        )


_LOGGED = {
    metadata.REQUEST_ID: "request_id",
    metadata.ATTEMPT: "attempt",
    metadata.TENANT_ID: "tenant_id",
}


def _status_code(context: Context) -> grpc.StatusCode:
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code
    return next((c for c in grpc.StatusCode if c.value[0] == code), grpc.StatusCode.UNKNOWN)


class SecretInterceptor:
    """Lets only callers through that know the mesh's secret; health and reflection stay open."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._refusal: Handler = grpc.unary_unary_rpc_method_handler(_refuse)

    def intercept(self, find: Find, details: Details) -> Found:
        """Refuse the call unless its metadata carries the secret."""
        if details.method.startswith(OPEN_PREFIXES) or self._knows(details):
            return find(details)
        return self._refusal

    def _knows(self, details: Details) -> bool:
        for key, value in details.invocation_metadata or ():
            if key == metadata.SECRET:
                given = value if isinstance(value, bytes) else value.encode()
                return hmac.compare_digest(given, self._secret)
        return False


async def _refuse(_request: bytes, _context: Context) -> bytes:
    raise MeshError(Reason.UNAUTHENTICATED, "the mesh's secret is missing or wrong")
