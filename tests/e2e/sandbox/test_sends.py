"""Sends that go wrong in WhatsApp's ways, seen from a real neonize and from the phone."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from botmesh.sandbox.v1 import (
    ClearFaultsRequest,
    DropConnectionsRequest,
    Fault,
    HoldAcknowledgement,
    ListFaultsRequest,
    RefuseSend,
    SetFaultRequest,
)

pytestmark = pytest.mark.e2e


async def set_fault(world: Any, **fields: Any) -> int:
    response = await world.api.SetFault(SetFaultRequest(fault=Fault(**fields)))
    return int(response.fault.fault_id)


@pytest.mark.parametrize("code", [429, 463, 479])
async def test_an_error_code_comes_back_and_nothing_is_delivered(world: Any, code: int) -> None:
    client, _ = await world.paired()
    customer = world.number()
    await set_fault(world, refuse_send=RefuseSend(code=code), times=2)
    for _ in range(2):
        answer = await client.do("send", to=customer, text="refused")
        assert answer["error"] == f"server returned error {code}"
    await client.send(customer, "accepted")
    assert [item.text for item in await world.chat(customer, 1)] == ["accepted"]


async def test_an_error_for_one_recipient_spares_the_others(world: Any) -> None:
    client, number = await world.paired()
    locked, free = world.number(), world.number()
    fault = await set_fault(
        world, refuse_send=RefuseSend(code=463), phone=f"+{number}", recipient=f"+{locked}"
    )
    assert "463" in (await client.do("send", to=locked, text="x"))["error"]
    await client.send(free, "free")
    listed = (await world.api.ListFaults(ListFaultsRequest())).faults
    assert [(item.fault_id, item.acted, item.recipient) for item in listed] == [
        (fault, 1, f"+{locked}")
    ]
    assert (await world.api.ClearFaults(ClearFaultsRequest(fault_id=fault))).cleared == 1
    await client.send(locked, "unlocked")


async def test_a_late_acknowledgement_delays_the_send_alone(world: Any) -> None:
    client, _ = await world.paired()
    customer = world.number()
    await client.send(customer, "warm")
    held = HoldAcknowledgement(delay=Duration(seconds=1))
    await set_fault(world, hold_acknowledgement=held, times=1)
    sending = await client.begin("send", to=customer, text="held")
    assert [item.text for item in await world.chat(customer, 2)] == ["warm", "held"]
    assert not client.has("Answer")
    answer = await sending
    assert answer["seconds"] >= 1
    assert "error" not in answer


async def test_a_withheld_acknowledgement_makes_the_client_send_again(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await set_fault(world, hold_acknowledgement=HoldAcknowledgement(), times=1)
    sending = await client.begin("send", to=customer, text="once")
    await world.chat(customer, 1)
    await world.api.DropConnections(DropConnectionsRequest(phone=number))
    answer = await sending
    assert "error" not in answer
    (got,) = await world.chat(customer, 1)
    assert (got.message_id, got.arrivals, got.delivery) == (answer["message_id"], 2, 1)
