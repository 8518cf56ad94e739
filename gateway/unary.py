"""Unary calls to one address: bytes out, bytes in, and no task of their own."""

import asyncio
import time
from typing import Any, cast

import grpc
import grpc.aio

Metadata = tuple[tuple[str, str], ...]

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_CANCELLED = "the caller hung up"


class UnaryMethods:
    """The unary methods at the other end of a channel.

    A call is made in the task that awaits it. `grpc.aio`'s own callable makes a task for each call,
    which goes on when nobody awaits it, two more turns of the event loop and a good deal of
    plumbing between the two tasks: a tenth of all that a call costs a gateway. What is used in its
    place is what that callable itself stands on.
    """

    __slots__ = ("_calls", "_channel")

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = cast("Any", channel)._channel  # noqa: SLF001 - see above
        self._calls: set[Any] = set()

    async def call(
        self, path: str, request: bytes, *, timeout_s: float, metadata: Metadata
    ) -> bytes:
        """The answer of a method, given by its path.

        Raises:
            grpc.aio.AioRpcError: it answered with an error, or not in time.
        """
        call = self._channel.call(path.encode(), time.time() + timeout_s, None, None)
        self._calls.add(call)
        try:
            answer: bytes | None = await call.unary_unary(request, metadata)
        except asyncio.CancelledError:
            _cancel(call)
            raise
        finally:
            self._calls.discard(call)
        if call.is_ok():
            return answer or b""
        if call.is_locally_cancelled():  # the channel is being closed
            raise asyncio.CancelledError
        raise await _error(call)

    def cancel(self) -> None:
        """Cancel the calls under way."""
        for call in self._calls:
            _cancel(call)


def _cancel(call: Any) -> None:
    if not call.done():
        call.cancel(_CANCELLED)


async def _error(call: Any) -> grpc.aio.AioRpcError:
    """What a call that is over ended with."""
    status = await call.status()
    return grpc.aio.AioRpcError(
        _CODES.get(status.code(), grpc.StatusCode.UNKNOWN),
        grpc.aio.Metadata.from_tuple(await call.initial_metadata() or ()),
        grpc.aio.Metadata.from_tuple(status.trailing_metadata() or ()),
        details=status.details(),
        debug_error_string=status.debug_error_string(),
    )
