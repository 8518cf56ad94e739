"""What the library tells of groups, as events of the contract (GroupInfoEvent and JoinedGroup).

A change that the library knows and does not pass on (whether admins approve who joins, that a
group is suspended) comes as an event in which nothing is set.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from botmesh.v1 import event_pb2, group_pb2
from botnode import whatsapp_events, whatsapp_groups

# The E.164 number of a JID, empty where nobody knows it.
NumberOf = Callable[[Any], str]
Translate = Callable[[Any, NumberOf], event_pb2.Event]

_NEW = "new"


def changed(event: Any, number_of: NumberOf) -> event_pb2.Event:
    """A group changed."""
    told = event_pb2.Event()
    change = told.group_changed
    change.group_jid = whatsapp_events.person(event.JID)
    change.change_time.FromDatetime(whatsapp_events.moment(event.Timestamp))
    if event.HasField("Sender") and event.Sender.User:
        change.author_jid = whatsapp_events.person(event.Sender)
        change.author_number = number_of(event.Sender)
    _settings(change, event)
    for jids, people in (
        (change.joined_jids, event.Join),
        (change.left_jids, event.Leave),
        (change.promoted_jids, event.Promote),
        (change.demoted_jids, event.Demote),
    ):
        for jid in people:
            jids.append(whatsapp_events.person(jid))
            if known := number_of(jid):
                change.phone_numbers[whatsapp_events.person(jid)] = known
    change.join_reason = event.JoinReason
    change.invite_link = event.NewInviteLink
    change.deleted = event.Delete.Deleted
    change.other_changes.extend(node.Tag for node in event.UnknownChanges)
    return told


def _settings(change: group_pb2.GroupChange, event: Any) -> None:
    if event.HasField("Name"):
        change.name = event.Name.Name
    if event.HasField("Topic"):
        change.description = event.Topic.Topic
    if event.HasField("Announce"):
        change.announce = event.Announce.IsAnnounce
    if event.HasField("Locked"):
        change.locked = event.Locked.isLocked
    if event.HasField("Ephemeral"):
        change.ephemeral_expiration.FromSeconds(event.Ephemeral.DisappearingTimer)


def joined(event: Any, number_of: NumberOf) -> event_pb2.Event:
    """The account came into a group."""
    told = event_pb2.Event()
    join = told.group_joined
    join.group.CopyFrom(whatsapp_groups.to_group(event.GroupInfo))
    join.reason = event.Reason
    join.created = event.Type == _NEW
    if event.HasField("Sender") and event.Sender.User:
        join.author_jid = whatsapp_events.person(event.Sender)
        join.author_number = whatsapp_events.number(event.SenderPN) or number_of(event.Sender)
    return told


# The library's event (its class in neonize.events, without "Ev") -> how it is told.
GROUP_NOTICES: Mapping[str, Translate] = MappingProxyType(
    {"GroupInfo": changed, "JoinedGroup": joined}
)
