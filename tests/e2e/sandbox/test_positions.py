"""Faults at exact places on a message's way, met by the real library."""

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from botmesh.sandbox.v1 import (
    ClearFaultsRequest,
    CutLine,
    CutPlace,
    DropConnectionsRequest,
    Fault,
    HoldAcknowledgement,
    HoldQuery,
    ListFaultsRequest,
    QueryKind,
    SetFaultRequest,
    WaitFaultRequest,
)

pytestmark = pytest.mark.e2e
BEFORE = CutPlace.CUT_PLACE_BEFORE_DELIVERY
AFTER = CutPlace.CUT_PLACE_AFTER_DELIVERY


@pytest.mark.parametrize("name", ["LID", "DEVICES", "PRE_KEYS", "GROUP"])
async def test_a_held_question_holds_the_message(world: Any, name: str) -> None:
    client, number = await world.paired()
    customer = world.number()
    to = customer
    if name == "GROUP":
        to = await world.group(number, customer)
        # Whoever was told that the group was made need not ask, and is told until it has heard.
        await client.event("JoinedGroup")
        client = await world.restarted(client)
    held = HoldQuery(kind=QueryKind.Value(f"QUERY_KIND_{name}"))
    fault = await world.fault(hold_query=held, phone=number, recipient=to, times=1)
    sending = await client.begin("send", to=to, text="held")
    await world.bitten(fault)
    listed = (await world.api.ListFaults(ListFaultsRequest())).faults
    assert [item.fault_id for item in listed] == [fault]
    assert await world.chat(customer, 0) == []
    assert (await world.api.ClearFaults(ClearFaultsRequest(fault_id=fault))).cleared == 1
    assert "error" not in await sending
    assert [item.text for item in await world.chat(customer, 1)] == ["held"]


async def test_a_question_about_another_number_is_answered(world: Any) -> None:
    client, _ = await world.paired()
    held = HoldQuery(kind=QueryKind.QUERY_KIND_LID)
    fault = await world.fault(hold_query=held, recipient=world.number())
    await client.send(world.number(), "free")
    waited = WaitFaultRequest(fault_id=fault, wait=Duration())
    assert (await world.api.WaitFault(waited)).fault.acted == 0


async def test_a_late_answer_comes_by_itself(world: Any) -> None:
    client, _ = await world.paired()
    held = HoldQuery(kind=QueryKind.QUERY_KIND_DEVICES, delay=Duration(nanos=300_000_000))
    await world.fault(hold_query=held, times=1)
    answer = await client.do("send", to=world.number(), text="late")
    assert answer["seconds"] >= 0.3


@pytest.mark.parametrize("place", [BEFORE, AFTER])
async def test_a_line_that_is_cut_at_a_message(world: Any, place: int) -> None:
    """The library repeats its frame on the next line; the phone has the message once."""
    client, _ = await world.paired()
    customer = world.number()
    await client.send(customer, "warm")
    fault = await world.fault(cut_line=CutLine(at=place), recipient=customer, times=1)
    sending = await client.begin("send", to=customer, text="cut")
    await world.bitten(fault)
    await client.event("Disconnected")
    assert "error" not in await sending
    found = (await world.chat(customer, 2))[1:]
    arrivals = 1 if place == BEFORE else 2
    assert [(item.text, item.delivery, item.arrivals) for item in found] == [("cut", 1, arrivals)]


async def test_an_acknowledgement_in_a_group_is_held_too(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    group = await world.group(number, customer)
    held = HoldAcknowledgement(delay=Duration(nanos=300_000_000))
    await world.fault(hold_acknowledgement=held, recipient=group, times=1)
    await client.send(customer, "not held")
    answer = await client.do("send", to=group, text="held")
    assert answer["seconds"] >= 0.3


async def test_one_device_of_a_phone_is_cut_off(world: Any) -> None:
    number = world.number()
    (first, _), (second, _) = await world.paired(number), await world.paired(number)
    request = DropConnectionsRequest(phone=number, device=2)
    assert (await world.api.DropConnections(request)).dropped == 1
    await second.event("Disconnected")
    await second.event("Connected")
    assert not first.has("Disconnected")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(hold_query=HoldQuery()),
        Fault(cut_line=CutLine()),
        Fault(cut_line=CutLine(at=AFTER), recipient="nonsense@s.whatsapp.net@"),
    ],
)
async def test_what_makes_no_sense_is_refused(world: Any, fault: Fault) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.api.SetFault(SetFaultRequest(fault=fault))
    assert refused.value.code() in (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
    )


async def test_a_fault_that_never_was_cannot_be_waited_for(world: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.api.WaitFault(WaitFaultRequest(fault_id=10**6))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
