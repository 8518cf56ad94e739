"""A group's life, through the gateway: the tenants' own doing and that of others' phones."""

import json
import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from typer.testing import CliRunner

from botmesh.cli.main import app
from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    CreateGroupRequest,
    Event,
    GetGroupByInviteLinkRequest,
    GetGroupInviteLinkRequest,
    GetGroupRequest,
    Group,
    GroupRole,
    GroupServiceStub,
    JoinGroupRequest,
    LeaveGroupRequest,
    ListGroupsRequest,
    ParticipantAction,
    SetGroupPictureRequest,
    StreamEventsRequest,
    UpdateGroupParticipantsRequest,
    UpdateGroupRequest,
)
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

NORTE, MUNDO = EXAMPLES
NUMBERS = {NORTE: "+5215510000000", MUNDO: "+5215510000001"}
ADD, REMOVE, PROMOTE, DEMOTE = (
    ParticipantAction.PARTICIPANT_ACTION_ADD,
    ParticipantAction.PARTICIPANT_ACTION_REMOVE,
    ParticipantAction.PARTICIPANT_ACTION_PROMOTE,
    ParticipantAction.PARTICIPANT_ACTION_DEMOTE,
)
MEMBER, ADMIN, SUPER_ADMIN = (
    GroupRole.GROUP_ROLE_MEMBER,
    GroupRole.GROUP_ROLE_ADMIN,
    GroupRole.GROUP_ROLE_SUPER_ADMIN,
)
NOWHERE = "120363000000000000@g.us"
# The head of a JPEG file of 8 by 8 pixels (ITU-T T.81): the frame header says so.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080008000801011100ffd9")


def number() -> str:
    """A number that nobody else uses."""
    return f"+52155{secrets.randbelow(10**8):08}"


class Groups:
    """The groups of one tenant, and what is seen of them in its events."""

    def __init__(self, mesh: Mesh, tenant_id: str) -> None:
        self._mesh = mesh
        self._stub = GroupServiceStub(mesh.channel(mesh.address))
        self.tenant_id = tenant_id
        self.number = NUMBERS[tenant_id]

    def call(self, name: str, request: Any, timeout: float = LIMIT_S) -> Any:
        request.tenant_id = self.tenant_id
        return getattr(self._stub, name)(request, timeout=timeout)

    def refused(self, name: str, request: Any) -> MeshError:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(name, request)
        error = from_rpc_error(caught.value)
        assert error is not None, caught.value
        return error

    def create(self, *people: str, name: str = "Pedidos") -> Group:
        return self.call("CreateGroup", CreateGroupRequest(name=name, participants=people)).group

    def get(self, jid: str) -> Group:
        return self.call("GetGroup", GetGroupRequest(group_jid=jid)).group

    def jids(self) -> list[str]:
        listed = self.call("ListGroups", ListGroupsRequest()).groups
        return [group.group_jid for group in listed]

    def roles(self, jid: str) -> dict[str, int]:
        return {person.phone_number: person.role for person in self.get(jid).participants}

    def update(self, jid: str, **fields: Any) -> Group:
        return self.call("UpdateGroup", UpdateGroupRequest(group_jid=jid, **fields)).group

    def people(self, jid: str, action: Any, *people: str) -> list[tuple[str, bool, int]]:
        request = UpdateGroupParticipantsRequest(group_jid=jid, action=action, participants=people)
        results = self.call("UpdateGroupParticipants", request).results
        return [(item.participant, item.done, item.error_code) for item in results]

    def link(self, jid: str, *, reset: bool = False) -> str:
        request = GetGroupInviteLinkRequest(group_jid=jid, reset=reset)
        return str(self.call("GetGroupInviteLink", request).link)

    def event(self, wanted: Callable[[Event], bool]) -> Event:
        """The first event of the log that is wanted, now or when it comes."""
        request = StreamEventsRequest(tenant_id=self.tenant_id)
        request.oldest.SetInParent()
        stream = self._mesh.bots.StreamEvents(request, timeout=LIMIT_S)
        try:
            for item in stream:
                if item.HasField("event") and wanted(item.event):
                    return item.event
        finally:
            stream.cancel()
        raise AssertionError("the stream ended")

    def joined(self, jid: str) -> Event:
        return self.event(lambda event: event.group_joined.group.group_jid == jid)

    def changed(self, jid: str, **what: Any) -> Any:
        """The first change of a group that says so."""

        def is_it(event: Event) -> bool:
            change = event.group_changed
            if change.group_jid != jid:
                return False
            return all(
                (not change.DESCRIPTOR.fields_by_name[name].has_presence or change.HasField(name))
                and getattr(change, name) == value
                for name, value in what.items()
            )

        return self.event(is_it).group_changed


