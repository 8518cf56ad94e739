"""Groups as the command shows them."""

from collections.abc import Sequence

from botmesh.cli import output
from botmesh.cli.times import seconds
from botmesh.v1 import (
    Group,
    GroupParticipant,
    GroupRole,
    ParticipantResult,
)

HEADERS = ("GROUP", "NAME", "PEOPLE", "ADMINS", "WHO WRITES", "DISAPPEAR")
_PEOPLE_HEADERS = ("PERSON", "LID", "ROLE")
_RESULT_HEADERS = ("WHO", "DONE", "CODE", "DETAIL", "INVITE")
_DAY_S = 86_400
_NAME_MOST = 40


def row(group: Group) -> tuple[object, ...]:
    """A group as a line of a table."""
    admins = [person for person in group.participants if person.role > GroupRole.GROUP_ROLE_MEMBER]
    return (
        group.group_jid,
        output.one_line(group.name, _NAME_MOST),
        len(group.participants),
        len(admins),
        "admins" if group.announce else "all",
        _disappear(group),
    )


def show_group(group: Group) -> None:
    """Write a group and its people."""
    output.show(
        group,
        (
            ("group", group.group_jid),
            ("name", group.name),
            ("description", group.description),
            ("made by", group.owner_number or group.owner_jid),
            ("made", seconds(group.create_time) if group.HasField("create_time") else ""),
            ("who writes", "admins" if group.announce else "all"),
            ("who changes it", "admins" if group.locked else "all"),
            ("messages disappear", _disappear(group)),
            ("people", len(group.participants) or ""),
        ),
    )
    if group.participants and not output.is_json():
        output.show_table(_PEOPLE_HEADERS, [_person(person) for person in group.participants])


def show_results(results: Sequence[ParticipantResult]) -> None:
    """Write what became of each person."""
    if output.is_json():
        for result in results:
            output.emit(output.as_dict(result))
        return
    output.show_table(_RESULT_HEADERS, [_result(result) for result in results])


def _person(person: GroupParticipant) -> tuple[str, str, str]:
    role = output.enum_word(GroupRole.Name(person.role), "GROUP_ROLE_")
    return person.phone_number or person.jid, person.lid, role.lower().replace("_", " ")


def _result(result: ParticipantResult) -> tuple[object, ...]:
    return (
        result.participant,
        "yes" if result.done else "no",
        result.error_code or "",
        result.detail,
        "yes" if result.invitable else "",
    )


def _disappear(group: Group) -> str:
    total_s = group.ephemeral_expiration.seconds
    if not total_s:
        return ""
    return f"after {total_s // _DAY_S}d" if total_s % _DAY_S == 0 else f"after {total_s}s"
