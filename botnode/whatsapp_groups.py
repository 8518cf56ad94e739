"""neonize's calls about groups, and its groups as messages of the contract.

What is strange about them in neonize 0.5.2 (goneonize/main.go, utils/encoder.go, client.py):

- The time at which a group was made comes as a 32-bit float, which is up to 64 seconds off.
- Whether admins approve who joins is left out, of groups and of events.
- `set_group_photo` passes "no picture" on as an empty one: a picture cannot be removed.
- `set_disappearing_timer` takes a timedelta for nanoseconds; an int has to be those.
- `leave_group` says nothing when WhatsApp refuses, `join_group_with_link` not whether the admins
  were only asked.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from botmesh.v1 import group_pb2
from botnode.whatsapp_events import moment, number, person

Roles = group_pb2.GroupRole
_NANOSECONDS = 1000  # in a microsecond

_ACTIONS = {
    group_pb2.PARTICIPANT_ACTION_ADD: "ADD",
    group_pb2.PARTICIPANT_ACTION_REMOVE: "REMOVE",
    group_pb2.PARTICIPANT_ACTION_PROMOTE: "PROMOTE",
    group_pb2.PARTICIPANT_ACTION_DEMOTE: "DEMOTE",
}

_ADD = group_pb2.PARTICIPANT_ACTION_ADD
_REMOVE = group_pb2.PARTICIPANT_ACTION_REMOVE
_NOT_THERE, _ALREADY = 404, 409
# With these nothing was done, for what was wanted is so: who asks a second time, because the first
# answer was lost, hears that it is done.
_HOLDS = frozenset(
    {
        (_ADD, _ALREADY),
        (_REMOVE, _NOT_THERE),
        (group_pb2.PARTICIPANT_ACTION_PROMOTE, _ALREADY),
        (group_pb2.PARTICIPANT_ACTION_DEMOTE, _ALREADY),
    }
)
_DETAILS: Mapping[int, str] = MappingProxyType(
    {
        401: "the account may not do this",
        403: "they let only contacts add them",
        404: "there is no such WhatsApp account",
        405: "they made the group",
        408: "they left the group a moment ago",
        _ALREADY: "they are in the group already",
        419: "the group is full",
        429: "too many changes in a short time",
    }
)
UNNAMED = "WhatsApp's answer does not name them"


# -- the calls; each blocks until WhatsApp has answered, and raises what the library raises


def create(client: Any, name: str, jids: Sequence[str]) -> group_pb2.CreateGroupResponse:
    """Make a group."""
    info = client.create_group(name, [_jid(jid) for jid in jids])
    group = to_group(info)
    results = _results(jids, info.Participants, _ADD)
    return group_pb2.CreateGroupResponse(group=group, results=results)


def joined(client: Any) -> list[group_pb2.Group]:
    """The groups that the account is in, by their JIDs."""
    groups = [to_group(info) for info in client.get_joined_groups()]
    return sorted(groups, key=lambda group: group.group_jid)


def get(client: Any, group_jid: str) -> group_pb2.Group:
    """One group."""
    return to_group(client.get_group_info(_jid(group_jid)))


def behind_link(client: Any, code: str) -> group_pb2.Group:
    """The group that a link leads to."""
    return to_group(client.get_group_info_from_link(code))


def join(client: Any, code: str) -> str:
    """Join by a link, or ask for it; the group's JID."""
    return person(client.join_group_with_link(code))


def leave(client: Any, group_jid: str) -> None:
    """Leave a group."""
    client.leave_group(_jid(group_jid))


def invite_link(client: Any, group_jid: str, *, reset: bool) -> str:
    """The link by which people can join."""
    return str(client.get_group_invite_link(_jid(group_jid), reset))


def set_picture(client: Any, group_jid: str, jpeg: bytes) -> str:
    """Give a group another picture; its id."""
    return str(client.set_group_photo(_jid(group_jid), jpeg))


def set_name(client: Any, group_jid: str, name: str) -> None:
    """Give a group another name."""
    client.set_group_name(_jid(group_jid), name)


def set_description(client: Any, group_jid: str, description: str) -> None:
    """Give a group another description; the library asks for the id of the one before itself."""
    client.set_group_topic(_jid(group_jid), "", "", description)


def set_announce(client: Any, group_jid: str, announce: bool) -> None:  # noqa: FBT001 - a setter
    """Let only admins write, or all."""
    client.set_group_announce(_jid(group_jid), announce)