@pytest.fixture(scope="module")
def norte(mesh: Mesh) -> Groups:
    return Groups(mesh, NORTE)


@pytest.fixture(scope="module")
def mundo(mesh: Mesh) -> Groups:
    return Groups(mesh, MUNDO)


@pytest.fixture(autouse=True)
def nothing_unknown(mesh: Mesh) -> Iterator[None]:
    """Nothing may happen that the sandbox does not understand."""
    yield
    mesh.phones.ClearFaults(sandbox.ClearFaultsRequest())
    unknown = mesh.phones.ListUnknown(sandbox.ListUnknownRequest(clear=True)).unknown
    assert not unknown, unknown


def act(mesh: Mesh, phone: str, jid: str, **what: Any) -> sandbox.ActInGroupResponse:
    """A phone does something in a group."""
    request = sandbox.ActInGroupRequest(phone=phone, group=jid, **what)
    return mesh.phones.ActInGroup(request, timeout=LIMIT_S)


def keep_out(mesh: Mesh, phone: str) -> None:
    """A phone lets nobody add it to groups."""
    people = sandbox.PeopleServiceStub(mesh.channel(mesh.control_address))
    people.SetPrivacy(sandbox.SetPrivacyRequest(phone=phone, groups=False))


def days(count: int) -> Duration:
    result = Duration()
    result.FromTimedelta(timedelta(days=count))
    return result


def test_a_group_is_made_and_its_people_are_told(mesh: Mesh, norte: Groups, mundo: Groups) -> None:
    shy, nobody, ana = number(), number(), number()
    keep_out(mesh, shy)
    mesh.phones.SetPhone(sandbox.SetPhoneRequest(phone=nobody, on_whatsapp=False))
    asked = [mundo.number, shy, nobody, f" {ana} "]
    request = CreateGroupRequest(name="Pedidos ñ 🎉", participants=asked)
    made = norte.call("CreateGroup", request)
    results = [(item.participant, item.done, item.error_code) for item in made.results]
    assert results == [
        (asked[0], True, 0),
        (shy, False, 403),
        (nobody, False, 404),
        (asked[3], True, 0),
    ]
    assert [item.invitable for item in made.results] == [False, True, False, False]
    assert "contacts" in made.results[1].detail
    group = made.group
    assert (group.name, group.owner_number) == ("Pedidos ñ 🎉", norte.number)
    roles = {norte.number: SUPER_ADMIN, mundo.number: MEMBER, ana: MEMBER}
    assert {person.phone_number: person.role for person in group.participants} == roles
    assert all(person.lid.endswith("@lid") for person in group.participants)
    for tenant in (norte, mundo):
        told = tenant.joined(group.group_jid).group_joined
        assert told.group == tenant.get(group.group_jid)
        assert (told.created, told.author_number) == (True, norte.number)
        assert group.group_jid in tenant.jids()
    assert abs(group.create_time.seconds - time.time()) < 120


