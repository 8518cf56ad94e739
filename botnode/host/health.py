"""Asks a botnode whether it still answers."""

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import grpc
import grpc.aio

_CHECK = "/grpc.health.v1.Health/Check"
_EVERYTHING = b""  # HealthCheckRequest without a service, serialized
_OPTIONS = (
    # A proxy in the environment is for the way to WhatsApp.
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
# One lost answer may be a busy machine; the next one is asked for at once.
MISSES_ALLOWED = 1
# Looks at several processes fall together: a part of the silence that is allowed.
TOGETHER = 8


class Probe(Protocol):
    """A way to ask one process."""

    async def answers(self, timeout_s: float) -> bool:
        """Whether it answered in time, whatever it answered."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


class GrpcProbe:
    """Asks through gRPC's health service.

    Requests and answers stay bytes: it is the asking that counts, and it happens often.
    """

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            _CHECK
        )

    async def answers(self, timeout_s: float) -> bool:
        try:
            await self._check(_EVERYTHING, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            # Anything but silence and a dead line is an answer.
            return error.code() not in (
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.UNAVAILABLE,
            )
        return True

    async def close(self) -> None:
        await self._channel.close()


@dataclass(frozen=True, slots=True)
class Doubts:
    """When a process is asked whether it answers, in seconds.

    Attributes:
        silence_s: it has shown no sign of life for so long.
        thorough_s: so long after it was asked last it is asked all the same: a sign of life says
            that its event loop turns, an answer that its server does.
    """

    silence_s: float
    thorough_s: float


async def wait_until_hung(
    connect: Callable[[], Probe],
    heard_at: Callable[[], float],
    doubts: Doubts,
    timeout_s: float,
) -> None:
    """Returns when the process has not answered several times in a row.

    Args:
        connect: makes a way to ask it, once that is needed.
        heard_at: when it gave its last sign of life, by the event loop's clock.
        doubts: when to ask.
        timeout_s: how long an answer may take.
    """
    loop = asyncio.get_running_loop()
    probe: Probe | None = None
    asked_at = loop.time()
    misses = 0
    try:
        while misses <= MISSES_ALLOWED:
            if not misses:
                sign_at = max(heard_at(), asked_at)
                due = min(sign_at + doubts.silence_s, asked_at + doubts.thorough_s)
                if due > loop.time():
                    grid_s = doubts.silence_s / TOGETHER
                    await asyncio.sleep(math.ceil(due / grid_s) * grid_s - loop.time())
                    continue
            probe = probe or connect()
            asked_at = loop.time()
            misses = 0 if await probe.answers(timeout_s) else misses + 1
            if misses:
                # A refused connection fails faster than a silent one; give both the same time.
                await asyncio.sleep(max(0.0, asked_at + timeout_s - loop.time()))
    finally:
        if probe is not None:
            with contextlib.suppress(Exception):
                await probe.close()
