"""Requests about groups: what goes through, and what is named as wrong."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from botmesh.errors import MeshError, Reason
from botmesh.v1 import (
    CreateGroupRequest,
    ListGroupsRequest,
    ParticipantAction,
    UpdateGroupParticipantsRequest,
    UpdateGroupRequest,
)
from botnode import group_rules, jpeg

ANA = "+5215512345678"
ANA_JID = "5215512345678@s.whatsapp.net"
REMOVE = ParticipantAction.PARTICIPANT_ACTION_REMOVE


def picture(width: int, height: int, *, before: bytes = b"", kind: int = 0xC0) -> bytes:
    frame = bytes((8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 17, 0))
    return b"\xff\xd8" + before + bytes((0xFF, kind, 0, 11)) + frame + b"\xff\xd9"


COMMENT = b"\xff\xfe\x00\x04hi"
SQUARE = picture(640, 640, before=COMMENT)


def wrong(check: Callable[[], Any]) -> list[str]:
    with pytest.raises(MeshError) as caught:
        check()
    assert caught.value.reason is Reason.INVALID_REQUEST
    return [violation.field for violation in caught.value.violations]


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("120363000000000000@g.us", "120363000000000000@g.us"),
        (" 5215512345678-1447000000@G.US ", "5215512345678-1447000000@g.us"),
    ],
)
def test_a_groups_jid(text: str, jid: str) -> None:
    assert group_rules.group_jid(text) == jid


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "120363",
        ANA,
        ANA_JID,
        "1@lid",
        "-1@g.us",
        "1@g.us.evil",
        "a@g.us",
        "1" * 99 + "@g.us",
    ],
)
def test_what_is_no_groups_jid(text: str) -> None:
    assert wrong(lambda: group_rules.group_jid(text)) == ["group_jid"]


def test_a_page() -> None:
    token = group_rules.page_token("1-2@g.us")
    request = ListGroupsRequest(page_size=3, page_token=token)
    assert group_rules.page(request) == ("1-2@g.us", 3)
    assert group_rules.page(ListGroupsRequest()) == ("", group_rules.MOST_PAGE)
    for bad in ("?", "a", "ñ", group_rules.page_token("' OR 1"), token + "=="):
        assert wrong(lambda: group_rules.page(ListGroupsRequest(page_token=bad))) == ["page_token"]  # noqa: B023 - called at once
    assert wrong(lambda: group_rules.page(ListGroupsRequest(page_size=-1))) == ["page_size"]


def test_a_new_group() -> None:
    request = CreateGroupRequest(name="ñ" * 100, participants=["+52 1 55 1234-5678", "77@lid"])
    assert group_rules.founding(request) == ("ñ" * 100, [ANA_JID, "77@lid"])
    assert group_rules.founding(CreateGroupRequest(name="sola")) == ("sola", [])


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (CreateGroupRequest(), ["name"]),
        (CreateGroupRequest(name="x" * 101), ["name"]),
        (CreateGroupRequest(name="two\nlines"), ["name"]),
        (CreateGroupRequest(name="x", participants=["12", ANA]), ["participants[0]"]),
        (CreateGroupRequest(name="x", participants=[ANA, ANA_JID]), ["participants[1]"]),
        (CreateGroupRequest(name="", participants=["1@g.us"]), ["name", "participants[0]"]),
        (CreateGroupRequest(name="x", participants=[ANA] * 1024), ["participants"]),
    ],
)
def test_what_is_no_new_group(request_: CreateGroupRequest, fields: list[str]) -> None:
    assert wrong(lambda: group_rules.founding(request_)) == fields


def test_people() -> None:
    request = UpdateGroupParticipantsRequest(action=REMOVE, participants=[ANA])
    assert group_rules.participants(request) == [ANA_JID]
    none = UpdateGroupParticipantsRequest(participants=[])
    assert wrong(lambda: group_rules.participants(none)) == ["participants", "action"]
    many = UpdateGroupParticipantsRequest(action=REMOVE, participants=[ANA] * 257)
    assert wrong(lambda: group_rules.participants(many)) == ["participants"]
    # An action of a newer contract.
    later = UpdateGroupParticipantsRequest.FromString(bytes((0x18, 99)) + b"\x22\x07777@lid")
    assert wrong(lambda: group_rules.participants(later)) == ["action"]


def test_changes_are_made_in_their_order() -> None:
    request = UpdateGroupRequest(locked=False, name="x", description="")
    assert group_rules.check_update(request) == ["name", "description", "locked"]
    request = UpdateGroupRequest(ephemeral_expiration=_span(timedelta(days=90)))
    assert group_rules.check_update(request) == ["ephemeral_expiration"]


def _span(value: timedelta) -> Duration:
    result = Duration()
    result.FromTimedelta(value)
    return result


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (UpdateGroupRequest(), ["name"]),
        (UpdateGroupRequest(name=" "), ["name"]),
        (UpdateGroupRequest(description="x" * 2049), ["description"]),
        (UpdateGroupRequest(description="a\0b"), ["description"]),
        (UpdateGroupRequest(ephemeral_expiration=Duration(seconds=1)), ["ephemeral_expiration"]),
        (UpdateGroupRequest(ephemeral_expiration=Duration(seconds=-1)), ["ephemeral_expiration"]),
        (
            UpdateGroupRequest(ephemeral_expiration=Duration(seconds=2**62)),
            ["ephemeral_expiration"],
        ),
    ],
)
def test_what_is_no_change(request_: UpdateGroupRequest, fields: list[str]) -> None:
    assert wrong(lambda: group_rules.check_update(request_)) == fields


@pytest.mark.parametrize(
    "link",
    [
        "https://chat.whatsapp.com/ABCDEFGHIJKLMNOPQRSTUV",
        " http://chat.whatsapp.com/invite/ABCDEFGHIJKLMNOPQRSTUV?mode=ac_t ",
        "chat.whatsapp.com/ABCDEFGHIJKLMNOPQRSTUV/",
        "ABCDEFGHIJKLMNOPQRSTUV",
    ],
)
def test_a_link(link: str) -> None:
    assert group_rules.invite_code(link) == "ABCDEFGHIJKLMNOPQRSTUV"


@pytest.mark.parametrize(
    "link", ["", "short", "https://evil.example/ABCDEFGHIJKLMNOPQRSTUV", "x y" * 9, "A" * 300]
)
def test_what_is_no_link(link: str) -> None:
    assert wrong(lambda: group_rules.invite_code(link)) == ["link"]


def test_a_picture() -> None:
    assert group_rules.picture(SQUARE) == SQUARE
    assert jpeg.size(picture(300, 200, kind=0xC2)) == (300, 200)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n",
        b"\xff\xd8\xff",
        picture(300, 200),
        picture(0, 0),
        SQUARE[:12],
        picture(64, 64, kind=0xC4),  # no frame, though between the frames
        b"\xff\xd8\xff\xda" + SQUARE,
        SQUARE + bytes(group_rules.MOST_PICTURE),
    ],
)
def test_what_is_no_picture_for_a_group(data: bytes) -> None:
    assert wrong(lambda: group_rules.picture(data)) == ["jpeg"]