def test_a_day_in_its_life(mesh: Mesh, norte: Groups, mundo: Groups) -> None:
    ana = number()
    jid = norte.create(mundo.number, ana).group_jid
    group = norte.update(
        jid,
        name="Taller",
        description="Lo que hay\nque hacer",
        announce=True,
        locked=True,
        ephemeral_expiration=days(7),
    )
    assert (group.name, group.description) == ("Taller", "Lo que hay\nque hacer")
    assert (group.announce, group.locked, group.ephemeral_expiration) == (True, True, days(7))
    for what in (
        {"name": "Taller"},
        {"description": "Lo que hay\nque hacer"},
        {"announce": True},
        {"locked": True},
        {"ephemeral_expiration": days(7)},
    ):
        assert mundo.changed(jid, **what).author_number == norte.number
    group = norte.update(
        jid, description="", announce=False, locked=False, ephemeral_expiration=days(0)
    )
    assert (group.name, group.description) == ("Taller", "")
    assert (group.announce, group.locked) == (False, False)
    assert not group.HasField("ephemeral_expiration")
    assert mundo.changed(jid, ephemeral_expiration=days(0), author_number=norte.number)
    assert norte.update(jid, description="").description == ""

    request = SetGroupPictureRequest(group_jid=jid, jpeg=JPEG)
    assert norte.call("SetGroupPicture", request).picture_id
    changed = mundo.event(lambda event: event.picture_changed.jid == jid).picture_changed
    assert changed.author_jid == _lids(norte, jid, norte)[0]
    assert mesh.phones.ListGroups(sandbox.ListGroupsRequest(phone=ana)).groups[0].picture_id

    assert norte.people(jid, PROMOTE, mundo.number, number())[0] == (mundo.number, True, 0)
    promoted = mundo.changed(
        jid, author_number=norte.number, promoted_jids=_lids(norte, jid, mundo)
    )
    assert list(promoted.phone_numbers.values()) == [mundo.number]
    assert norte.roles(jid)[mundo.number] == ADMIN
    assert mundo.people(jid, DEMOTE, norte.number) == [(norte.number, False, 405)]
    lid = mundo_lid(mesh, mundo)
    assert norte.people(jid, DEMOTE, lid) == [(lid, True, 0)]
    assert norte.roles(jid)[mundo.number] == MEMBER
    assert norte.people(jid, ADD, ana, number())[0] == (ana, True, 409)
    assert norte.people(jid, REMOVE, ana, number())[0] == (ana, True, 0)
    assert norte.people(jid, REMOVE, ana) == [(ana, True, 404)]
    gone = mundo.event(lambda event: ana in event.group_changed.phone_numbers.values())
    assert len(gone.group_changed.left_jids) == 1
    assert ana not in mundo.roles(jid)

    sent = mesh.send(NORTE, jid, "buenos días")
    received = mundo.event(lambda event: event.message_received.whatsapp_id == sent.whatsapp_id)
    assert received.message_received.sender_number == norte.number

    for _ in range(2):
        mundo.call("LeaveGroup", LeaveGroupRequest(group_jid=jid))
    left = norte.changed(jid, author_number=mundo.number)
    assert list(left.phone_numbers.values()) == [mundo.number]
    assert jid not in mundo.jids()
    assert norte.people(jid, ADD, mundo.number) == [(mundo.number, False, 408)]
    assert (
        mundo.refused("GetGroup", GetGroupRequest(group_jid=jid)).reason is Reason.GROUP_FORBIDDEN
    )


def _lids(seen_by: Groups, jid: str, *whom: Groups) -> list[str]:
    numbers = [tenant.number for tenant in whom]
    found = {person.phone_number: person.jid for person in seen_by.get(jid).participants}
    return [found[item] for item in numbers]


def test_groups_come_in_pages(norte: Groups) -> None:
    jids = {norte.create(name=f"Grupo {count}").group_jid for count in range(3)}
    found, request = [], ListGroupsRequest(page_size=2)
    while True:
        page = norte.call("ListGroups", request)
        assert len(page.groups) <= 2
        found += [group.group_jid for group in page.groups]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == norte.jids() == sorted(found)
    assert jids <= {*found}


