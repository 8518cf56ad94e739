"""Texts and receipts between real neonize clients and simulated phones, really encrypted."""

from typing import Any

import grpc
import pytest

from botmesh.sandbox.v1 import (
    Direction,
    GetSandboxRequest,
    ListDevicesRequest,
    ListPhonesRequest,
    MarkReadRequest,
    SetPhoneRequest,
    WriteMessageRequest,
)

pytestmark = pytest.mark.e2e


async def test_a_text_arrives_as_the_phone_decrypts_it(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    ids = [await client.send(customer, text) for text in ("Hola", "¿Está listo? 🙂")]
    got = await world.chat(customer, 2)
    assert [item.text for item in got] == ["Hola", "¿Está listo? 🙂"]
    assert [item.message_id for item in got] == ids
    assert {(item.direction, item.sender, item.sender_device) for item in got} == {
        (Direction.DIRECTION_RECEIVED, f"+{number}", 1)
    }
    assert all((item.delivery, item.arrivals) == (1, 1) and item.content for item in got)


async def test_the_senders_own_phone_gets_its_copy(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    message_id = await client.send(customer, "copy")
    (copy,) = await world.chat(number, 1)
    assert (copy.direction, copy.chat) == (Direction.DIRECTION_COMPANION, f"+{customer}")
    assert (copy.message_id, copy.text) == (message_id, "copy")


async def test_receipts_reach_the_sender(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    message_id = await client.send(customer, "receipts")
    delivered = await client.event("Receipt", ids=[message_id], type="DELIVERED")
    own = await client.event("Receipt", ids=[message_id], type="SENDER")
    lids = {
        phone.number: phone.lid
        for phone in (await world.api.ListPhones(ListPhonesRequest())).phones
    }
    assert f"{delivered['sender']}@lid" == lids[f"+{customer}"]
    assert f"{own['sender']}@lid" == lids[f"+{number}"]
    await world.api.MarkRead(MarkReadRequest(phone=customer, message_id=message_id))
    await client.event("Receipt", ids=[message_id], type="READ")
    (copy,) = await world.chat(number, 1)
    assert copy.HasField("delivery_time")
    assert copy.HasField("read_time")


async def test_a_phone_without_receipts_stays_quiet(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await world.api.SetPhone(SetPhoneRequest(phone=customer, receipts=False))
    silent = await client.send(customer, "one")
    await world.api.SetPhone(SetPhoneRequest(phone=customer, receipts=True))
    spoken = await client.send(customer, "two")
    await client.event("Receipt", ids=[spoken], type="DELIVERED")
    assert not client.has("Receipt", ids=[silent], type="DELIVERED")
    assert len(await world.chat(number, 2)) == 2


async def test_a_phones_text_reaches_the_device(world: Any, eventually: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await world.api.SetPhone(SetPhoneRequest(phone=customer, push_name="Ana"))
    request = WriteMessageRequest(phone=customer, to=number, text="¿Tienen el cable?")
    written = (await world.api.WriteMessage(request)).message
    got = await client.event("Message", id=written.message_id)
    assert got["text"] == "¿Tienen el cable?"
    assert (got["chat_server"], got["sender_alt"]) == ("lid", customer)
    assert (got["from_me"], got["push_name"]) == (False, "Ana")

    async def delivered() -> bool:
        return (await world.chat(customer, 1))[0].HasField("delivery_time")

    await eventually(delivered)


async def test_a_session_the_phone_began_serves_both_ways(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    for round_number in range(3):
        text = f"from the phone {round_number}"
        await world.api.WriteMessage(WriteMessageRequest(phone=customer, to=number, text=text))
        assert (await client.event("Message"))["text"] == text
        await client.send(customer, f"from the device {round_number}")
    got = await world.chat(customer, 6)
    assert [item.text for item in got if item.direction == Direction.DIRECTION_RECEIVED] == [
        f"from the device {round_number}" for round_number in range(3)
    ]


async def test_what_the_own_phone_writes_reaches_its_device(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await world.api.WriteMessage(WriteMessageRequest(phone=number, to=customer, text="by hand"))
    got = await client.event("Message")
    assert (got["text"], got["from_me"]) == ("by hand", True)
    assert [item.text for item in await world.chat(customer, 1)] == ["by hand"]


async def test_a_read_receipt_reaches_the_phone(world: Any, eventually: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await world.api.WriteMessage(WriteMessageRequest(phone=customer, to=number, text="read me"))
    got = await client.event("Message")
    assert "error" not in await client.do("mark_read", chat=got["chat"], message_id=got["id"])

    async def read() -> bool:
        return (await world.chat(customer, 1))[0].HasField("read_time")

    await eventually(read)


async def test_one_tenants_device_writes_to_another_tenants(world: Any) -> None:
    first, _ = await world.paired()
    second, number = await world.paired()
    message_id = await first.send(number, "between tenants")
    got = await second.event("Message", id=message_id)
    assert got["text"] == "between tenants"
    assert [item.text for item in await world.chat(number, 1)] == ["between tenants"]
    await first.event("Receipt", ids=[message_id], sender_device=1)


async def test_both_devices_of_one_phone_see_what_the_other_sends(world: Any) -> None:
    first, number = await world.paired()
    second, _ = await world.paired(number)
    customer = world.number()
    message_id = await first.send(customer, "shared")
    got = await second.event("Message", id=message_id)
    assert (got["text"], got["from_me"], got["sender_device"]) == ("shared", True, 1)


async def test_a_device_linked_later_is_not_left_out_for_long(world: Any) -> None:
    first, number = await world.paired()
    await first.send(world.number(), "knows its own devices now")
    second, _ = await world.paired(number)
    customer = world.number()
    await first.send(customer, "told of the new device already")
    message_id = await first.send(customer, "seen by all")
    assert (await second.event("Message", id=message_id))["text"] == "seen by all"


async def test_a_contacts_new_device_is_not_left_out_for_long(world: Any) -> None:
    first, _ = await world.paired()
    number = world.number()
    await first.send(number, "there is only the phone")
    second, _ = await world.paired(number)
    await first.send(number, "told of the new device by the list hash")
    message_id = await first.send(number, "seen by all")
    assert (await second.event("Message", id=message_id))["text"] == "seen by all"


async def test_a_number_without_whatsapp_is_named_so(world: Any) -> None:
    client, _ = await world.paired()
    here, gone = world.number(), world.number()
    await world.api.SetPhone(SetPhoneRequest(phone=gone, on_whatsapp=False))
    answer = await client.do("send", to=gone, text="anyone?")
    assert "no LID found" in answer["error"]
    found = (await client.do("on_whatsapp", numbers=[f"+{here}", f"+{gone}"]))["found"]
    assert {key.removeprefix("+"): value for key, value in found.items()} == {
        here: True,
        gone: False,
    }


async def test_an_offline_phone_gets_its_messages_later(world: Any) -> None:
    client, _ = await world.paired()
    customer = world.number()
    await world.api.SetPhone(SetPhoneRequest(phone=customer, online=False))
    ids = [await client.send(customer, text) for text in ("one", "two")]
    phones = (await world.api.ListPhones(ListPhonesRequest())).phones
    assert [phone.waiting for phone in phones if phone.number == f"+{customer}"] == [2]
    assert not client.has("Receipt", ids=[ids[0]], type="DELIVERED")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.api.WriteMessage(WriteMessageRequest(phone=customer, to="+5215599", text="x"))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    await world.api.SetPhone(SetPhoneRequest(phone=customer, online=True))
    assert [item.message_id for item in await world.chat(customer, 2)] == ids
    await client.event("Receipt", ids=[ids[1]], type="DELIVERED")


async def test_counts_are_kept(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    before = (await world.api.GetSandbox(GetSandboxRequest())).sandbox
    await client.send(customer, "counted")
    await world.chat(customer, 1)
    await world.api.WriteMessage(WriteMessageRequest(phone=customer, to=number, text="back"))
    await client.event("Message")
    (device,) = (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices
    assert (device.sent_messages, device.received_messages) == (1, 1)
    after = (await world.api.GetSandbox(GetSandboxRequest())).sandbox
    assert after.written_messages - before.written_messages == 1
    assert after.connected_devices >= 1
