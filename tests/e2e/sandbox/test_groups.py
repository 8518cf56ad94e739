"""Groups: the real library writes into them and reads what is written there."""

from typing import Any

import pytest

from botmesh.sandbox.v1 import (
    Direction,
    ListGroupsRequest,
    MarkReadRequest,
    SetGroupRequest,
    WriteMessageRequest,
)

pytestmark = pytest.mark.e2e


async def test_a_message_to_a_group_reaches_every_phone_once(world: Any) -> None:
    client, number = await world.paired()
    first, second = world.number(), world.number()
    group = await world.group(number, first, second)
    for text in ("one", "two", "three"):
        await client.send(group, text)
    for phone, direction in (
        (first, Direction.DIRECTION_RECEIVED),
        (second, Direction.DIRECTION_RECEIVED),
        (number, Direction.DIRECTION_COMPANION),
    ):
        found = await world.chat(phone, 3)
        assert [(item.text, item.chat, item.direction) for item in found] == [
            (text, group, direction) for text in ("one", "two", "three")
        ]
        assert {item.sender for item in found} == {f"+{number}"}


async def test_members_tell_of_delivery_and_reading(world: Any) -> None:
    client, number = await world.paired()
    member = world.number()
    group = await world.group(number, member)
    sent = await client.send(group, "hello")
    receipt = await client.event("Receipt", ids=[sent], type="DELIVERED")
    assert receipt["chat"] == group.partition("@")[0]
    await world.chat(member, 1)
    await world.api.MarkRead(MarkReadRequest(phone=member, message_id=sent))
    read = await client.event("Receipt", ids=[sent], type="READ")
    assert read["sender"] == receipt["sender"]


async def test_a_phone_writes_into_a_group(world: Any) -> None:
    client, number = await world.paired()
    other, elsewhere = await world.paired()
    writer = world.number()
    group = await world.group(writer, number, elsewhere)
    for text in ("first", "second"):
        request = WriteMessageRequest(phone=writer, to=group, text=text)
        written = (await world.api.WriteMessage(request)).message
        assert (written.chat, written.text) == (group, text)
        for reader in (client, other):
            got = await reader.event("Message", id=written.message_id, text=text)
            assert (got["chat"], got["sender_alt"]) == (group.partition("@")[0], writer)
    assert [item.text for item in await world.chat(number, 2)] == ["first", "second"]
    await client.do("mark_read", chat=group, sender=got["sender"], message_id=written.message_id)

    async def read() -> bool:
        return (await world.chat(writer, 2))[-1].HasField("read_time")

    await world.eventually(read)


async def test_two_libraries_talk_in_a_group(world: Any) -> None:
    (one, first), (two, second) = await world.paired(), await world.paired()
    group = await world.group(first, second)
    sent = await one.send(group, "from one")
    await two.event("Message", id=sent, text="from one")
    answer = await two.send(group, "from two")
    await one.event("Message", id=answer, text="from two")


async def test_who_comes_later_reads_from_then_on_and_who_leaves_no_more(world: Any) -> None:
    client, number = await world.paired()
    early, late = world.number(), world.number()
    group = await world.group(number, early)
    await client.send(group, "before")
    changed = await world.api.SetGroup(
        SetGroupRequest(group=group, add=[late], remove=[early], subject="Moved")
    )
    assert list(changed.group.phones) == [f"+{number}", f"+{late}"]

    async def told() -> bool:
        await client.send(group, "after")
        return bool(await world.chat(late, 0))

    await world.eventually(told)
    assert [item.text for item in await world.chat(early, 0) if item.text == "before"] == ["before"]
    listed = (await world.api.ListGroups(ListGroupsRequest(phone=late))).groups
    assert [(item.group, item.subject) for item in listed] == [(group, "Moved")]
    joined = (await client.do("groups"))["groups"]
    assert joined == {group.partition("@")[0]: ["Moved", 2]}


async def test_an_outsider_cannot_write(world: Any) -> None:
    client, _ = await world.paired()
    member = world.number()
    group = await world.group(member)
    answer = await client.do("send", to=group, text="let me in")
    assert answer["error"].startswith("failed to get group members: ")
    answer = await client.do("send", to="120363000000000000@g.us", text="nobody")
    assert answer["error"].startswith("failed to get group members: ")
    assert await world.chat(member, 0) == []


async def test_groups_outlive_the_sandbox(own_world: Any) -> None:
    client, number = await own_world.paired()
    member = own_world.number()
    group = await own_world.group(number, member)
    await client.send(group, "before")
    await own_world.chat(member, 1)
    await own_world.restart()
    await client.event("Connected")
    await client.send(group, "after")
    assert [item.text for item in await own_world.chat(member, 2)] == ["before", "after"]
