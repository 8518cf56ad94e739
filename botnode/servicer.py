"""BotService for one tenant: checks that the call is for it, and turns pb into work and back."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from datetime import timedelta
from typing import Any, TypeVar

import grpc.aio

from botmesh.errors import MeshError, Reason, invalid
from botmesh.rpc import metadata
from botmesh.rpc.names import check_tenant_id
from botmesh.v1 import bot_pb2, bot_pb2_grpc, message_pb2, session_pb2
from botnode import convert, requests
from botnode.identity import Identity
from botnode.message import OutboundMessage
from botnode.pairing import AccountPaired, Step, already_paired
from botnode.phone_codes import PhoneCode
from botnode.session import SessionMachine
from botnode.session_errors import session_error
from botnode.states import SessionState
from botnode.tenant import Tenant

# SendMessage answers this long before the caller's deadline: a part of the time, within bounds; on
# a machine with much to do the answer takes a while to get there. Without a deadline, after that.
ANSWER_BEFORE_S = 0.05
ANSWER_BEFORE_MOST_S = 0.25
ANSWER_BEFORE_PART = 0.1
NO_DEADLINE_S = 30.0

Context = grpc.aio.ServicerContext[Any, Any]
T = TypeVar("T")


class BotServicer(bot_pb2_grpc.BotServiceServicer):
    """The contract's BotService. Every method but GetSession needs the tenant's lease."""

    def __init__(self, identity: Identity, machine: SessionMachine) -> None:
        self._identity = identity
        self._machine = machine
        self._tenant: Tenant | None = None
        self._stopping = asyncio.Event()

    def serve(self, tenant: Tenant) -> None:
        """The lease is held: answer everything from now on."""
        self._tenant = tenant

    def stop(self) -> None:
        """End the streams that are open."""
        self._stopping.set()

    async def SendMessage(
        self, request: bot_pb2.SendMessageRequest, context: Context
    ) -> bot_pb2.SendMessageResponse:
        sent_with = self._check(request, context)
        tenant = self._ready()
        command = requests.send_command(request, _request_id(request.request_id, sent_with))
        message = await tenant.outbox.send(command, _wait_s(context))
        return bot_pb2.SendMessageResponse(message=self._message_pb(message))

    async def GetMessage(
        self, request: bot_pb2.GetMessageRequest, context: Context
    ) -> bot_pb2.GetMessageResponse:
        self._check(request, context)
        tenant = self._ready()
        message, steps = await tenant.outbox.get(**requests.key(request))
        return bot_pb2.GetMessageResponse(
            message=self._message_pb(message),
            timeline=[convert.change_to_pb(step) for step in steps],
        )

    async def ListMessages(
        self, request: bot_pb2.ListMessagesRequest, context: Context
    ) -> bot_pb2.ListMessagesResponse:
        self._check(request, context)
        tenant = self._ready()
        page = await tenant.outbox.list(
            requests.wanted(request), requests.page_size(request), requests.place(request)
        )
        return bot_pb2.ListMessagesResponse(
            messages=[self._message_pb(message) for message in page.messages],
            next_page_token=requests.page_token(request, page.end),
        )

    async def CancelMessage(
        self, request: bot_pb2.CancelMessageRequest, context: Context
    ) -> bot_pb2.CancelMessageResponse:
        self._check(request, context)
        tenant = self._ready()
        message_id = requests.checked_id(request.message_id, "message_id")
        message = await tenant.outbox.cancel(message_id)
        return bot_pb2.CancelMessageResponse(message=self._message_pb(message))

    async def StreamQR(
        self, request: bot_pb2.StreamQRRequest, context: Context
    ) -> AsyncIterator[bot_pb2.StreamQRResponse]:
        self._check(request, context)
        loop = asyncio.get_running_loop()
        async with aclosing(self._until_stop(self._steps(self._ready()))) as steps:
            async for step in steps:
                yield convert.step_to_pb(step, loop.time())

    async def _steps(self, tenant: Tenant) -> AsyncGenerator[Step, None]:
        session = tenant.machine.current
        if session.state in (SessionState.BANNED, SessionState.OUTDATED):
            raise session_error(session)
        if session.account is not None and not tenant.hub.pending:
            yield AccountPaired(session.account)
            return
        async with aclosing(tenant.hub.watch()) as steps:
            async for step in steps:
                yield step

    async def RequestPairingCode(
        self, request: bot_pb2.RequestPairingCodeRequest, context: Context
    ) -> bot_pb2.RequestPairingCodeResponse:
        self._check(request, context)
        number = requests.pairing_number(request)
        code = await self._unless_stopped(self._phone_code(self._ready(), number))
        return convert.phone_code_to_pb(code, asyncio.get_running_loop().time())

    async def _phone_code(self, tenant: Tenant, number: str) -> PhoneCode:
        session = tenant.machine.current
        if session.state in (SessionState.BANNED, SessionState.OUTDATED) or session.storage_full:
            raise session_error(session)
        if session.account is not None:
            raise already_paired()
        return await tenant.hub.phone_codes.request(number)

    async def GetSession(
        self, request: bot_pb2.GetSessionRequest, context: Context
    ) -> bot_pb2.GetSessionResponse:
        self._check(request, context)
        return bot_pb2.GetSessionResponse(session=self._session_pb())

    async def LogOut(
        self, request: bot_pb2.LogOutRequest, context: Context
    ) -> bot_pb2.LogOutResponse:
        self._check(request, context)
        await self._ready().line.log_out(force=request.force)
        return bot_pb2.LogOutResponse(session=self._session_pb())

    async def StreamEvents(
        self, request: bot_pb2.StreamEventsRequest, context: Context
    ) -> AsyncIterator[bot_pb2.StreamEventsResponse]:
        self._check(request, context)
        start = convert.start_of(request)
        async with aclosing(self._until_stop(self._ready().events.follow(start))) as items:
            async for item in items:
                yield convert.event_to_pb(item, self._identity.tenant_id)

    # -- shared

    def _message_pb(self, message: OutboundMessage) -> message_pb2.Message:
        return convert.message_to_pb(message, self._identity.tenant_id)

    def _session_pb(self) -> session_pb2.Session:
        epoch = self._tenant.epoch if self._tenant else 0
        return convert.session_to_pb(self._machine.current, self._identity, epoch)

    def _ready(self) -> Tenant:
        if self._stopping.is_set():
            raise _stopping()
        if self._tenant is None:
            # Not a word about the session: an earlier call may stand in the outbox of this tenant,
            # and only whoever holds the lease can look there. Another attempt may find it.
            raise MeshError(
                Reason.BOTNODE_UNAVAILABLE,
                "this botnode does not hold its tenant's folder yet",
                metadata={"session_state": self._machine.current.state.value},
                retry_after=timedelta(seconds=1),
            )
        return self._tenant

    def _check(self, request: Any, context: Context) -> dict[str, str]:
        """Refuse a call for another tenant or mesh; return the call's metadata."""
        sent = {
            key: value if isinstance(value, str) else value.decode("ascii", "replace")
            for key, value in context.invocation_metadata() or ()
        }
        claimed = sent.get(metadata.TENANT_ID, "")
        tenant_id = check_tenant_id(request.tenant_id or claimed)
        mine = self._identity
        mesh = sent.get(metadata.MESH, mine.mesh)
        if tenant_id != mine.tenant_id or claimed not in ("", mine.tenant_id) or mesh != mine.mesh:
            raise MeshError(
                Reason.WRONG_BOTNODE,
                "this botnode serves another tenant or mesh",
                metadata={"tenant_id": tenant_id},
            )
        return sent

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of the work, or SHUTTING_DOWN when the process stops before."""
        doing = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise _stopping()
            return doing.result()
        finally:
            stopping.cancel()
            doing.cancel()

    async def _until_stop(self, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The items until the process stops, then SHUTTING_DOWN.

        An open stream would hold up the server's end for its whole grace.
        """
        stopping = asyncio.ensure_future(self._stopping.wait())
        following: asyncio.Future[T] | None = None
        try:
            while True:
                following = asyncio.ensure_future(anext(items))
                await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done() or (stopping.done() and following.exception() is None):
                    raise _stopping()  # an event that was not given comes again after the cursor
                try:
                    item = following.result()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            stopping.cancel()
            if following is not None:
                following.cancel()
                await asyncio.wait({following})
                if not following.cancelled():
                    following.exception()  # seen: nobody waits for it any more
            await items.aclose()


