"""Reading the end of a run off the mesh and the phones."""

import grpc
import grpc.aio

from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import ListMessagesRequest
from tests.chaos import reading
from tests.chaos.consumers import read_log
from tests.chaos.record import Happening, Outgoing, Run
from tests.chaos.world import DOORS, World

PAGE = 500
PHONE_PAGE = 1000
DUPLICATE_ATTEMPTS = 2


async def collect(world: World, run: Run) -> None:
    """Read everything that a ledger needs; nothing may be on its way any more."""
    for tenant_id in world.tenants:
        run.logs[tenant_id] = await read_log(world, tenant_id, DOORS[-1])
        run.outboxes[tenant_id] = await _outbox(world, tenant_id, run.logs[tenant_id])
    for phone in [*world.customers, *world.tenants.values()]:
        await _read_phone(world, run, phone)
    run.waiting = await waiting(world) or {"the sandbox": 1}


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
            and message.attempts < DUPLICATE_ATTEMPTS
        )
        for message in last.values()
    )


async def _outbox(world: World, tenant_id: str, log: list[Happening]) -> list[Outgoing]:
    found: list[Outgoing] = []
    token = ""
    while True:
        request = ListMessagesRequest(tenant_id=tenant_id, page_size=PAGE, page_token=token)
        try:
            page = await world.bots[DOORS[0]].ListMessages(request, timeout=30)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL):
                raise
            last = {e.outgoing.message_id: e.outgoing for e in log if e.outgoing}
            return list(last.values())
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
