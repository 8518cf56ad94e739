"""Client streams: each of a caller's messages goes on as it comes, and is then forgotten.

So nothing could be sent a second time. A stream whose botnode breaks off ends with an error, and
its caller goes on with what the botnode has.
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from botmesh.errors import MeshError, Reason
from gateway.call import Call
from gateway.channels import Channels, Link
from gateway.course import Course
from gateway.credentials import Credentials
from gateway.forwarder import Luck, Sleep
from gateway.policy import pause
from gateway.resolver import RETRY_AFTER, Resolver
from registry.discovery.port import Route


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
        route, link = await self._reach(call)
        try:
            return await self._pass(call, link, requests)
        except grpc.aio.AioRpcError as error:
            course = Course(call, self._luck)
            failure = course.note(error, route.address)
            if failure.stale:
                self._resolver.mark_stale(route, failure.retry_after_s)
            verdict = course.verdict(error)
            if isinstance(verdict, MeshError) and verdict.reason is Reason.BOTNODE_UNAVAILABLE:
                verdict = _broken_off(call)
            raise verdict from None
        finally:
            self._channels.give_back(link)

    async def _reach(self, call: Call) -> tuple[Route, Link]:
        """The botnode's route, and a link to it that is connected; to be given back."""
        until = min(call.expires, time.monotonic() + call.method.policy.timeout_s)
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

    async def _pass(self, call: Call, link: Link, requests: AsyncIterator[bytes]) -> bytes:
        remaining_s = call.remaining_s()
        answering = link.client_stream(call.method.path)(
            timeout=None if math.isinf(remaining_s) else max(remaining_s, 0.0),
            metadata=self._credentials.metadata(call, 1),
        )
        feeding = asyncio.ensure_future(_feed(answering, call.request, requests))
        try:
            answer: bytes = await answering
            return answer
        finally:
            answering.cancel()
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding


async def _feed(answering: Any, first: bytes, requests: AsyncIterator[bytes]) -> None:
    """Write the messages, each when the one before has been taken."""
    # Not `answering.write`: where the botnode answers before the last message it puts an error of
    # its own (INTERNAL, "Failed execute_batch") in the place of the botnode's answer.
    call = answering._cython_call  # noqa: SLF001 - see above
    try:
        await answering.wait_for_connection()
        await call.send_serialized_message(first)
        async for request in requests:
            await call.send_serialized_message(request)
        await answering.done_writing()
    except (grpc.aio.AioRpcError, grpc.aio.InternalError):
        pass  # the botnode has answered already
    except asyncio.CancelledError:
        raise
    except BaseException:
        answering.cancel()
        raise


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