def _stopping() -> MeshError:
    return MeshError(
        Reason.SHUTTING_DOWN, "the botnode is stopping", retry_after=timedelta(seconds=1)
    )


def _wait_s(context: Context) -> float:
    left = context.time_remaining()
    if left is None:
        return NO_DEADLINE_S
    margin = max(ANSWER_BEFORE_S, min(ANSWER_BEFORE_MOST_S, left * ANSWER_BEFORE_PART))
    return max(0.0, left - margin - _rounding_s(left))


def _rounding_s(left_s: float) -> float:
    """How much later than the caller's deadline the one that arrived here may be, at most.

    gRPC's core rounds a timeout up to the next milliseconds below a second, 10 ms below ten
    seconds, and so on (its src/core/lib/transport/timeout_encoding.cc).
    """
    step_s = 0.001
    while left_s > step_s * 1000:
        step_s *= 10
    return step_s


def _request_id(given: str, sent: dict[str, str]) -> str:
    """The body's id, else the metadata's, else a new one."""
    given = requests.canonical_request_id(given)
    passed = requests.canonical_request_id(sent.get(metadata.REQUEST_ID, ""))
    if given and passed and given != passed:
        raise invalid("request_id", f"does not agree with the metadata {metadata.REQUEST_ID}")
    request_id = given or passed or str(uuid.uuid4())
    if len(request_id) > requests.MOST_ID:
        raise invalid("request_id", f"is longer than {requests.MOST_ID} characters")
    if not request_id.isprintable() or not request_id.strip():
        raise invalid("request_id", "must be a UUID, or printable characters")
    return request_id