def test_the_invite_link(mesh: Mesh, norte: Groups, mundo: Groups) -> None:
    jid = norte.create(name="Abierto").group_jid
    old = norte.link(jid)
    assert norte.link(jid) == old
    link = norte.link(jid, reset=True)
    assert norte.changed(jid, invite_link=link).author_number == norte.number
    for void in (old, link[:-22] + "A" * 22):
        for name, request in (
            ("GetGroupByInviteLink", GetGroupByInviteLinkRequest(link=void)),
            ("JoinGroup", JoinGroupRequest(link=void)),
        ):
            assert mundo.refused(name, request).reason is Reason.INVITE_LINK_INVALID
    seen = mundo.call("GetGroupByInviteLink", GetGroupByInviteLinkRequest(link=link)).group
    assert (seen.group_jid, seen.name) == (jid, "Abierto")
    for _ in range(2):
        joined = mundo.call("JoinGroup", JoinGroupRequest(link=link.rpartition("/")[2]))
        assert (joined.group_jid, joined.approval_pending) == (jid, False)
    assert mundo.joined(jid).group_joined.reason == "invite"
    assert norte.changed(jid, join_reason="invite").author_number == mundo.number
    norte.people(jid, REMOVE, mundo.number)
    assert mundo.changed(jid, left_jids=[mundo_lid(mesh, mundo)]).author_number == norte.number
    refused = mundo.refused("JoinGroup", JoinGroupRequest(link=link))
    assert refused.reason is Reason.GROUP_FORBIDDEN


def mundo_lid(mesh: Mesh, mundo: Groups) -> str:
    return str(mesh.session(mundo.tenant_id).lid)


def test_joining_where_admins_approve(mesh: Mesh, mundo: Groups) -> None:
    boss = number()
    made = mesh.phones.CreateGroup(sandbox.CreateGroupRequest(phones=[boss], subject="Cerrado"))
    jid = made.group.group
    act(mesh, boss, jid, approval=True)
    link = act(mesh, boss, jid, link=False).group.link
    for _ in range(2):
        asked = mundo.call("JoinGroup", JoinGroupRequest(link=link))
        assert (asked.group_jid, asked.approval_pending) == (jid, True)
    people = sandbox.GroupPeople(approve=[mundo.number])
    assert list(act(mesh, boss, jid, people=people).group.asking) == []
    assert mundo.joined(jid).group_joined.group.name == "Cerrado"
    joined = mundo.call("JoinGroup", JoinGroupRequest(link=link))
    assert not joined.approval_pending


def test_what_phones_do_is_told(mesh: Mesh, norte: Groups, mundo: Groups) -> None:
    boss, ana = number(), number()
    request = sandbox.CreateGroupRequest(phones=[boss, norte.number], subject="De otros")
    jid = mesh.phones.CreateGroup(request).group.group
    assert norte.joined(jid).group_joined.author_number == boss
    for what, told in (
        ({"subject": "Nuestro"}, {"name": "Nuestro"}),
        ({"description": "por qué"}, {"description": "por qué"}),
        ({"description": ""}, {"description": ""}),
        ({"announce": True}, {"announce": True}),
        ({"locked": True}, {"locked": True}),
        ({"ephemeral": days(1)}, {"ephemeral_expiration": days(1)}),
    ):
        act(mesh, boss, jid, **what)
        change = norte.changed(jid, **told)
        assert change.author_number == boss
        assert change.author_jid.endswith("@lid")
        assert change.HasField("change_time")
    people = sandbox.GroupPeople(add=[ana, mundo.number], promote=[norte.number])
    act(mesh, boss, jid, people=people)
    came = norte.event(lambda event: len(event.group_changed.joined_jids) == 2).group_changed
    assert sorted(came.phone_numbers.values()) == sorted([ana, mundo.number])
    assert not mundo.joined(jid).group_joined.created
    norte.event(
        lambda event: event.group_changed.promoted_jids[:] == [norte.get(jid).participants[1].jid]
    )
    act(mesh, boss, jid, approval=True)
    link = act(mesh, boss, jid, link=True).group.link
    assert norte.changed(jid, invite_link=link)
    mesh.phones.JoinGroup(sandbox.JoinGroupRequest(phone=number(), link=link))
    assert norte.changed(jid, other_changes=["created_membership_requests"])
    act(mesh, boss, jid, leave=True)
    went = norte.event(lambda event: boss in event.group_changed.phone_numbers.values())
    assert went.group_changed.author_number == boss


