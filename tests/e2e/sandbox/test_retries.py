"""Messages that cannot be decrypted are asked for again, by phones and by the real library."""

from typing import Any

import pytest

from botmesh.sandbox.v1 import (
    ForgetSessionsRequest,
    SetPhoneRequest,
    Undecryptable,
    WriteMessageRequest,
)

pytestmark = pytest.mark.e2e


async def wait_decrypted(world: Any, phone: str, count: int) -> list[Any]:
    found: list[Any] = []

    async def decrypted() -> bool:
        found[:] = await world.chat(phone, 0)
        return len(found) == count and not any(item.undecrypted for item in found)

    await world.eventually(decrypted)
    return found


@pytest.mark.parametrize("where", ["phone", "group"])
@pytest.mark.parametrize("way", ["fault", "forgotten"])
async def test_what_a_phone_cannot_read_is_sent_again(world: Any, where: str, way: str) -> None:
    client, number = await world.paired()
    customer = world.number()
    to = customer if where == "phone" else await world.group(number, customer)
    await client.send(to, "before")
    await client.event("Receipt", type="DELIVERED")
    if way == "fault":
        fault = await world.fault(undecryptable=Undecryptable(), recipient=customer, times=2)
    else:
        request = ForgetSessionsRequest(phone=customer)
        assert (await world.api.ForgetSessions(request)).forgotten >= 1
    sent = await client.send(to, "hard to read")
    await client.event("Receipt", ids=[sent], type="RETRY")
    await client.event("Receipt", ids=[sent], type="DELIVERED")
    if way == "fault":
        await world.bitten(fault, 2)
    found = await wait_decrypted(world, customer, 2)
    assert [(item.text, item.delivery) for item in found] == [("before", 1), ("hard to read", 1)]
    after = await client.send(to, "after")
    await client.event("Receipt", ids=[after], type="DELIVERED")


async def test_the_own_phone_asks_too(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    await world.fault(undecryptable=Undecryptable(), recipient=number, times=1)
    sent = await client.send(customer, "copy")
    await client.event("Receipt", ids=[sent], type="RETRY")
    (copy,) = await wait_decrypted(world, number, 1)
    assert (copy.text, copy.chat) == ("copy", f"+{customer}")


async def test_a_restarted_library_does_not_send_again(world: Any) -> None:
    client, _ = await world.paired()
    customer = world.number()
    await client.send(customer, "before")
    await client.event("Receipt", type="DELIVERED")
    await world.api.SetPhone(SetPhoneRequest(phone=customer, online=False))
    sent = await client.send(customer, "lost")
    await client.kill()
    await world.api.ForgetSessions(ForgetSessionsRequest(phone=customer))
    await world.api.SetPhone(SetPhoneRequest(phone=customer, online=True))
    again = await world.client(client.database)
    await again.event("Receipt", ids=[sent], type="RETRY")
    before, lost = await world.chat(customer, 2)
    assert (lost.message_id, lost.undecrypted, lost.text, lost.kind) == (sent, True, "", "")
    assert not before.undecrypted
    # The line is in order: what is asked for again in a living process comes.
    later = await again.send(customer, "later")
    await again.event("Receipt", ids=[later], type="DELIVERED")
    assert [item.undecrypted for item in await world.chat(customer, 3)] == [False, True, False]


@pytest.mark.parametrize("where", ["phone", "group"])
async def test_what_a_library_cannot_read_the_phone_sends_again(world: Any, where: str) -> None:
    client, number = await world.paired()
    customer = world.number()
    to = number if where == "phone" else await world.group(customer, number)

    async def write(text: str) -> str:
        request = WriteMessageRequest(phone=customer, to=to, text=text)
        return str((await world.api.WriteMessage(request)).message.message_id)

    await client.event("Message", id=await write("before"), text="before")
    await client.kill()
    client.forget_sessions()
    again = await world.client(client.database)
    written = await write("hard to read")
    await again.event("UndecryptableMessage")
    await again.event("Message", id=written, text="hard to read")


async def test_two_phones_help_each_other(world: Any) -> None:
    one, two = world.number(), world.number()
    for text in ("one", "two"):
        await world.api.WriteMessage(WriteMessageRequest(phone=one, to=two, text=text))
        await world.chat(two, 1 if text == "one" else 2)
        await world.api.ForgetSessions(ForgetSessionsRequest(phone=two))
    await wait_decrypted(world, two, 2)
