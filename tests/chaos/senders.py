"""Callers that send: each request under an id of its own, repeated where its fate is not known."""

import asyncio
import random
import uuid
from dataclasses import dataclass
from datetime import timedelta

import grpc
import grpc.aio

from botmesh.errors import Reason
from botmesh.v1 import (
    GetMessageRequest,
    MessageContent,
    SendMessageRequest,
    TextContent,
)
from tests.chaos import collecting, reading
from tests.chaos.record import Answer, Call, Request, Run
from tests.chaos.world import DOORS, World

# A caller's patience; some have next to none.
DEADLINES_S = (0.2, 1.0, 3.0, 10.0)
MOST_CALLS = 6
PAUSE_S = (0.05, 1.2)
# Repeated where an answer leaves open what became of the message, or says that it was too early.
_TRANSPORT = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"})
_OPEN = frozenset({Reason.SHUTTING_DOWN, Reason.BOTNODE_UNAVAILABLE, Reason.INTERNAL})


@dataclass(frozen=True, slots=True)
class Habits:
    """What a tenant's callers ask for, as shares of 1."""

    queue: float = 0.5
    duplicates: float = 0.15
    expires: float = 0.1
    cancels: float = 0.3
    both_doors: float = 0.1
    looks_it_up: float = 0.3


class Sender:
    """One caller of one tenant."""

    def __init__(
        self,
        world: World,
        run: Run,
        tenant_id: str,
        luck: random.Random,
        habits: Habits,
        stop: asyncio.Event,
    ) -> None:
        self._world = world
        self._run = run
        self._tenant_id = tenant_id
        self._luck = luck
        self._habits = habits
        self._stop = stop

    async def run(self) -> None:
        """Send until told to stop; what was begun is finished."""
        while not self._stop.is_set():
            await self._one()
            await self._pause(self._luck.uniform(*PAUSE_S))

    async def _one(self) -> None:
        request = self._request()
        self._run.requests.append(request)
        if self._luck.random() < self._habits.both_doors:
            await asyncio.gather(*(self._send(request, door) for door in DOORS))
        else:
            await self._send(request, self._door())
        for _ in range(MOST_CALLS - 1):
            answer = request.calls[-1].answer
            if request.delivery == "QUEUE" and answer.state in ("QUEUED", "SENDING"):
                await self._maybe_cancel(request, answer)
                break
            if not self._asks_again(answer) or self._stop.is_set():
                break
            await self._pause(self._luck.uniform(0.05, 1.0))
            await self._send(request, self._door())
        if self._luck.random() < self._habits.looks_it_up:
            await self._look_up(request)

    def _request(self) -> Request:
        luck, habits = self._luck, self._habits
        queue = luck.random() < habits.queue
        expires = luck.random() < habits.expires
        number = f"{luck.getrandbits(128):032x}"
        return Request(
            request_id=str(uuid.UUID(number, version=4)),
            tenant_id=self._tenant_id,
            to=luck.choice(self._world.customers),
            text=f"{self._tenant_id} {len(self._run.requests)}",
            delivery="QUEUE" if queue else "NOW",
            allow_duplicate=luck.random() < habits.duplicates,
            expires_s=luck.uniform(1.0, 3.0) if expires else 0.0,
        )

    def _asks_again(self, answer: Answer) -> bool:
        if answer.ok:
            return False
        if answer.reason in _OPEN or (not answer.reason and answer.code in _TRANSPORT):
            return self._luck.random() < 0.85
        if answer.reason == Reason.SEND_OUTCOME_UNKNOWN:
            return not answer.message_id
        return answer.reason == Reason.SESSION_DISCONNECTED and self._luck.random() < 0.3

    async def _send(self, request: Request, door: str) -> None:
        deadline_s = self._luck.choice(DEADLINES_S)
        message = SendMessageRequest(
            tenant_id=request.tenant_id,
            request_id=request.request_id,
            to=self._spelled(request.to),
            content=MessageContent(text=TextContent(body=request.text)),
            delivery=f"DELIVERY_{request.delivery}",
            allow_duplicate=request.allow_duplicate,
            expires_in=timedelta(seconds=request.expires_s) if request.expires_s else None,
        )
        call = self._begin(request, "send", door)
        try:
            done = await self._world.bots[door].SendMessage(message, timeout=deadline_s)
            call.answer = reading.answer(done.message)
        except grpc.aio.AioRpcError as error:
            call.answer = reading.refusal(error)
        finally:
            call.end = reading.clock()

    async def _maybe_cancel(self, request: Request, answer: Answer) -> None:
        if self._luck.random() >= self._habits.cancels:
            return
        await collecting.cancel(self._world, request, answer.message_id, self._door())

    async def _look_up(self, request: Request) -> None:
        door = self._door()
        message = GetMessageRequest(tenant_id=request.tenant_id, request_id=request.request_id)
        call = self._begin(request, "get", door)
        try:
            done = await self._world.bots[door].GetMessage(message, timeout=5)
            call.answer = reading.answer(done.message)
        except grpc.aio.AioRpcError as error:
            call.answer = reading.refusal(error)
        finally:
            call.end = reading.clock()

    def _begin(self, request: Request, kind: str, door: str) -> Call:
        call = Call(kind, door, reading.clock())
        request.calls.append(call)
        return call

    def _spelled(self, number: str) -> str:
        """The same recipient, written in one way or the other."""
        jid = f"{number.lstrip('+')}@s.whatsapp.net"
        return jid if self._luck.random() < 0.2 else number

    def _door(self) -> str:
        return self._luck.choice(DOORS)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass
