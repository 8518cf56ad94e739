"""Client streams: each of a caller's messages goes on as it comes, and is then forgotten.

So nothing could be sent a second time, but the first megabyte, which a process that is not the
tenant's botnode may have turned away. A stream whose botnode breaks off ends with an error, and its
caller goes on with what the botnode has.
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from botmesh.errors import MeshError, Reason, invalid
from gateway.call import Call
from gateway.channels import Channels, Link
from gateway.course import Course
from gateway.credentials import Credentials
from gateway.forwarder import Luck, Sleep
from gateway.policy import Failure, pause
from gateway.resolver import RETRY_AFTER, Resolver
from registry.discovery.port import Route

# Kept of a call until it is certain that nobody turns it away: more than is on its way by then.
MOST_KEPT_BYTES = 1024 * 1024
# How long a caller may hold a stream open before it says whom it concerns; after that the botnode
# looks to it that something comes.
FIRST_MESSAGE_S = 60.0


async def first_of(requests: AsyncIterator[bytes]) -> bytes:
    """A stream's first message; empty if there is none.

    Raises:
        MeshError: INVALID_REQUEST when it does not come in time.
    """
    try:
        async with asyncio.timeout(FIRST_MESSAGE_S):
            return await anext(requests, b"")
    except TimeoutError:
        raise invalid("tenant_id", f"did not come within {FIRST_MESSAGE_S:g} s") from None


class UploadForwarder:
    """Forwards client streams. `luck` gives a random number from 0 to 1."""

    def __init__(
        self,
        resolver: Resolver,
        channels: Channels,
        credentials: Credentials,
        *,
        luck: Luck = random.random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._resolver = resolver
        self._channels = channels
        self._credentials = credentials
        self._luck = luck
        self._sleep = sleep

    async def forward(self, call: Call, requests: AsyncIterator[bytes]) -> bytes:
        """The botnode's answer, as it came.

        Args:
            call: with the first message.
            requests: the others. None is taken before the botnode's side has taken the last.

        Raises:
            ForwardedError: the botnode's own error.
            MeshError: what the gateway has to say itself.
        """
        messages = _Messages(call.request, requests)
        course = Course(call, self._luck)
        until = min(call.expires, time.monotonic() + call.method.policy.timeout_s)
        try:
            while True:
                route, link = await self._reach(call, until)
                try:
                    return await self._pass(call, link, messages, course.failed + 1)
                except grpc.aio.AioRpcError as error:
                    failure = course.note(error, route.address)
                    if failure.stale:
                        self._resolver.mark_stale(route, failure.retry_after_s)
                    again = messages.are_all_kept and _did_nothing(failure)
                    decision = course.decide(until - time.monotonic()) if again else None
                    if decision is None:
                        raise _verdict(course, error) from None
                finally:
                    self._channels.give_back(link)
                await self._sleep(decision.pause_s)
        finally:
            messages.close()

    async def _reach(self, call: Call, until: float) -> tuple[Route, Link]:
        """The botnode's route, and a link to it that is connected; to be given back."""
        failed = 0
        while True:
            route = await self._resolver.wait(call.tenant_id, until)
            link = self._channels.take(route.address)
            try:
                await link.connect(max(0.0, until - time.monotonic()))
                if link.is_connected:
                    return route, link
            except BaseException:
                self._channels.give_back(link)
                raise
            self._channels.give_back(link)
            failed += 1
            pause_s = pause(failed, self._luck())
            if time.monotonic() + pause_s >= until:
                raise _unreached(call)
            await self._sleep(pause_s)

    async def _pass(self, call: Call, link: Link, messages: "_Messages", attempt: int) -> bytes:
        remaining_s = call.remaining_s()
        answering = link.client_stream(call.method.path)(
            timeout=None if math.isinf(remaining_s) else max(remaining_s, 0.0),
            metadata=self._credentials.metadata(call, attempt),
        )
        feeding = asyncio.ensure_future(_feed(answering, messages.all()))
        try:
            answer: bytes = await answering
            return answer
        finally:
            answering.cancel()
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding


class _Messages:
    """A caller's messages. The first are kept, for a botnode that turns the call away."""

    def __init__(self, first: bytes, requests: AsyncIterator[bytes]) -> None:
        self._requests = requests
        self._kept = [first]
        self._room = MOST_KEPT_BYTES
        self._next: asyncio.Future[bytes | None] | None = None
        self._ended = False
        self.are_all_kept = True

    async def all(self) -> AsyncIterator[bytes]:
        """From the first on; only while all are kept may this be asked for again."""
        for message in list(self._kept):
            yield message
        while (taken := await self._take()) is not None:
            yield taken

    async def _take(self) -> bytes | None:
        if self._ended:
            return None
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._requests, None))
        # Cancelling must not end the caller's stream: another attempt goes on with it.
        message = await asyncio.shield(self._next)
        self._next = None
        self._ended = message is None
        if message is not None and self.are_all_kept:
            self._room -= len(message)
            self.are_all_kept = self._room >= 0
            self._kept = [*self._kept, message] if self.are_all_kept else []
        return message

    def close(self) -> None:
        """Nobody wants them any more."""
        self._kept = []
        if self._next is not None:
            self._next.cancel()


async def _feed(answering: Any, messages: AsyncIterator[bytes]) -> None:
    """Write the messages, each when the one before has been taken."""
    # Not `answering.write`: where the botnode answers before the last message it puts an error of
    # its own (INTERNAL, "Failed execute_batch") in the place of the botnode's answer.
    call = answering._cython_call  # noqa: SLF001 - see above
    try:
        await answering.wait_for_connection()
        async for message in messages:
            await call.send_serialized_message(message)
        await answering.done_writing()
    except (grpc.aio.AioRpcError, grpc.aio.InternalError):
        pass  # the botnode has answered already
    except asyncio.CancelledError:
        raise
    except BaseException:
        answering.cancel()
        raise


def _did_nothing(failure: Failure) -> bool:
    """Whether it was no botnode of the tenant's that answered, or one that is not at work yet."""
    return (
        failure.misrouted or not failure.connected or failure.reason == Reason.BOTNODE_UNAVAILABLE
    )


def _verdict(course: Course, error: grpc.aio.AioRpcError) -> Exception:
    verdict = course.verdict(error)
    if isinstance(verdict, MeshError) and verdict.reason is Reason.BOTNODE_UNAVAILABLE:
        return _broken_off(course.call)
    return verdict


def _broken_off(call: Call) -> MeshError:
    return MeshError(
        Reason.BOTNODE_UNAVAILABLE,
        f"the botnode of tenant {call.tenant_id} broke off; what it has of an upload stays: "
        "GetMedia tells where to go on",
        metadata={"tenant_id": call.tenant_id},
        retry_after=RETRY_AFTER,
    )


def _unreached(call: Call) -> MeshError:
    return MeshError(
        Reason.BOTNODE_UNAVAILABLE,
        f"the botnode of tenant {call.tenant_id} cannot be reached",
        metadata={"tenant_id": call.tenant_id},
        retry_after=RETRY_AFTER,
    )