def set_locked(client: Any, group_jid: str, locked: bool) -> None:  # noqa: FBT001 - a setter
    """Let only admins change what the group is, or all."""
    client.set_group_locked(_jid(group_jid), locked)


def set_ephemeral(client: Any, group_jid: str, expiration: timedelta) -> None:
    """Have messages disappear after a time, or not."""
    nanoseconds = expiration // timedelta(microseconds=1) * _NANOSECONDS
    client.set_disappearing_timer(_jid(group_jid), nanoseconds)


SETTERS: Mapping[str, Callable[[Any, str, Any], None]] = MappingProxyType(
    {
        "name": set_name,
        "description": set_description,
        "announce": set_announce,
        "locked": set_locked,
        "ephemeral_expiration": set_ephemeral,
    }
)


def update_participants(
    client: Any, group_jid: str, action: group_pb2.ParticipantAction, jids: Sequence[str]
) -> list[group_pb2.ParticipantResult]:
    """Add, remove, promote or demote people; what became of each, in their order."""
    from neonize.utils.enum import ParticipantChange  # noqa: PLC0415 - loading neonize starts Go

    found = client.update_group_participants(
        _jid(group_jid), [_jid(jid) for jid in jids], ParticipantChange[_ACTIONS[action]]
    )
    return _results(jids, found, action)


def _jid(text: str) -> Any:
    from neonize.utils.jid import build_jid  # noqa: PLC0415 - loading neonize starts Go

    user, _, server = text.partition("@")
    return build_jid(user, server)


# -- its groups


def to_group(info: Any) -> group_pb2.Group:
    """A GroupInfo of Neonize.proto."""
    group = group_pb2.Group(
        group_jid=person(info.JID),
        name=info.GroupName.Name,
        description=info.GroupTopic.Topic,
        owner_jid=_named(info.OwnerJID),
        owner_number=number(info.OwnerPN) or number(info.OwnerJID),
        announce=info.GroupAnnounce.IsAnnounce,
        locked=info.GroupLocked.isLocked,
        # Who could not be added to a new group is named among its people.
        participants=[_participant(item) for item in info.Participants if not item.Error],
    )
    if info.GroupCreated > 0:
        group.create_time.FromDatetime(moment(int(info.GroupCreated)))
    if info.GroupEphemeral.DisappearingTimer:
        group.ephemeral_expiration.FromSeconds(info.GroupEphemeral.DisappearingTimer)
    return group


def _participant(item: Any) -> group_pb2.GroupParticipant:
    role = Roles.GROUP_ROLE_MEMBER
    if item.IsSuperAdmin:
        role = Roles.GROUP_ROLE_SUPER_ADMIN
    elif item.IsAdmin:
        role = Roles.GROUP_ROLE_ADMIN
    return group_pb2.GroupParticipant(
        jid=person(item.JID),
        phone_number=number(item.PhoneNumber) or number(item.JID),
        lid=_named(item.LID),
        role=role,
    )


def _named(jid: Any) -> str:
    return person(jid) if jid.User else ""


def _results(
    jids: Sequence[str], found: Sequence[Any], action: group_pb2.ParticipantAction
) -> list[group_pb2.ParticipantResult]:
    """What became of people, in the order in which they were asked for.

    WhatsApp names them by their LIDs, with their numbers beside those where it tells them.
    """
    by_name = {}
    for item in found:
        for jid in (item.JID, item.LID, item.PhoneNumber):
            by_name[_named(jid)] = item
    return [_result(jid, by_name.get(jid), action) for jid in jids]


def _result(
    asked: str, item: Any, action: group_pb2.ParticipantAction
) -> group_pb2.ParticipantResult:
    if item is None:
        return group_pb2.ParticipantResult(participant=asked, detail=UNNAMED)
    return group_pb2.ParticipantResult(
        participant=asked,
        jid=_named(item.JID),
        done=not item.Error or (action, item.Error) in _HOLDS,
        error_code=item.Error,
        detail=_detail(item.Error, action),
        invitable=item.HasField("AddRequest"),
    )


def _detail(code: int, action: group_pb2.ParticipantAction) -> str:
    if not code:
        return ""
    if code == _NOT_THERE and action != _ADD:
        return "they are not in the group"
    if code == _ALREADY and action != _ADD:
        return "they are that already"
    return _DETAILS.get(code, f"WhatsApp refused with {code}")