@pytest.mark.parametrize(
    ("name", "request_", "field"),
    [
        ("CreateGroup", CreateGroupRequest(name=" "), "name"),
        ("CreateGroup", CreateGroupRequest(name="x" * 101), "name"),
        ("CreateGroup", CreateGroupRequest(name="a\0b"), "name"),
        ("CreateGroup", CreateGroupRequest(name="x", participants=["+12"]), "participants[0]"),
        ("CreateGroup", CreateGroupRequest(name="x", participants=[NOWHERE]), "participants[0]"),
        ("GetGroup", GetGroupRequest(), "group_jid"),
        ("GetGroup", GetGroupRequest(group_jid="../../etc/passwd"), "group_jid"),
        ("GetGroup", GetGroupRequest(group_jid="5215512345678@s.whatsapp.net"), "group_jid"),
        ("UpdateGroup", UpdateGroupRequest(group_jid=NOWHERE), "name"),
        (
            "UpdateGroup",
            UpdateGroupRequest(group_jid=NOWHERE, description="x" * 2049),
            "description",
        ),
        (
            "UpdateGroup",
            UpdateGroupRequest(group_jid=NOWHERE, ephemeral_expiration=days(2)),
            "ephemeral_expiration",
        ),
        ("SetGroupPicture", SetGroupPictureRequest(group_jid=NOWHERE), "jpeg"),
        ("SetGroupPicture", SetGroupPictureRequest(group_jid=NOWHERE, jpeg=b"\x89PNG"), "jpeg"),
        (
            "UpdateGroupParticipants",
            UpdateGroupParticipantsRequest(group_jid=NOWHERE, action=ADD),
            "participants",
        ),
        (
            "UpdateGroupParticipants",
            UpdateGroupParticipantsRequest(group_jid=NOWHERE, participants=["+5215512345678"]),
            "action",
        ),
        ("JoinGroup", JoinGroupRequest(link="https://evil.example/ABCDEFGHIJKLMNOPQRSTUV"), "link"),
        ("GetGroupByInviteLink", GetGroupByInviteLinkRequest(), "link"),
    ],
)
def test_garbage_names_its_field(norte: Groups, name: str, request_: Any, field: str) -> None:
    error = norte.refused(name, request_)
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == [field]


def test_what_whatsapp_refuses_is_typed(mesh: Mesh, norte: Groups, mundo: Groups) -> None:
    jid = norte.create(mundo.number).group_jid
    mundo.joined(jid)
    error = mundo.refused("UpdateGroup", UpdateGroupRequest(group_jid=jid, announce=True))
    assert (error.reason, error.metadata["field"]) == (Reason.GROUP_FORBIDDEN, "announce")
    norte.update(jid, locked=True)
    update = UpdateGroupRequest(group_jid=jid, description="mío")
    error = mundo.refused("UpdateGroup", update)
    assert (error.reason, error.metadata["field"]) == (Reason.GROUP_FORBIDDEN, "description")
    for name, request in (
        ("GetGroupInviteLink", GetGroupInviteLinkRequest(group_jid=jid)),
        ("SetGroupPicture", SetGroupPictureRequest(group_jid=jid, jpeg=JPEG)),
        (
            "UpdateGroupParticipants",
            UpdateGroupParticipantsRequest(
                group_jid=jid, action=REMOVE, participants=[norte.number]
            ),
        ),
    ):
        assert mundo.refused(name, request).reason is Reason.GROUP_FORBIDDEN
    for name, request in (
        ("GetGroup", GetGroupRequest(group_jid=NOWHERE)),
        ("UpdateGroup", UpdateGroupRequest(group_jid=NOWHERE, name="x")),
        ("GetGroupInviteLink", GetGroupInviteLinkRequest(group_jid=NOWHERE)),
    ):
        assert norte.refused(name, request).reason is Reason.GROUP_NOT_FOUND
    norte.call("LeaveGroup", LeaveGroupRequest(group_jid=NOWHERE))
    norte.update(jid, announce=True)
    with pytest.raises(grpc.RpcError) as caught:
        mesh.send(MUNDO, jid, "no")
    unsent = from_rpc_error(caught.value)
    assert unsent is not None
    assert unsent.reason is Reason.MESSAGE_REJECTED
    fault = sandbox.Fault(
        refuse_query=sandbox.RefuseQuery(code=429, namespace="w:g2"), phone=norte.number
    )
    mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault))
    error = norte.refused("CreateGroup", CreateGroupRequest(name="x"))
    assert error.reason is Reason.RATE_LIMITED
    assert error.retry_after is not None


