"""What a thousand streams through one gateway cost, and how late an item is."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty

from benchmarks.calls import quantile
from benchmarks.figure import Figure, Sense, Target
from benchmarks.mesh import CALL_S, BenchError, Mesh
from benchmarks.meter import Span, span
from benchmarks.processes import pss_mb
from benchmarks.protocol_mesh import ProtocolMesh, protocol_mesh
from benchmarks.subject import Subject
from benchmarks.watchers import Watchers
from benchmarks.world import World, customer, phone
from botmesh.sandbox import v1 as phones
from botmesh.v1 import (
    CreateTenantRequest,
    DeleteTenantRequest,
    RequestPairingCodeRequest,
    StreamEventsRequest,
    StreamEventsResponse,
    StreamQRRequest,
    StreamQRResponse,
)

NAME = "streams"
TENANTS = 100
EACH = 10
CONSUMERS = TENANTS * EACH
PAIRING, WATCHERS = 4, 200
NUMBERS = 2
CONNECTIONS = 20
ROUNDS = 4
ITEMS = 60
RATE = 20.0
# The library works for some tens of milliseconds on each phone code, before there is an item.
PHONE_CODES = 20
PHONE_CODE_RATE = 5.0
SETTLE_S = 3.0
# An event's time has whole milliseconds: it is half of one early, in the mean.
ROUNDED_S = 0.0005
EVENTS, CODES = (f"/botmesh.v1.BotService/{name}" for name in ("StreamEvents", "StreamQR"))


async def measure(world: World) -> AsyncGenerator[Figure, None]:
    """Memory first, while the gateway is fresh; then items, straight and through it in turns."""
    mesh, _ = await world.mesh(TENANTS, fresh=True)
    async with _unpaired(mesh) as pairing:
        yield await _memory(mesh, pairing)
        late = Late(f"{WATCHERS} StreamQR")
        with span(mesh.parts) as taken:
            for turn in range(ROUNDS):
                late.straight += await _codes(mesh, pairing, 2 * turn, direct=True)
                late.through += await _codes(mesh, pairing, 2 * turn + 1, direct=False)
    said = (
        "from the botnode's first copy (its expire_time less its expires_in) to each watcher, "
        f"{WATCHERS // PAIRING} watchers of each tenant; phone codes, and the codes that rotate"
    )
    yield late.figure("real botnodes", 50, taken, Target(1.6, of_ratio=True), said)
    yield late.figure("real botnodes", 99, taken)
    late = Late()
    with span(mesh.parts) as taken:
        for turn in range(ROUNDS):
            late.straight += await _items(mesh, turn, direct=True)
            late.through += await _items(mesh, turn, direct=False)
    said = f"from the event's create_time to its consumer, {EACH} consumers of each tenant"
    yield late.figure("real botnodes", 50, taken, Target(1.6, of_ratio=True), said)
    yield late.figure("real botnodes", 99, taken)
    late = Late()
    await world.stop()
    async with protocol_mesh(world.data.parent / "streams", TENANTS) as protocol:
        with span(dict) as taken:
            for _ in range(ROUNDS):
                late.straight += await _stamped(protocol, direct=True)
                late.through += await _stamped(protocol, direct=False)
    said = "from the stub's hands to its consumer: the protocol alone, no store, no WhatsApp"
    yield late.figure("stub", 50, taken, Target(1.6, of_ratio=True), said)
    yield late.figure("stub", 99, taken)


@dataclass(slots=True)
class Late:
    """How late items were, in seconds, straight and through the gateway."""

    streams: str = f"{CONSUMERS:,} StreamEvents"
    straight: list[float] = field(default_factory=list)
    through: list[float] = field(default_factory=list)

    def figure(
        self, callee: str, per_cent: int, taken: Span, target: Target | None = None, note: str = ""
    ) -> Figure:
        """A percentile as a figure."""
        return Figure(
            NAME,
            f"an item's latency p{per_cent}, {self.streams} through one gateway ({callee})",
            quantile(self.through, per_cent) * 1000,
            "ms",
            target,
            quantile(self.straight, per_cent) * 1000,
            "direct",
            count=len(self.through),
            load=taken.load,
            note=note,
        )


@asynccontextmanager
async def _unpaired(mesh: Mesh) -> AsyncIterator[list[str]]:
    """Tenants that nobody has paired."""
    tenants = [f"pair-{number}" for number in range(PAIRING)]
    for tenant in tenants:
        await mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id=tenant), timeout=CALL_S)
    yield tenants
    for tenant in tenants:
        delete = DeleteTenantRequest(tenant_id=tenant, delete_data=True)
        await mesh.tenants.DeleteTenant(delete, timeout=CALL_S)


def _watching(pairing: Sequence[str]) -> list[StreamQRRequest]:
    return [StreamQRRequest(tenant_id=pairing[n % PAIRING]) for n in range(WATCHERS)]


async def _memory(mesh: Mesh, pairing: Sequence[str]) -> Figure:
    gateway = mesh.part("gateway")
    await asyncio.sleep(SETTLE_S)
    before = pss_mb(gateway)
    async with Watchers(CODES) as codes, Watchers(EVENTS) as events:
        with span(mesh.parts) as taken:
            began = time.monotonic()
            await codes.open([mesh.address] * CONNECTIONS, _watching(pairing))
            await events.open([mesh.address] * CONNECTIONS, _requests(mesh))
            opened = time.monotonic() - began
        await asyncio.sleep(SETTLE_S)
        after = pss_mb(gateway)
    return Figure(
        NAME,
        f"the gateway's memory for a stream ({CONSUMERS:,} StreamEvents, {WATCHERS} StreamQR)",
        (after - before) * 1024 / (CONSUMERS + WATCHERS),
        "KB",
        Target(60, Sense.BELOW),
        count=CONSUMERS + WATCHERS,
        load=taken.load,
        note=f"PSS {before:.0f} to {after:.0f} MB; all had their first item after {opened:.1f} s; "
        f"{2 * CONNECTIONS} connections",
    )


async def _codes(mesh: Mesh, pairing: Sequence[str], turn: int, *, direct: bool) -> list[float]:
    """How late each code was at each watcher, in seconds."""
    secret = mesh.secret() if direct else ()
    addresses = [mesh.address] * CONNECTIONS
    if direct:
        where = {tenant.tenant_id: tenant.address for tenant in await mesh.listed()}
        addresses = [where[tenant] for tenant in pairing] * (CONNECTIONS // PAIRING)
    async with Watchers(CODES, secret) as watchers:
        await watchers.open(addresses, _watching(pairing))
        await asyncio.sleep(1)  # what was on show while others were opened
        opened = len(watchers.items)
        for number in range(PHONE_CODES):
            due = time.monotonic() + 1 / PHONE_CODE_RATE
            asked = RequestPairingCodeRequest(
                tenant_id=pairing[number % PAIRING],
                # One code lives at a time: another number's takes its place.
                phone_number=phone((turn * PHONE_CODES + number) // PAIRING % NUMBERS),
            )
            await mesh.bots.RequestPairingCode(asked, timeout=CALL_S)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.sleep(1)
        return _lateness(watchers.items[opened:])


def _lateness(items: Sequence[tuple[float, bytes]]) -> list[float]:
    """How late the codes among these were that every watcher has."""
    copies: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for at, raw in items:
        step = StreamQRResponse.FromString(raw)
        kind = step.WhichOneof("step")
        if kind in ("code", "phone_code"):
            code = getattr(step, kind)
            sent = code.expire_time.ToNanoseconds() - code.expires_in.ToNanoseconds()
            copies[code.code].append((at, sent / 1e9))
    whole = [same for same in copies.values() if len(same) == WATCHERS // PAIRING]
    if len(whole) < PHONE_CODES:
        raise BenchError(f"only {len(whole)} of {PHONE_CODES} codes came to all watchers")
    return [at - min(sent for _, sent in same) for same in whole for at, _ in same]


async def _items(mesh: Mesh, turn: int, *, direct: bool) -> list[float]:
    """How late each item was at each consumer, in seconds."""
    secret = mesh.secret() if direct else ()
    async with Watchers(EVENTS, secret) as watchers:
        requests = _requests(mesh)
        if direct:
            where = {tenant.tenant_id: tenant.address for tenant in await mesh.listed()}
            addresses = [where[tenant] for tenant in mesh.tenant_ids]
        else:
            addresses = [mesh.address] * CONNECTIONS
        await watchers.open(addresses, requests)
        opened = len(watchers.items)
        for number in range(ITEMS):
            due = time.monotonic() + 1 / RATE
            await _write(mesh, turn, number)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await watchers.until(opened + ITEMS * EACH)
        late = []
        for at, raw in watchers.items[opened:]:
            item = StreamEventsResponse.FromString(raw)
            if item.event.HasField("message_received"):
                late.append(at - item.event.create_time.ToNanoseconds() / 1e9 - ROUNDED_S)
        return late


async def _write(mesh: Mesh, turn: int, number: int) -> None:
    """Somebody writes to one of the tenants."""
    tenant = (turn * ITEMS + number) * 7 % TENANTS
    request = phones.WriteMessageRequest(
        phone=customer(tenant), to=phone(tenant), text=f"{turn} {number}".ljust(80, ".")
    )
    await mesh.phones.WriteMessage(request, timeout=CALL_S)


def _requests(mesh: Mesh) -> list[StreamEventsRequest]:
    """The tenants in turn, so that a connection for each has its own tenant's streams."""
    ids = list(mesh.tenant_ids) * EACH
    return [StreamEventsRequest(tenant_id=tenant, latest=Empty()) for tenant in ids]


async def _stamped(mesh: ProtocolMesh, *, direct: bool) -> list[float]:
    """How late the stub's items were at each consumer, in seconds."""
    ids = list(mesh.tenants) * EACH
    requests = [StreamEventsRequest(tenant_id=tenant, latest=Empty()) for tenant in ids]
    addresses = list(mesh.tenants.values()) if direct else [mesh.address] * CONNECTIONS
    async with Watchers(EVENTS) as watchers:
        await watchers.open(addresses, requests)
        await asyncio.sleep(1)  # what came while others were opened
        opened = len(watchers.items)
        await watchers.until(opened + ITEMS * EACH)
        items = watchers.items[opened:]
    late = []
    for at, raw in items:
        item = StreamEventsResponse.FromString(raw)
        if item.HasField("event"):  # a consumer that goes on by himself is told the head again
            late.append(at - item.event.create_time.ToNanoseconds() / 1e9)
    return late


SUBJECT = Subject(NAME, TENANTS, measure)
