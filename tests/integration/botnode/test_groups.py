"""What GroupService makes of the library's answers that the sandbox does not give."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1 import (
    CreateGroupRequest,
    GetGroupByInviteLinkRequest,
    GetGroupInviteLinkRequest,
    GetGroupRequest,
    Group,
    GroupServiceStub,
    JoinGroupRequest,
    LeaveGroupRequest,
    ListGroupsRequest,
    SetGroupPictureRequest,
    UpdateGroupParticipantsRequest,
    UpdateGroupRequest,
)
from botnode import whatsapp_groups
from botnode.ports import UnansweredError
from tests.integration.botnode.conftest import Node, error_of, typed_errors

JID = "120363000000000000@g.us"
CODE = "ABCDEFGHIJKLMNOPQRSTUV"
TIMEOUT_S = 5
CONFLICT = "info query returned status 409: conflict"


class Client:
    """Every call fails with the next of these texts, or else is written down."""

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: Any) -> Any:
            self.called.append(name)
            if self.failures:
                raise RuntimeError(self.failures.pop(0))
            return None

        return call


@pytest.fixture(autouse=True)
def without_neonize(monkeypatch: pytest.MonkeyPatch) -> None:
    """JIDs stay texts: neonize's would start Go in this process."""
    monkeypatch.setattr(whatsapp_groups, "_jid", lambda text: text)


async def ask(node: Node, name: str, request: Any) -> Any:
    request.tenant_id = request.tenant_id or node.identity.tenant_id
    with typed_errors():
        return await getattr(GroupServiceStub(node.channel), name)(
            request, metadata=node.metadata, timeout=TIMEOUT_S
        )


async def refused(node: Node, name: str, request: Any, *failures: str) -> MeshError:
    node.whatsapp.client = Client(*failures)
    return await error_of(ask(node, name, request))


async def test_a_description_that_another_changed_meanwhile_is_set_again(node: Node) -> None:
    request = UpdateGroupRequest(group_jid=JID, description="x")
    error = await refused(node, "UpdateGroup", request, CONFLICT, CONFLICT, "nobody knows")
    assert (error.reason, error.metadata["field"]) == (Reason.WHATSAPP_REFUSED, "description")
    assert node.whatsapp.client.called == ["set_group_topic"] * 3
    error = await refused(node, "UpdateGroup", request, *[CONFLICT] * 4)
    assert error.metadata == {"field": "description", "whatsapp_code": "409"}
    assert len(node.whatsapp.client.called) == 3


async def test_what_comes_after_a_refused_field_is_left(node: Node) -> None:
    request = UpdateGroupRequest(group_jid=JID, name="x", announce=True, locked=True)
    node.whatsapp.client = client = Client()
    client.set_group_announce = lambda *_: _raise("info query returned status 401: no")  # type: ignore[method-assign] - one of the calls
    error = await error_of(ask(node, "UpdateGroup", request))
    assert (error.reason, error.metadata["field"]) == (Reason.GROUP_FORBIDDEN, "announce")
    assert client.called == ["set_group_name"]


def _raise(text: str) -> None:
    raise RuntimeError(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("info query returned status 429: rate-overlimit", Reason.RATE_LIMITED),
        ("info query timed out", Reason.WHATSAPP_UNANSWERED),
        ("websocket not connected", Reason.SESSION_DISCONNECTED),
        ("info query returned status 500: internal-server-error", Reason.WHATSAPP_REFUSED),
        ("something that nobody has seen yet", Reason.WHATSAPP_REFUSED),
    ],
)
async def test_every_method_types_what_it_is_told(node: Node, text: str, reason: Reason) -> None:
    for name, request in (
        ("CreateGroup", CreateGroupRequest(name="x")),
        ("ListGroups", ListGroupsRequest()),
        ("GetGroup", GetGroupRequest(group_jid=JID)),
        ("GetGroupInviteLink", GetGroupInviteLinkRequest(group_jid=JID)),
        ("JoinGroup", JoinGroupRequest(link=CODE)),
        ("LeaveGroup", LeaveGroupRequest(group_jid=JID)),
    ):
        assert (await refused(node, name, request, text)).reason is reason, name


class Silence:
    """WhatsApp's `ask` that answers so many questions, and none after them.

    What would be waited in vain for is written down.
    """

    def __init__(self, answers: int = 0) -> None:
        self.answers = answers
        self.patience: list[float] = []

    async def ask(self, _question: Callable[[Any], Any], timeout_s: float) -> None:
        self.patience.append(timeout_s)
        if len(self.patience) > self.answers:
            raise UnansweredError("no answer")


# The head of a JPEG file of 8 by 8 pixels (ITU-T T.81): the frame header says so.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080008000801011100ffd9")