def test_a_group_of_two_hundred(mesh: Mesh, norte: Groups) -> None:
    people = [number() for _ in range(199)]
    jid = norte.create(*people[:100], name="Todos").group_jid
    done = norte.people(jid, ADD, *people[100:])
    assert done == [(person, True, 0) for person in people[100:]]
    assert set(norte.roles(jid)) == {norte.number, *people}
    sent = mesh.send(NORTE, jid, "a todos", timeout=30)
    assert sent.whatsapp_id
    assert [message.text for message in mesh.inbox(people[-1], 1)] == ["a todos"]


def test_a_botnode_that_is_killed_comes_back_with_its_groups(
    mesh: Mesh, norte: Groups, mundo: Groups
) -> None:
    jid = norte.create(mundo.number, name="Antes").group_jid
    norte.joined(jid)
    names = [f"Nombre {count}" for count in range(8)]
    with ThreadPoolExecutor() as pool:
        updates = [pool.submit(_updated, norte, jid, name) for name in names]
        os.kill(mesh.tenant(NORTE).pid, signal.SIGKILL)
        mundo.update(jid, description="entretanto")
        assert {update.result() for update in updates} <= {*names, Reason.SESSION_DISCONNECTED}
    eventually(lambda: mesh.is_connected(NORTE))
    group = norte.get(jid)
    assert (group.name in ["Antes", *names], group.description) == (True, "entretanto")
    assert norte.changed(jid, description="entretanto").author_number == mundo.number


def _updated(tenant: Groups, jid: str, name: str) -> str:
    try:
        return tenant.update(jid, name=name).name
    except grpc.RpcError as caught:
        return str(getattr(from_rpc_error(caught), "reason", caught))


def test_a_group_is_not_made_twice(mesh: Mesh, norte: Groups) -> None:
    hold = sandbox.HoldQuery(kind=sandbox.QueryKind.QUERY_KIND_GROUP_CHANGE)
    fault = sandbox.Fault(hold_query=hold, phone=norte.number)
    fault_id = mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault)).fault.fault_id
    name = f"Una vez {secrets.token_hex(4)}"
    with ThreadPoolExecutor() as pool:
        made = pool.submit(norte.refused, "CreateGroup", CreateGroupRequest(name=name))
        acted = mesh.phones.WaitFault(sandbox.WaitFaultRequest(fault_id=fault_id)).fault.acted
        os.kill(mesh.tenant(NORTE).pid, signal.SIGKILL)
        assert made.result().reason is Reason.WHATSAPP_UNANSWERED
    eventually(lambda: mesh.is_connected(NORTE))
    assert not [jid for jid in norte.jids() if norte.get(jid).name == name]
    asked = mesh.phones.WaitFault(sandbox.WaitFaultRequest(fault_id=fault_id)).fault.acted
    assert (acted, asked) == (1, 1)


def _run(mesh: Mesh, *arguments: str, status: int = 0) -> str:
    """Run the command in this process: a new one for each would take most of the time."""
    result = CliRunner().invoke(app, ["--gateway", mesh.address, *arguments])
    assert result.exit_code == status, result.output
    return str(result.output)


def _json(mesh: Mesh, *arguments: str, status: int = 0) -> list[Any]:
    printed = _run(mesh, "--json", "group", *arguments, status=status)
    return [json.loads(line) for line in printed.splitlines()]


