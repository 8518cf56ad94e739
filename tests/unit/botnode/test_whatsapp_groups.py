"""neonize's answers about groups: in the order of the question, and what is missing is said."""

import importlib
from typing import Any

import pytest

from botmesh.v1 import Group, ParticipantAction, ParticipantResult
from botnode import whatsapp_group_notices, whatsapp_groups
from botnode.group_servicer import PAGE_BYTES, _page
from sandbox import protobufs

assert protobufs  # it lets neonize's messages be imported without Go
neonize: Any = importlib.import_module("Neonize_pb2")
ADD, REMOVE, PROMOTE, DEMOTE = (
    ParticipantAction.PARTICIPANT_ACTION_ADD,
    ParticipantAction.PARTICIPANT_ACTION_REMOVE,
    ParticipantAction.PARTICIPANT_ACTION_PROMOTE,
    ParticipantAction.PARTICIPANT_ACTION_DEMOTE,
)
ANA, BETO, CARLA = (f"521551234567{digit}@s.whatsapp.net" for digit in (1, 2, 3))


def jid(text: str = "") -> Any:
    user, _, server = text.partition("@")
    return neonize.JID(
        User=user, Server=server, RawAgent=0, Device=0, Integrator=0, IsEmpty=not text
    )


def person(lid: str, number: str = "", error: int = 0, *, admin: bool = False) -> Any:
    return neonize.GroupParticipant(
        JID=jid(lid),
        LID=jid(lid),
        PhoneNumber=jid(number),
        IsAdmin=admin,
        IsSuperAdmin=False,
        DisplayName="",
        Error=error,
    )


def results(*found: Any, action: ParticipantAction = ADD) -> list[ParticipantResult]:
    return whatsapp_groups._results([ANA, BETO, CARLA, "77@lid"], found, action)


def test_results_come_in_the_order_of_the_question() -> None:
    told = results(person("3@lid", CARLA), person("77@lid"), person("1@lid", ANA, 404))
    assert [item.participant for item in told] == [ANA, BETO, CARLA, "77@lid"]
    assert [item.done for item in told] == [False, False, True, True]
    assert [item.jid for item in told] == ["1@lid", "", "3@lid", "77@lid"]
    assert told[0].detail == "there is no such WhatsApp account"
    assert (told[1].error_code, told[1].detail) == (0, whatsapp_groups.UNNAMED)


def test_a_code_means_what_was_asked() -> None:
    told = results(person("1@lid", ANA, 404), person("2@lid", BETO, 499), action=REMOVE)
    assert told[0].detail == "they are not in the group"
    assert told[1].detail == "WhatsApp refused with 499"


@pytest.mark.parametrize(
    ("action", "code", "done"),
    [
        (ADD, 409, True),
        (ADD, 404, False),
        (REMOVE, 404, True),
        (REMOVE, 409, False),
        (PROMOTE, 409, True),
        (PROMOTE, 404, False),
        (DEMOTE, 409, True),
        (DEMOTE, 404, False),
    ],
)
def test_what_is_so_already_is_done(action: ParticipantAction, code: int, *, done: bool) -> None:
    told = results(person("1@lid", ANA, code), action=action)[0]
    assert (told.done, told.error_code, bool(told.detail)) == (done, code, True)


def test_a_person_without_a_lid_and_one_without_a_number() -> None:
    info = neonize.GroupInfo(
        JID=jid("1@g.us"),
        Participants=[person(ANA), person("9@lid", admin=True), person("8@lid", error=403)],
    )
    group = whatsapp_groups.to_group(info)
    assert [(item.jid, item.phone_number) for item in group.participants] == [
        (ANA, "+5215512345671"),
        ("9@lid", ""),
    ]
    assert not group.HasField("create_time")


def test_a_page_has_at_least_a_group_and_at_most_what_it_may() -> None:
    groups = [
        Group(group_jid=f"{number}@g.us", description="x" * (PAGE_BYTES // 2))
        for number in range(4)
    ]
    page = _page(groups, 100)
    assert len(page.groups) == 1
    assert page.next_page_token
    assert len(_page(groups[3:], 100).groups) == 1
    small = [Group(group_jid=f"{number}@g.us") for number in range(4)]
    assert [len(_page(small, most).groups) for most in (1, 3, 4, 5)] == [1, 3, 4, 4]
    assert not _page(small, 4).next_page_token


def number_of(lid: Any) -> str:
    return "+5215512345671" if lid.User == "1" else ""


def test_a_change_of_a_group() -> None:
    event = neonize.GroupInfoEvent(
        JID=jid("1-2@g.us"),
        Sender=jid("1@lid"),
        Timestamp=1_700_000_000,
        Leave=[jid("1@lid"), jid("2@lid")],
        UnknownChanges=[neonize.Node(Tag="created_membership_requests")],
        Topic=neonize.GroupTopic(Topic=""),
        Delete=neonize.GroupDelete(Deleted=True),
    )
    change = whatsapp_group_notices.changed(event, number_of).group_changed
    assert (change.group_jid, change.author_jid) == ("1-2@g.us", "1@lid")
    assert change.author_number == "+5215512345671"
    assert change.change_time.seconds == 1_700_000_000
    assert list(change.left_jids) == ["1@lid", "2@lid"]
    assert dict(change.phone_numbers) == {"1@lid": "+5215512345671"}
    assert (change.HasField("description"), change.HasField("name")) == (True, False)
    assert (change.deleted, list(change.other_changes)) == (True, ["created_membership_requests"])


def test_a_change_that_the_library_does_not_tell_and_nobody_made() -> None:
    event = neonize.GroupInfoEvent(JID=jid("1@g.us"), Sender=jid(), Timestamp=1_700_000_000)
    change = whatsapp_group_notices.changed(event, number_of).group_changed
    fields = [field.name for field, _ in change.ListFields()]
    assert fields == ["group_jid", "change_time"]


def test_coming_into_a_group() -> None:
    info = neonize.GroupInfo(JID=jid("1@g.us"))
    event = neonize.JoinedGroup(GroupInfo=info, Type="new", Sender=jid("3@lid"), SenderPN=jid(ANA))
    joined = whatsapp_group_notices.joined(event, number_of).group_joined
    assert (joined.created, joined.author_jid) == (True, "3@lid")
    assert joined.author_number == "+5215512345671"
    joined = whatsapp_group_notices.joined(
        neonize.JoinedGroup(GroupInfo=info, Reason="invite"), number_of
    ).group_joined
    assert (joined.created, joined.reason, joined.author_jid) == (False, "invite", "")
