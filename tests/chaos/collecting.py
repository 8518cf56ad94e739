"""Reading the end of a run off the mesh and the phones."""

import asyncio

import grpc
import grpc.aio

from botmesh.errors import Reason
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import CancelMessageRequest, GetMessageRequest, ListMessagesRequest, MessageState
from tests.chaos import reading
from tests.chaos.consumers import read_log
from tests.chaos.record import Call, Happening, Outgoing, Request, Run
from tests.chaos.world import DOORS, World

PAGE = 500
AT_ONCE = 16
PHONE_PAGE = 1000
DUPLICATE_ATTEMPTS = 2


async def collect(world: World, run: Run) -> None:
    """Read everything that a ledger needs; nothing may be on its way any more."""
    for tenant_id in world.tenants:
        run.logs[tenant_id] = await read_log(world, tenant_id, DOORS[-1])
        run.outboxes[tenant_id] = await _outbox(world, tenant_id)
    some = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_look_up(world, run, request, some) for request in run.requests))
    for phone in [*world.customers, *world.tenants.values()]:
        await _read_phone(world, run, phone)
    run.waiting = await waiting(world) or {"the sandbox": 1}


async def _look_up(world: World, run: Run, request: Request, some: asyncio.Semaphore) -> None:
    wanted = GetMessageRequest(tenant_id=request.tenant_id, request_id=request.request_id)
    async with some:
        try:
            found = await world.bots[DOORS[-1]].GetMessage(wanted, timeout=30)
        except grpc.aio.AioRpcError as error:
            answer = reading.refusal(error)
            if answer.reason != Reason.MESSAGE_NOT_FOUND:
                run.troubles.append(f"GetMessage of {request.request_id}: {answer}")
            return
    run.timelines[request.request_id] = [
        (step.sequence, reading.state(step)) for step in found.timeline
    ]


async def waiting(world: World) -> dict[str, int] | None:
    """What the sandbox has for devices and phones; None if it does not tell."""
    try:
        devices = await world.phones.ListDevices(sandbox.ListDevicesRequest(), timeout=5)
        phones = await world.phones.ListPhones(sandbox.ListPhonesRequest(), timeout=5)
    except grpc.aio.AioRpcError:
        return None
    return {device.jid: device.waiting for device in devices.devices} | {
        phone.number: phone.waiting for phone in phones.phones
    }


def is_open(events: list[Happening]) -> bool:
    """Whether a log tells of messages whose fate can still change by itself."""
    last: dict[str, Outgoing] = {}
    for event in events:
        if event.outgoing is not None:
            last[event.outgoing.message_id] = event.outgoing
    return any(
        message.state in ("QUEUED", "SENDING")
        or (
            message.state == "UNKNOWN"
            and message.duplicate_allowed
            and message.expires > reading.clock()
            and message.attempts < DUPLICATE_ATTEMPTS
        )
        for message in last.values()
    )


async def cancel_slowed_down(world: World, run: Run) -> None:
    """Take back what waits for minutes since WhatsApp's 429, as its caller could."""
    requests = {request.request_id: request for request in run.requests}
    for tenant_id in world.tenants:
        for message in await _outbox(world, tenant_id, MessageState.MESSAGE_STATE_QUEUED):
            if message.reason == Reason.RATE_LIMITED:
                await cancel(world, requests[message.request_id], message.message_id, DOORS[0])


async def cancel(world: World, request: Request, message_id: str, door: str) -> None:
    """Take a message back, and note what was said."""
    call = Call("cancel", door, reading.clock())
    request.calls.append(call)
    message = CancelMessageRequest(tenant_id=request.tenant_id, message_id=message_id)
    try:
        done = await world.bots[door].CancelMessage(message, timeout=10)
        call.answer = reading.answer(done.message)
    except grpc.aio.AioRpcError as error:
        call.answer = reading.refusal(error)
    finally:
        call.end = reading.clock()


async def _outbox(world: World, tenant_id: str, *states: MessageState) -> list[Outgoing]:
    found: list[Outgoing] = []
    token = ""
    while True:
        request = ListMessagesRequest(
            tenant_id=tenant_id, states=states, page_size=PAGE, page_token=token
        )
        page = await world.bots[DOORS[0]].ListMessages(request, timeout=30)
        found += [reading.outgoing(message) for message in page.messages]
        token = page.next_page_token
        if not token:
            return found


async def _read_phone(world: World, run: Run, phone: str) -> None:
    after = 0
    while True:
        request = sandbox.ListMessagesRequest(
            phone=phone, after_sequence=after, page_size=PHONE_PAGE
        )
        page = (await world.phones.ListMessages(request, timeout=30)).messages
        run.entries += [reading.entry(message) for message in page]
        if len(page) < PHONE_PAGE:
            return
        after = page[-1].sequence