def test_the_command(mesh: Mesh, norte: Groups, mundo: Groups, tmp_path: Path) -> None:
    ana, beto = number(), number()
    keep_out(mesh, beto)
    printed = _run(mesh, "group", "create", NORTE, "Mando", mundo.number, beto)
    assert "not everybody is in it" in printed
    assert "they let only contacts add them" in printed
    (jid,) = set(re.findall(r"\d+@g\.us", printed))
    assert re.search(rf"{jid} +Mando +2 +1 +all", _run(mesh, "group", "list", NORTE))
    assert jid in [group["group_jid"] for group in _json(mesh, "list", MUNDO)]

    said = _run(mesh, "group", "rename", NORTE, jid, "Mando\x1b[2J", status=1)
    assert "INVALID_REQUEST" in said
    (group,) = _json(mesh, "rename", NORTE, jid, "Mando 2")
    assert group["name"] == "Mando 2"
    assert "a dos" in _run(mesh, "group", "describe", NORTE, jid, "a dos")
    (group,) = _json(mesh, "set", NORTE, jid, "--announce", "--locked", "--disappear", "7d")
    assert (group["announce"], group["locked"]) == (True, True)
    shown = _run(mesh, "group", "set", NORTE, jid, "--no-announce", "--disappear", "24h")
    assert re.search(r"who writes +all *\n.*who changes it +admins", shown, re.DOTALL)
    assert "after 1d" in shown
    assert "ephemeral_expiration" not in _json(mesh, "set", NORTE, jid, "--disappear", "off")[0]
    (tmp_path / "logo.jpg").write_bytes(JPEG)
    assert "picture_id" in _json(mesh, "picture", NORTE, jid, str(tmp_path / "logo.jpg"))[0]

    assert "yes" in _run(mesh, "group", "add", NORTE, jid, ana)
    (result,) = _json(mesh, "add", NORTE, jid, ana)
    assert (result["error_code"], result["participant"]) == (409, ana)
    assert [item["done"] for item in _json(mesh, "promote", NORTE, jid, ana)] == [True]
    assert re.search(rf"\{ana} .* admin *\n", _run(mesh, "group", "show", NORTE, jid))
    _run(mesh, "group", "demote", NORTE, jid, ana)
    _run(mesh, "group", "remove", NORTE, jid, ana)
    said = _run(mesh, "group", "promote", NORTE, jid, ana, status=1)
    assert "they are not in the group" in said

    (link,) = _run(mesh, "group", "link", NORTE, jid, "--reset").split()
    assert _json(mesh, "link", NORTE, jid) == [{"link": link}]
    assert "not in" in _run(mesh, "group", "leave", MUNDO, jid)
    assert "Mando 2" in _run(mesh, "group", "join", MUNDO, link, "--look")
    assert re.search(rf"{jid} *\n.*in it", _run(mesh, "group", "join", MUNDO, link))
    assert _json(mesh, "leave", MUNDO, jid) == [{}]
    said = _run(mesh, "group", "show", NORTE, NOWHERE, status=1)
    assert f"botmesh group list {NORTE}" in said

    events = _run(mesh, "events", NORTE)
    assert f"group {jid} made by {norte.number}: Mando" in events
    assert f"group {jid} by {norte.number}: named 'Mando 2'" in events
    assert f"group {jid} by {norte.number}: now admins: {ana}" in events
    assert f"group {jid} by {mundo.number}: left: {mundo.number}" in events


def test_phones_act_by_the_command(mesh: Mesh, norte: Groups) -> None:
    jid = norte.create(name="De prueba").group_jid
    ana, beto = number(), number()

    def phones(*arguments: str, status: int = 0) -> str:
        return _run(mesh, "sandbox", "--data-dir", str(mesh.folder), *arguments, status=status)

    shown = phones("act", norte.number, jid, "--add", ana, "--promote", ana, "--link")
    link = re.findall(r"https://chat\S+", shown)[-1]
    assert jid in phones("join", beto, link)
    assert set(norte.roles(jid)) == {norte.number, ana, beto}
    shown = phones("act", ana, jid, "--subject", "Otra", "--no-announce", "--disappear", "24h")
    assert "Otra" in shown
    assert norte.changed(jid, name="Otra").author_number == ana
    assert "not-authorized" in phones("act", beto, jid, "--locked", status=1)
    assert "say what" in phones("act", beto, jid, status=2)
    phones("act", ana, jid, "--approval", "--leave")
    assert set(norte.roles(jid)) == {norte.number, beto}
    assert "have to approve" in phones("join", number(), link)
