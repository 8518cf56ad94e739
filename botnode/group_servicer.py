"""GroupService for one tenant: turns pb into questions to WhatsApp and back."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from botmesh.errors import MeshError, Reason, invalid
from botmesh.v1 import group_pb2, group_pb2_grpc
from botnode import group_rules, whatsapp_groups
from botnode.calls import Context, TenantCalls
from botnode.deadlines import TimeLeft
from botnode.questions import ANSWER_S

# What WhatsApp's status codes mean for a group that the caller names.
GROUP: Mapping[int, Reason] = MappingProxyType(
    {
        401: Reason.GROUP_FORBIDDEN,  # no admin
        403: Reason.GROUP_FORBIDDEN,  # not in it
        404: Reason.GROUP_NOT_FOUND,
        405: Reason.GROUP_FORBIDDEN,
    }
)
PICTURE: Mapping[int, Reason] = MappingProxyType({**GROUP, 406: Reason.INVALID_REQUEST})
# And for a link.
LINK: Mapping[int, Reason] = MappingProxyType(
    {
        400: Reason.INVITE_LINK_INVALID,
        401: Reason.GROUP_FORBIDDEN,  # removed from it before
        403: Reason.GROUP_FORBIDDEN,
        404: Reason.INVITE_LINK_INVALID,
        406: Reason.INVITE_LINK_INVALID,
        410: Reason.INVITE_LINK_INVALID,  # taken back
    }
)
# Far below what a gRPC message may have: a large group's people alone are 100 kB.
PAGE_BYTES = 2_000_000
_CONFLICT = "409"
TRIES = 3
# For the questions of one call together where there are several; below the gateway's 60 s.
SEVERAL_S = 55.0
_OUT_OF_IT = ("403", "404")

T = TypeVar("T")


class GroupServicer(group_pb2_grpc.GroupServiceServicer):
    """The contract's GroupService. Every method needs the tenant's lease and a live session."""

    def __init__(self, calls: TenantCalls) -> None:
        self._calls = calls

    async def CreateGroup(
        self, request: group_pb2.CreateGroupRequest, context: Context
    ) -> group_pb2.CreateGroupResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, ANSWER_S)
        name, jids = group_rules.founding(request)
        made = await self._ask(
            left, lambda client: whatsapp_groups.create(client, name, jids), once=True
        )
        _as_asked(made.results, request.participants)
        return made

    async def ListGroups(
        self, request: group_pb2.ListGroupsRequest, context: Context
    ) -> group_pb2.ListGroupsResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, ANSWER_S)
        after, most = group_rules.page(request)
        groups = await self._ask(left, whatsapp_groups.joined)
        return _page([group for group in groups if group.group_jid > after], most)

    async def GetGroup(
        self, request: group_pb2.GetGroupRequest, context: Context
    ) -> group_pb2.GetGroupResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, ANSWER_S)
        group_jid = group_rules.group_jid(request.group_jid)
        return group_pb2.GetGroupResponse(group=await self._get(left, group_jid))

    async def UpdateGroup(
        self, request: group_pb2.UpdateGroupRequest, context: Context
    ) -> group_pb2.UpdateGroupResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, SEVERAL_S)
        group_jid = group_rules.group_jid(request.group_jid)
        for field in group_rules.check_update(request):
            value = getattr(request, field)
            if field == "ephemeral_expiration":
                value = value.ToTimedelta()
            await self._set(left, group_jid, field, value)
        return group_pb2.UpdateGroupResponse(group=await self._get(left, group_jid))

    async def SetGroupPicture(
        self, request: group_pb2.SetGroupPictureRequest, context: Context
    ) -> group_pb2.SetGroupPictureResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, ANSWER_S)
        group_jid = group_rules.group_jid(request.group_jid)
        jpeg = group_rules.picture(request.jpeg)
        try:
            picture_id = await self._ask(
                left, lambda client: whatsapp_groups.set_picture(client, group_jid, jpeg), PICTURE
            )
        except MeshError as error:
            if error.reason is Reason.INVALID_REQUEST:
                raise invalid("jpeg", f"WhatsApp refuses it: {error.message}") from None
            raise
        return group_pb2.SetGroupPictureResponse(picture_id=picture_id)

    async def UpdateGroupParticipants(
        self, request: group_pb2.UpdateGroupParticipantsRequest, context: Context
    ) -> group_pb2.UpdateGroupParticipantsResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, ANSWER_S)
        group_jid = group_rules.group_jid(request.group_jid)
        jids = group_rules.participants(request)
        results = await self._ask(
            left,
            lambda client: whatsapp_groups.update_participants(
                client, group_jid, request.action, jids
            ),
        )
        _as_asked(results, request.participants)
        return group_pb2.UpdateGroupParticipantsResponse(results=results)

    async def GetGroupInviteLink(
        self, request: group_pb2.GetGroupInviteLinkRequest, context: Context
    ) -> group_pb2.GetGroupInviteLinkResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, ANSWER_S)
        group_jid, reset = group_rules.group_jid(request.group_jid), request.reset
        link = await self._ask(
            left, lambda client: whatsapp_groups.invite_link(client, group_jid, reset=reset)
        )
        return group_pb2.GetGroupInviteLinkResponse(link=link)

    async def GetGroupByInviteLink(
        self, request: group_pb2.GetGroupByInviteLinkRequest, context: Context
    ) -> group_pb2.GetGroupByInviteLinkResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, ANSWER_S)
        group = await self._behind_link(left, group_rules.invite_code(request.link))
        return group_pb2.GetGroupByInviteLinkResponse(group=group)

    async def JoinGroup(
        self, request: group_pb2.JoinGroupRequest, context: Context
    ) -> group_pb2.JoinGroupResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, SEVERAL_S)
        code = group_rules.invite_code(request.link)
        try:
            group_jid = await self._ask(
                left, lambda client: whatsapp_groups.join(client, code), LINK
            )
        except MeshError as error:
            if error.metadata.get("whatsapp_code") != _CONFLICT:  # in it already
                raise
            group_jid = (await self._behind_link(left, code)).group_jid
        # The library does not tell whether the admins were only asked.
        pending = await self._is_out(left, lambda client: whatsapp_groups.get(client, group_jid))
        return group_pb2.JoinGroupResponse(group_jid=group_jid, approval_pending=pending)

    async def LeaveGroup(
        self, request: group_pb2.LeaveGroupRequest, context: Context
    ) -> group_pb2.LeaveGroupResponse:
        self._calls.check(request, context)
        left = TimeLeft(context, SEVERAL_S)
        group_jid = group_rules.group_jid(request.group_jid)
        if not await self._is_out(left, lambda client: whatsapp_groups.leave(client, group_jid)):
            # The library says nothing when WhatsApp refuses.
            await self._check_left(left, group_jid)
        return group_pb2.LeaveGroupResponse()

    # -- shared

    async def _get(self, left: TimeLeft, group_jid: str) -> group_pb2.Group:
        return await self._ask(left, lambda client: whatsapp_groups.get(client, group_jid))

    async def _behind_link(self, left: TimeLeft, code: str) -> group_pb2.Group:
        return await self._ask(left, lambda client: whatsapp_groups.behind_link(client, code), LINK)

    async def _set(self, left: TimeLeft, group_jid: str, field: str, value: Any) -> None:
        """Change one field; an error names it."""
        setter = whatsapp_groups.SETTERS[field]
        for more in reversed(range(TRIES)):
            try:
                await self._ask(left, lambda client: setter(client, group_jid, value))
            except MeshError as error:
                # A new description names the one before: somebody else was faster.
                if not more or error.metadata.get("whatsapp_code") != _CONFLICT:
                    error.metadata["field"] = field
                    raise
            else:
                return

    async def _is_out(self, left: TimeLeft, question: Callable[[Any], object]) -> bool:
        """Ask, and tell whether the answer was that the account is not in the group."""
        try:
            await self._ask(left, question)
        except MeshError as error:
            if error.metadata.get("whatsapp_code") in _OUT_OF_IT:
                return True
            raise
        return False

    async def _check_left(self, left: TimeLeft, group_jid: str) -> None:
        """Raises WHATSAPP_REFUSED when the account is in the group."""
        if not await self._is_out(left, lambda client: whatsapp_groups.get(client, group_jid)):
            raise MeshError(
                Reason.WHATSAPP_REFUSED,
                "the account is still in the group; WhatsApp gave no reason",
            )

    async def _ask(
        self,
        left: TimeLeft,
        question: Callable[[Any], T],
        meanings: Mapping[int, Reason] = GROUP,
        *,
        once: bool = False,
    ) -> T:
        tenant = self._calls.tenant()
        asking = tenant.questions.ask(
            question, timeout_s=left.at_most_s(ANSWER_S), meanings=meanings
        )
        return await self._calls.unless_stopped(asking, once=once)


def _page(groups: Sequence[group_pb2.Group], most: int) -> group_pb2.ListGroupsResponse:
    """As many of the groups as a page may have, and at least one."""
    page = group_pb2.ListGroupsResponse()
    size = 0
    for group in groups:
        size += group.ByteSize()
        if page.groups and (size > PAGE_BYTES or len(page.groups) == most):
            page.next_page_token = group_rules.page_token(page.groups[-1].group_jid)
            break
        page.groups.append(group)
    return page


def _as_asked(results: Any, participants: Any) -> None:
    """Name people as the request does."""
    for result, name in zip(results, participants, strict=True):
        result.participant = name
