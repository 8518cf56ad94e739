"""What the driver can have a neonize client do in groups, and how it tells of them."""

import base64
from typing import Any

import contents
from neonize.client import NewClient
from neonize.utils.enum import ParticipantChange


def jid(value: Any) -> str:
    return f"{value.User}@{value.Server}" if value.User else ""


def group(info: Any) -> dict[str, Any]:
    return {
        "jid": jid(info.JID),
        "name": info.GroupName.Name,
        "topic": info.GroupTopic.Topic,
        "announce": info.GroupAnnounce.IsAnnounce,
        "locked": info.GroupLocked.isLocked,
        "ephemeral": info.GroupEphemeral.DisappearingTimer,
        "owner": jid(info.OwnerPN),
        "created": info.GroupCreated,
        "people": {jid(item.PhoneNumber): person(item) for item in info.Participants},
    }


def person(item: Any) -> list[Any]:
    role = "super" if item.IsSuperAdmin else "admin" if item.IsAdmin else "member"
    return [jid(item.LID), role, item.Error, item.HasField("AddRequest")]


def groups(client: NewClient, _command: dict[str, Any]) -> dict[str, Any]:
    return {
        "groups": {
            found.JID.User: [found.GroupName.Name, len(found.Participants)]
            for found in client.get_joined_groups()
        }
    }


def create_group(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    whom = [contents.jid(number) for number in command["whom"]]
    return group(client.create_group(command["name"], whom))


def group_info(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    return group(client.get_group_info(contents.jid(command["group"])))


def group_by_link(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    return group(client.get_group_info_from_link(command["link"]))


def update_people(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    found = client.update_group_participants(
        contents.jid(command["group"]),
        [contents.jid(number) for number in command["whom"]],
        ParticipantChange(command["action"]),
    )
    return {"people": {jid(item.PhoneNumber) or jid(item.JID): person(item) for item in found}}


def set_group(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    address = contents.jid(command["group"])
    if "name" in command:
        return {"said": client.set_group_name(address, command["name"])}
    if "topic" in command:
        ids = (command.get("previous", ""), command.get("new", ""))
        return {"said": client.set_group_topic(address, *ids, command["topic"])}
    if "announce" in command:
        return {"said": client.set_group_announce(address, command["announce"])}
    if "locked" in command:
        return {"said": client.set_group_locked(address, command["locked"])}
    if "ephemeral_ns" in command:
        return {"said": client.set_disappearing_timer(address, command["ephemeral_ns"])}
    photo = base64.b64decode(command["photo"])
    return {"said": client.set_group_photo(address, photo)}


def invite_link(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    return {"link": client.get_group_invite_link(contents.jid(command["group"]), command["reset"])}


def join_group(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    return {"group": jid(client.join_group_with_link(command["link"]))}


def leave_group(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    return {"said": client.leave_group(contents.jid(command["group"]))}


def list_asking(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    found = client.get_group_request_participants(contents.jid(command["group"]))
    return {"asking": [jid(item.Participant) for item in found]}


COMMANDS = {
    "groups": groups,
    "create_group": create_group,
    "group_info": group_info,
    "group_by_link": group_by_link,
    "update_people": update_people,
    "set_group": set_group,
    "invite_link": invite_link,
    "join_group": join_group,
    "leave_group": leave_group,
    "list_asking": list_asking,
}


def change(event: Any) -> dict[str, Any]:
    """A GroupInfoEvent, without what is not set."""
    told: dict[str, Any] = {
        "join": [jid(item) for item in event.Join],
        "leave": [jid(item) for item in event.Leave],
        "promote": [jid(item) for item in event.Promote],
        "demote": [jid(item) for item in event.Demote],
        "reason": event.JoinReason,
        "link": event.NewInviteLink,
        "unknown": [node.Tag for node in event.UnknownChanges],
    }
    for name, field in (
        ("name", "Name.Name"),
        ("topic", "Topic.Topic"),
        ("announce", "Announce.IsAnnounce"),
        ("locked", "Locked.isLocked"),
        ("ephemeral", "Ephemeral.DisappearingTimer"),
    ):
        outer, inner = field.split(".")
        if event.HasField(outer):
            told[name] = getattr(getattr(event, outer), inner)
    told = {
        key: value for key, value in told.items() if value or isinstance(value, bool | int | str)
    }
    told = {key: value for key, value in told.items() if value != "" or key in ("name", "topic")}
    return {"chat": jid(event.JID), "by": jid(event.Sender), "told": told}


def joined(event: Any) -> dict[str, Any]:
    return {
        "chat": jid(event.GroupInfo.JID),
        "name": event.GroupInfo.GroupName.Name,
        "reason": event.Reason,
        "type": event.Type,
        "key": event.CreateKey,
        "size": len(event.GroupInfo.Participants),
    }


def picture(event: Any) -> dict[str, Any]:
    return {
        "chat": jid(event.JID),
        "by": jid(event.Author),
        "removed": event.Remove,
    }


EVENTS = {"GroupInfo": change, "JoinedGroup": joined, "Picture": picture}