METHODS: list[tuple[str, Any]] = [
    ("CreateGroup", CreateGroupRequest(name="x")),
    ("ListGroups", ListGroupsRequest()),
    ("GetGroup", GetGroupRequest(group_jid=JID)),
    ("UpdateGroup", UpdateGroupRequest(group_jid=JID, name="x")),
    ("SetGroupPicture", SetGroupPictureRequest(group_jid=JID, jpeg=JPEG)),
    (
        "UpdateGroupParticipants",
        UpdateGroupParticipantsRequest(group_jid=JID, action=1, participants=["1@lid"]),  # type: ignore[arg-type] - short for ADD
    ),
    ("GetGroupInviteLink", GetGroupInviteLinkRequest(group_jid=JID)),
    ("GetGroupByInviteLink", GetGroupByInviteLinkRequest(link=CODE)),
    ("JoinGroup", JoinGroupRequest(link=CODE)),
    ("LeaveGroup", LeaveGroupRequest(group_jid=JID)),
]


@pytest.mark.parametrize(("name", "request_"), METHODS)
async def test_nothing_is_waited_for_beyond_the_callers_deadline(
    node: Node, monkeypatch: pytest.MonkeyPatch, name: str, request_: Any
) -> None:
    silence = Silence()
    monkeypatch.setattr(node.whatsapp, "ask", silence.ask)
    error = await error_of(ask(node, name, request_))
    assert error.reason is Reason.WHATSAPP_UNANSWERED
    assert [patience_s < TIMEOUT_S for patience_s in silence.patience] == [True]


async def test_the_fields_of_a_change_share_the_callers_time(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = Silence(answers=1)
    monkeypatch.setattr(node.whatsapp, "ask", silence.ask)
    request = UpdateGroupRequest(group_jid=JID, name="x", announce=True, locked=True)
    error = await error_of(ask(node, "UpdateGroup", request))
    assert (error.reason, error.metadata["field"]) == (Reason.WHATSAPP_UNANSWERED, "announce")
    assert len(silence.patience) == 2
    assert silence.patience[1] < silence.patience[0] < TIMEOUT_S


async def test_without_any_time_nothing_is_asked(node: Node) -> None:
    with pytest.raises(MeshError) as caught:
        await node.tenant.questions.ask(lambda _: pytest.fail("it was asked"), timeout_s=0)
    assert caught.value.reason is Reason.WHATSAPP_UNANSWERED


@pytest.mark.parametrize(
    ("name", "request_", "reason"),
    [
        # SHUTTING_DOWN would have the gateway ask for a second group.
        ("CreateGroup", CreateGroupRequest(name="x"), Reason.WHATSAPP_UNANSWERED),
        ("ListGroups", ListGroupsRequest(), Reason.SHUTTING_DOWN),
    ],
)
async def test_a_question_that_the_end_overtakes(
    node: Node, name: str, request_: Any, reason: Reason
) -> None:
    in_hand = asyncio.Event()

    async def never(_question: Any, _timeout_s: float) -> Any:
        in_hand.set()
        await asyncio.Event().wait()

    node.whatsapp.ask = never  # type: ignore[method-assign] - WhatsApp has it, and does not answer
    asking = asyncio.ensure_future(error_of(ask(node, name, request_)))
    await in_hand.wait()
    node.services.stop()
    error = await asking
    assert error.reason is reason
    assert (error.retry_after is None) is (name == "CreateGroup")


async def test_leaving_a_group_that_one_is_not_in_is_no_error(node: Node) -> None:
    for text in ("info query returned status 404: item-not-found", "status code 403"):
        node.whatsapp.client = Client(text)
        await ask(node, "LeaveGroup", LeaveGroupRequest(group_jid=JID))
        assert node.whatsapp.client.called == ["leave_group"]


@pytest.mark.parametrize("code", [401, 405])
async def test_who_may_not_leave_is_told(node: Node, code: int) -> None:
    request = LeaveGroupRequest(group_jid=JID)
    error = await refused(node, "LeaveGroup", request, f"info query returned status {code}: no")
    assert error.reason is Reason.GROUP_FORBIDDEN


async def test_leaving_is_done_when_the_account_is_out(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.whatsapp.client = Client()
    monkeypatch.setattr(whatsapp_groups, "get", lambda *_: Group(group_jid=JID))
    error = await error_of(ask(node, "LeaveGroup", LeaveGroupRequest(group_jid=JID)))
    assert error.reason is Reason.WHATSAPP_REFUSED
    monkeypatch.setattr(whatsapp_groups, "get", lambda *_: _raise("status code 403"))
    await ask(node, "LeaveGroup", LeaveGroupRequest(group_jid=JID))
    assert node.whatsapp.client.called == ["leave_group"] * 2


async def test_without_a_session_nothing_is_asked(unpaired: Node) -> None:
    unpaired.whatsapp.client = Client()
    error = await error_of(ask(unpaired, "ListGroups", ListGroupsRequest()))
    assert error.reason is Reason.SESSION_NOT_PAIRED
    error = await error_of(ask(unpaired, "GetGroup", GetGroupRequest(group_jid="x")))
    assert error.reason is Reason.INVALID_REQUEST  # whatever the session
    assert unpaired.whatsapp.client.called == []


async def test_another_tenants_groups_are_not_told(node: Node) -> None:
    error = await error_of(ask(node, "ListGroups", ListGroupsRequest(tenant_id="other")))
    assert error.reason is Reason.WRONG_BOTNODE
