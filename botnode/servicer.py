"""BotService for one tenant: turns pb into work and back."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing

from botmesh.errors import invalid
from botmesh.rpc import metadata
from botmesh.v1 import bot_pb2, bot_pb2_grpc, message_pb2, session_pb2
from botnode import content_media, convert, requests
from botnode.calls import Context, TenantCalls
from botnode.clock import now_ms
from botnode.deadlines import patience_s
from botnode.message import OutboundMessage
from botnode.outbox import SendCommand
from botnode.pairing import AccountPaired, Step, already_paired
from botnode.phone_codes import PhoneCode
from botnode.session_errors import session_error
from botnode.states import SessionState
from botnode.store import StoreClosedError
from botnode.tenant import Tenant

# How long SendMessage waits at most.
NO_DEADLINE_S = 30.0


class BotServicer(bot_pb2_grpc.BotServiceServicer):
    """The contract's BotService. Every method but GetSession needs the tenant's lease."""

    def __init__(self, calls: TenantCalls) -> None:
        self._calls = calls

    async def SendMessage(
        self, request: bot_pb2.SendMessageRequest, context: Context
    ) -> bot_pb2.SendMessageResponse:
        sent_with = self._calls.check(request, context)
        tenant = self._calls.tenant()
        command = requests.send_command(request, _request_id(request.request_id, sent_with))
        until = time.monotonic() + patience_s(context, NO_DEADLINE_S)
        message = await _send(tenant, command, until)
        return bot_pb2.SendMessageResponse(message=self._message_pb(message))

    async def GetMessage(
        self, request: bot_pb2.GetMessageRequest, context: Context
    ) -> bot_pb2.GetMessageResponse:
        self._calls.check(request, context)
        tenant = self._calls.tenant()
        message, steps = await tenant.outbox.get(**requests.key(request))
        return bot_pb2.GetMessageResponse(
            message=self._message_pb(message),
            timeline=[convert.change_to_pb(step) for step in steps],
        )

    async def ListMessages(
        self, request: bot_pb2.ListMessagesRequest, context: Context
    ) -> bot_pb2.ListMessagesResponse:
        self._calls.check(request, context)
        tenant = self._calls.tenant()
        page = await tenant.outbox.list(
            requests.wanted(request), requests.page_size(request), requests.place(request)
        )
        messages = [self._message_pb(message) for message in page.messages]
        for message in messages:
            content_media.drop_thumbnails(message.content)
        return bot_pb2.ListMessagesResponse(
            messages=messages, next_page_token=requests.page_token(request, page.end)
        )

    async def CancelMessage(
        self, request: bot_pb2.CancelMessageRequest, context: Context
    ) -> bot_pb2.CancelMessageResponse:
        self._calls.check(request, context)
        tenant = self._calls.tenant()
        message_id = requests.checked_id(request.message_id, "message_id")
        message = await tenant.outbox.cancel(message_id)
        return bot_pb2.CancelMessageResponse(message=self._message_pb(message))

    async def StreamQR(  # type: ignore[override]  # gRPC's other way: it writes
        self, request: bot_pb2.StreamQRRequest, context: Context
    ) -> None:
        self._calls.check(request, context)
        loop = asyncio.get_running_loop()
        with self._calls.open_until_stop():
            async with aclosing(self._steps(self._calls.tenant())) as steps:
                async for step in steps:
                    await context.write(convert.step_to_pb(step, loop.time()))

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
        self._calls.check(request, context)
        number = requests.pairing_number(request)
        code = await self._calls.unless_stopped(self._phone_code(self._calls.tenant(), number))
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
        self._calls.check(request, context)
        session = self._session_pb()
        await self._add_pacing(session)
        return bot_pb2.GetSessionResponse(session=session)

    async def LogOut(
        self, request: bot_pb2.LogOutRequest, context: Context
    ) -> bot_pb2.LogOutResponse:
        self._calls.check(request, context)
        await self._calls.tenant().line.log_out(force=request.force)
        return bot_pb2.LogOutResponse(session=self._session_pb())

    async def StreamEvents(  # type: ignore[override]  # gRPC's other way: it writes
        self, request: bot_pb2.StreamEventsRequest, context: Context
    ) -> None:
        self._calls.check(request, context)
        start = convert.start_of(request)
        with self._calls.open_until_stop():
            async with aclosing(self._calls.tenant().events.follow(start)) as items:
                async for item in items:
                    await context.write(item)

    # -- shared

    def _message_pb(self, message: OutboundMessage) -> message_pb2.Message:
        return convert.message_to_pb(message, self._calls.identity.tenant_id)

    def _session_pb(self) -> session_pb2.Session:
        calls = self._calls
        session = convert.session_to_pb(calls.machine.current, calls.identity, calls.epoch)
        heard = calls.holder.hearing.last_heard() if calls.holder is not None else None
        if heard is not None:
            session.last_heard_time.FromDatetime(heard)
        return session

    async def _add_pacing(self, session: session_pb2.Session) -> None:
        tenant = self._calls.holder
        if tenant is not None:
            with contextlib.suppress(StoreClosedError):  # it is stopping
                status = await tenant.pace_status()
                session.pacing.CopyFrom(convert.pacing_to_pb(status, now_ms()))


async def _send(tenant: Tenant, command: SendCommand, until: float) -> OutboundMessage:
    def left_s() -> float:
        return max(0.0, until - time.monotonic())

    given = command.media
    if given is None or not await tenant.outbox.expects(command, left_s()):
        return await tenant.outbox.send(command, left_s())
    async with tenant.preparation.prepared(command, given, left_s()) as prepared:
        return await tenant.outbox.send(prepared, left_s())


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
