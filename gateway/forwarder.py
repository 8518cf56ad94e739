"""Unary calls: resolve, call, and try again where that is right."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import grpc.aio
from tenacity import AsyncRetrying, RetryCallState

from botmesh.errors import MeshError, Reason
from gateway.call import Call
from gateway.channels import Channels
from gateway.course import Course
from gateway.credentials import Credentials
from gateway.deadline import on_the_wire
from gateway.policy import RetryDecision
from gateway.resolver import RETRY_AFTER, Resolver
from registry.discovery.port import Route

Luck = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Forwarder:
    """Forwards unary calls. `luck` gives a random number from 0 to 1."""

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

    async def forward(self, call: Call) -> bytes:
        """The botnode's answer, as it came.

        Raises:
            ForwardedError: the botnode's own error.
            MeshError: what the gateway has to say itself.
        """
        route = self._resolver.find(call.tenant_id)
        if route is None:
            return await self._insist(call)
        try:
            # The usual case goes without tenacity, which takes longer than all else here.
            return await self.attempt(call, route, 1)
        except grpc.aio.AioRpcError as error:
            return await self._insist(call, (error, route))

    async def attempt(self, call: Call, route: Route, number: int) -> bytes:
        """One try at one address."""
        link = self._channels.take(route.address)
        try:
            if call.remaining_s() <= 0 or not await link.connect(call.remaining_s()):
                raise _never_left(call)
            return await link.unary.call(
                call.method.path,
                call.request,
                timeout_s=on_the_wire(max(call.remaining_s(), 0.001)),
                metadata=self._credentials.metadata(call, number),
            )
        finally:
            self._channels.give_back(link)

    async def _insist(
        self, call: Call, lost: tuple[grpc.aio.AioRpcError, Route] | None = None
    ) -> bytes:
        """Try until it is settled. `lost` is an attempt that was made already, and where."""
        course = Course(call, self._luck)
        decision: RetryDecision | None = None

        async def attempt() -> bytes:
            nonlocal lost
            if lost is None:
                route = await self._resolver.wait(call.tenant_id, call.expires)
                try:
                    return await self.attempt(call, route, course.failed + 1)
                except grpc.aio.AioRpcError as failed:
                    error = failed
            else:
                (error, route), lost = lost, None
            failure = course.note(error, route.address)
            if failure.stale:
                self._resolver.mark_stale(route, failure.retry_after_s)
            raise error

        def again(state: RetryCallState) -> bool:
            nonlocal decision
            assert state.outcome is not None  # noqa: S101 - asked only after an attempt
            failed = isinstance(state.outcome.exception(), grpc.aio.AioRpcError)
            decision = course.decide(call.remaining_s()) if failed else None
            return decision is not None

        retrying = AsyncRetrying(
            retry=again,
            wait=lambda _: 0.0 if decision is None else decision.pause_s,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except (grpc.aio.AioRpcError, MeshError) as error:
            raise course.verdict(error) from None


def _never_left(call: Call) -> MeshError:
    return MeshError(
        Reason.BOTNODE_UNAVAILABLE,
        f"there was no connection to the botnode of tenant {call.tenant_id} in time",
        metadata={"tenant_id": call.tenant_id},
        retry_after=RETRY_AFTER,
    )
