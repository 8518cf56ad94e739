"""Lines that break, devices that are sent away, and what a real neonize makes of it."""

import asyncio
import shutil
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from botmesh.sandbox.v1 import (
    ClearFaultsRequest,
    DropConnectionsRequest,
    Fault,
    GetSandboxRequest,
    ListDevicesRequest,
    ListUnknownRequest,
    LoginRefusal,
    LogOutDeviceRequest,
    RefuseConnections,
    RefuseLogin,
    ReplaceDeviceRequest,
    SetFaultRequest,
    Silence,
    UnknownKind,
    WriteMessageRequest,
)

pytestmark = pytest.mark.e2e

# What is answered is answered sooner.
UNANSWERED_S = 0.5


async def set_fault(world: Any, **fields: Any) -> None:
    await world.api.SetFault(SetFaultRequest(fault=Fault(**fields)))


async def test_a_cut_line_is_dialled_again(world: Any) -> None:
    client, number = await world.paired()
    dropped = await world.api.DropConnections(DropConnectionsRequest(phone=number))
    assert dropped.dropped == 1
    await client.event("Disconnected")
    await client.event("Connected")
    customer = world.number()
    await client.send(customer, "after the cut")
    assert [item.text for item in await world.chat(customer, 1)] == ["after the cut"]


async def test_what_was_written_meanwhile_waits_for_the_device(world: Any, eventually: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await client.kill()
    for text in ("one", "two", "three"):
        await world.api.WriteMessage(WriteMessageRequest(phone=customer, to=number, text=text))
    again = await world.client(client.database)
    preview = await again.event("OfflineSyncPreview")
    assert "3" in preview["text"]
    assert [(await again.event("Message"))["text"] for _ in range(3)] == ["one", "two", "three"]
    await again.event("OfflineSyncCompleted")

    async def nothing_waits() -> bool:
        listed = await world.api.ListDevices(ListDevicesRequest(phone=number))
        return [device.waiting for device in listed.devices] == [0]

    await eventually(nothing_waits)
    assert not again.has("Message")
    assert not again.has("Qr")


async def test_a_second_login_replaces_the_first(world: Any) -> None:
    client, number = await world.paired()
    await client.kill()
    copy = client.database.with_name("copy.db")
    shutil.copy(client.database, copy)
    first = await world.client(client.database)
    await first.event("Connected")
    second = await world.client(copy)
    await second.event("Connected")
    await first.event("StreamReplaced")
    (device,) = (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices
    assert device.connected
    assert not second.has("Disconnected")


async def test_a_device_can_be_told_that_it_was_replaced(world: Any) -> None:
    client, number = await world.paired()
    told = await world.api.ReplaceDevice(ReplaceDeviceRequest(phone=number))
    assert told.replaced == 1
    await client.event("StreamReplaced")


async def test_logging_out_a_connected_device(world: Any) -> None:
    client, number = await world.paired()
    gone = await world.api.LogOutDevice(LogOutDeviceRequest(phone=number, device=1))
    assert gone.logged_out == 1
    await client.event("LoggedOut")
    assert not (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices


async def test_logging_out_a_device_that_is_away(world: Any) -> None:
    client, number = await world.paired()
    await client.kill()
    await world.api.LogOutDevice(LogOutDeviceRequest(phone=number))
    again = await world.client(client.database)
    await again.event("LoggedOut")
    assert not again.has("Connected")


async def test_a_device_logs_itself_out(world: Any) -> None:
    client, number = await world.paired()
    assert "error" not in await client.do("log_out")
    assert not (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices


async def test_a_ban_names_its_reason_and_its_end(world: Any) -> None:
    client, number = await world.paired()
    refusal = RefuseLogin(
        reason=LoginRefusal.LOGIN_REFUSAL_BANNED,
        ban_code=101,
        ban_duration=Duration(seconds=3600),
        drop_connections=True,
    )
    await set_fault(world, refuse_login=refusal, phone=number)
    ban = await client.event("TemporaryBan")
    assert "3600" in ban["text"]
    await world.api.ClearFaults(ClearFaultsRequest())
    await client.kill()
    again = await world.client(client.database)
    await again.event("Connected")


async def test_an_outdated_client_is_told_so(world: Any) -> None:
    client, number = await world.paired()
    refusal = RefuseLogin(reason=LoginRefusal.LOGIN_REFUSAL_OUTDATED, drop_connections=True)
    await set_fault(world, refuse_login=refusal, phone=number)
    await client.event("ClientOutdated")


async def test_a_refused_login_unlinks_if_it_says_so(world: Any) -> None:
    client, number = await world.paired()
    refusal = RefuseLogin(reason=LoginRefusal.LOGIN_REFUSAL_LOGGED_OUT, drop_connections=True)
    await set_fault(world, refuse_login=refusal, phone=number, times=1)
    await client.event("LoggedOut")
    assert not (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices


async def test_a_service_that_is_unavailable_is_tried_again(world: Any) -> None:
    client, number = await world.paired()
    refusal = RefuseLogin(reason=LoginRefusal.LOGIN_REFUSAL_UNAVAILABLE, drop_connections=True)
    await set_fault(world, refuse_login=refusal, phone=number, times=2)
    await client.event("Disconnected")
    await client.event("Connected")
    (device,) = (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices
    assert device.logins == 2


async def test_refused_connections_are_tried_until_they_are_not(world: Any) -> None:
    client, number = await world.paired()
    await set_fault(world, refuse_connections=RefuseConnections(), duration=Duration(seconds=1))
    await world.api.DropConnections(DropConnectionsRequest(phone=number))
    await client.event("Disconnected")
    listed = await world.api.ListDevices(ListDevicesRequest(phone=number))
    assert [device.connected for device in listed.devices] == [False]
    await client.event("Connected")


async def test_a_silent_line_stays_open_and_answers_nothing(world: Any, eventually: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await client.send(customer, "before")
    await set_fault(world, silence=Silence(), phone=number)
    await world.api.WriteMessage(WriteMessageRequest(phone=customer, to=number, text="unheard"))
    lost = asyncio.ensure_future(await client.begin("send", to=customer, text="lost"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(lost), UNANSWERED_S)
    (device,) = (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices
    assert device.connected
    assert device.waiting >= 1
    assert not client.has("Message", text="unheard")
    await world.api.ClearFaults(ClearFaultsRequest())
    await client.event("Message", text="unheard")
    # What the client sent into the silence is gone until its line breaks and it sends again.
    await world.api.DropConnections(DropConnectionsRequest(phone=number))
    assert "error" not in await lost
    assert [item.text for item in await world.chat(customer, 3)][-1] == "lost"


async def test_what_is_not_understood_is_reported(world: Any) -> None:
    client, number = await world.paired()
    answer = await client.do("contact_link")
    assert "error" in answer
    listed = (await world.api.ListUnknown(ListUnknownRequest(clear=True))).unknown
    assert [(item.kind, item.sender) for item in listed] == [
        (UnknownKind.UNKNOWN_KIND_QUERY, f"{number}:1@s.whatsapp.net")
    ]
    assert "w:qr" in listed[0].text
    assert (await world.api.GetSandbox(GetSandboxRequest())).sandbox.unknown == 0
