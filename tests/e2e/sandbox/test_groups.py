"""Groups: the real library writes into them and reads what is written there."""

import base64
from typing import Any

import grpc
import pytest

from botmesh.sandbox.v1 import (
    ActInGroupRequest,
    Direction,
    GroupPeople,
    JoinGroupRequest,
    ListGroupsRequest,
    MarkReadRequest,
    RefuseQuery,
    SetGroupRequest,
    SetPhoneRequest,
    SetPrivacyRequest,
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

    # Until the library has heard it, it encrypts for those who were there before.
    while "join" not in (await client.event("GroupInfo", chat=group))["told"]:
        pass
    await client.send(group, "after")
    assert [item.text for item in await world.chat(late, 1)] == ["after"]
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


JPEG = b"\xff\xd8\xff\xe0 a picture"


def address(number: str) -> str:
    return f"{number}@s.whatsapp.net"


async def refusal(client: Any, command: str, **data: Any) -> str:
    answer = await client.do(command, **data)
    return str(answer.get("error", answer))


async def refused(call: Any) -> str:
    """The words with which the control API refuses."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return str(caught.value.details())


async def test_a_library_makes_a_group_and_changes_it(world: Any) -> None:
    (client, number), (other, second) = await world.paired(), await world.paired()
    shy, nobody = world.number(), world.number()
    await world.people.SetPrivacy(SetPrivacyRequest(phone=shy, groups=False))
    await world.api.SetPhone(SetPhoneRequest(phone=nobody, on_whatsapp=False))

    made = await client.do("create_group", name="Pedidos ñ", whom=[second, shy, nobody])
    group, people = made["jid"], made["people"]
    assert {who: person[1:] for who, person in people.items()} == {
        address(number): ["super", 0, False],
        address(second): ["member", 0, False],
        address(shy): ["member", 403, True],
        address(nobody): ["member", 404, False],
    }
    for one in (client, other):
        joined = await one.event("JoinedGroup", chat=group)
        assert (joined["name"], joined["type"], joined["size"]) == ("Pedidos ñ", "new", 2)

    me = people[address(number)][0]
    for change in (
        {"name": "Moved"},
        {"topic": "what it is for"},
        {"topic": "what else"},
        {"topic": ""},
        {"announce": True},
        {"announce": False},
        {"locked": True},
        {"locked": False},
    ):
        assert "error" not in await client.do("set_group", group=group, **change)
        assert await other.event("GroupInfo", chat=group, by=me, told=change)
    for seconds in (86_400, 0):
        await client.do("set_group", group=group, ephemeral_ns=seconds * 10**9)
        assert await other.event("GroupInfo", chat=group, told={"ephemeral": seconds})

    photo = base64.b64encode(JPEG).decode()
    assert (await client.do("set_group", group=group, photo=photo))["said"].isdigit()
    assert not (await other.event("Picture", chat=group, by=me))["removed"]
    assert "not a valid image" in await refusal(client, "set_group", group=group, photo="")

    for action, event, role in (
        ("promote", "promote", "member"),
        ("demote", "demote", "member"),
        ("remove", "leave", "member"),
    ):
        done = await client.do("update_people", group=group, action=action, whom=[second])
        lid = people[address(second)][0]
        assert done["people"] == {address(second): [lid, role, 0, False]}
        assert await other.event("GroupInfo", chat=group, by=me, told={event: [lid]})
    done = await client.do("update_people", group=group, action="add", whom=[second, shy, number])
    assert [person[2] for person in done["people"].values()] == [0, 403, 409]
    assert (await other.event("JoinedGroup", chat=group))["type"] == ""
    assert "error" not in await other.do("leave_group", group=group)
    done = await client.do("update_people", group=group, action="add", whom=[second])
    assert [person[2] for person in done["people"].values()] == [408]


async def test_the_link_of_a_group(world: Any) -> None:
    (client, number), (other, second) = await world.paired(), await world.paired()
    group = await world.group(number)
    first = (await client.do("invite_link", group=group, reset=False))["link"]
    assert (await client.do("invite_link", group=group, reset=False))["link"] == first
    link = (await client.do("invite_link", group=group, reset=True))["link"]
    assert link != first
    assert await client.event("GroupInfo", chat=group, told={"link": link})
    for command in ("group_by_link", "join_group"):
        assert "has been revoked" in await refusal(other, command, link=first)
        assert "is not valid" in await refusal(other, command, link="nonsense")
        assert "status 404" in await refusal(other, command, link=link[:-22] + "A" * 22)
    seen = await other.do("group_by_link", link=link)
    assert (seen["jid"], seen["people"]) == (group, {})

    assert (await other.do("join_group", link=link))["group"] == group
    assert (await other.event("JoinedGroup", chat=group))["reason"] == "invite"
    assert (await client.event("GroupInfo", chat=group))["told"]["reason"] == "invite"
    assert "status 409" in await refusal(other, "join_group", link=link)
    await client.do("update_people", group=group, action="remove", whom=[second])
    assert "status 401" in await refusal(other, "join_group", link=link)

    await world.api.ActInGroup(ActInGroupRequest(phone=number, group=group, approval=True))
    asking = world.number()
    asked = await world.api.JoinGroup(JoinGroupRequest(phone=asking, link=link))
    assert (asked.asked, asked.group.asking) == (True, [f"+{asking}"])
    assert len((await client.do("list_asking", group=group))["asking"]) == 1
    people = GroupPeople(approve=[asking])
    await world.api.ActInGroup(ActInGroupRequest(phone=number, group=group, people=people))
    listed = await world.api.ListGroups(ListGroupsRequest(phone=asking))
    assert [item.group for item in listed.groups] == [group]


async def test_what_phones_do_reaches_a_library_and_its_refusals_too(world: Any) -> None:
    client, number = await world.paired()
    boss, late = world.number(), world.number()
    group = await world.group(boss, number)

    async def act(phone: str, **what: Any) -> Any:
        return await world.api.ActInGroup(ActInGroupRequest(phone=phone, group=group, **what))

    told = (
        ({"subject": "New"}, {"name": "New"}),
        ({"description": "why"}, {"topic": "why"}),
        ({"announce": True}, {"announce": True}),
        ({"locked": True}, {"locked": True}),
        ({"approval": True}, {}),  # the library knows it, and does not tell
    )
    for what, expected in told:
        await act(boss, **what)
        assert await client.event("GroupInfo", chat=group, told=expected)
    assert await refusal(client, "send", to=group, text="no") == "server returned error 420"
    for change in ({"name": "Mine"}, {"topic": "mine"}, {"announce": False}, {"locked": False}):
        assert "status 401" in await refusal(client, "set_group", group=group, **change)
    assert "permission" in await refusal(client, "invite_link", group=group, reset=False)
    for action in ("remove", "promote", "demote"):
        what = {"group": group, "action": action, "whom": [boss]}
        assert "status 401" in await refusal(client, "update_people", **what)
    await act(boss, picture=JPEG)
    assert not (await client.event("Picture", chat=group))["removed"]
    await act(boss, picture=b"")
    assert (await client.event("Picture", chat=group))["removed"]

    people = GroupPeople(add=[late], promote=[number])
    assert not (await act(boss, people=people)).errors
    await client.event("GroupInfo", chat=group)
    errors = (await act(boss, people=GroupPeople(add=[late], remove=[boss, world.number()]))).errors
    assert sorted(errors.values()) == [404, 405, 409]
    assert "not-acceptable" in await refused(act(boss, subject="x" * 101))
    assert "not-authorized" in await refused(act(late, subject="mine"))

    await world.fault(refuse_query=RefuseQuery(code=429, namespace="w:g2"), phone=number, times=1)
    assert "status 429" in await refusal(client, "group_info", group=group)
    assert "invalid disappearing timer" in await refusal(
        client, "set_group", group=group, ephemeral_ns=5 * 10**9
    )
    left = await act(boss, leave=True)
    assert (left.group.phones, left.group.admins) == ([f"+{number}", f"+{late}"], [f"+{number}"])
    nowhere = "120363000000000000@g.us"
    assert "does not exist" in await refusal(client, "group_info", group=nowhere)
    assert "error" not in await client.do("leave_group", group=nowhere)
