"""``botmesh group ...``: the groups that a tenant's account is in."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from botmesh.cli import group_record, output
from botmesh.cli.connection import channel, timeout_s
from botmesh.cli.times import duration
from botmesh.v1 import (
    CreateGroupRequest,
    GetGroupByInviteLinkRequest,
    GetGroupInviteLinkRequest,
    GetGroupRequest,
    GroupServiceStub,
    JoinGroupRequest,
    LeaveGroupRequest,
    ListGroupsRequest,
    ParticipantAction,
    SetGroupPictureRequest,
    UpdateGroupParticipantsRequest,
    UpdateGroupRequest,
)

app = typer.Typer(help="List, make and change a tenant's groups.", no_args_is_help=True)

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]
GroupJid = Annotated[str, typer.Argument(metavar="GROUP", help="The group's JID, ...@g.us.")]
People = Annotated[
    list[str], typer.Argument(metavar="WHO...", help="Numbers with +, or JIDs.", show_default=False)
]
Link = Annotated[str, typer.Argument(metavar="LINK", help="An invite link, or its code.")]
OFF = "off"


def _call(context: typer.Context, name: str, request: Any) -> Any:
    with channel(context.obj, request.tenant_id) as opened:
        return getattr(GroupServiceStub(opened), name)(request, timeout=timeout_s())


@app.command("list")
def list_(context: typer.Context, tenant_id: TenantId) -> None:
    """List the groups that the account is in."""
    request, groups = ListGroupsRequest(tenant_id=tenant_id), []
    while True:
        page = _call(context, "ListGroups", request)
        groups += page.groups
        if not (token := page.next_page_token):
            break
        request.page_token = token
    if output.is_json():
        for each in groups:
            output.emit(output.as_dict(each))
        return
    output.show_table(group_record.HEADERS, [group_record.row(each) for each in groups])
    if not groups:
        output.say(f"No groups yet. Make one: botmesh group create {tenant_id} NAME WHO...")


@app.command()
def show(context: typer.Context, tenant_id: TenantId, group_jid: GroupJid) -> None:
    """Show a group and its people."""
    request = GetGroupRequest(tenant_id=tenant_id, group_jid=group_jid)
    group_record.show_group(_call(context, "GetGroup", request).group)


@app.command()
def create(
    context: typer.Context,
    tenant_id: TenantId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: up to 100 characters.")],
    who: Annotated[
        list[str] | None, typer.Argument(metavar="[WHO...]", help="Numbers with +, or JIDs.")
    ] = None,
) -> None:
    """Make a group; the account is its admin. Twice makes two."""
    request = CreateGroupRequest(tenant_id=tenant_id, name=name, participants=who or [])
    made = _call(context, "CreateGroup", request)
    if output.is_json():
        output.emit(output.as_dict(made))
    else:
        group_record.show_group(made.group)
    missing = [result for result in made.results if not result.done]
    if missing and not output.is_json():
        output.note("not everybody is in it:")
        group_record.show_results(missing)


@app.command()
def rename(
    context: typer.Context,
    tenant_id: TenantId,
    group_jid: GroupJid,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
) -> None:
    """Give a group another name."""
    _update(context, UpdateGroupRequest(tenant_id=tenant_id, group_jid=group_jid, name=name))


@app.command()
def describe(
    context: typer.Context,
    tenant_id: TenantId,
    group_jid: GroupJid,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help="Its new description; '' removes it, '-' reads standard input."
        ),
    ],
) -> None:
    """Give a group another description, or remove it."""
    description = sys.stdin.read().rstrip("\n") if text == "-" else text
    _update(
        context,
        UpdateGroupRequest(tenant_id=tenant_id, group_jid=group_jid, description=description),
    )


@app.command("set")
def set_(
    context: typer.Context,
    tenant_id: TenantId,
    group_jid: GroupJid,
    announce: Annotated[
        bool | None, typer.Option("--announce/--no-announce", help="Only admins write, or all.")
    ] = None,
    locked: Annotated[
        bool | None,
        typer.Option(
            "--locked/--no-locked",
            help="Only admins change name, description and picture, or all.",
        ),
    ] = None,
    disappear: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Messages disappear after 24h, 7d or 90d; or off."),
    ] = None,
) -> None:
    """Say who writes, who changes the group, and how long messages stay."""
    request = UpdateGroupRequest(
        tenant_id=tenant_id, group_jid=group_jid, announce=announce, locked=locked
    )
    if disappear is not None:
        request.ephemeral_expiration.SetInParent()
        if disappear != OFF:
            request.ephemeral_expiration.FromTimedelta(duration(disappear))
    _update(context, request)


def _update(context: typer.Context, request: UpdateGroupRequest) -> None:
    group_record.show_group(_call(context, "UpdateGroup", request).group)


@app.command()
def picture(
    context: typer.Context,
    tenant_id: TenantId,
    group_jid: GroupJid,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A JPEG picture, square.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
) -> None:
    """Give a group another picture."""
    request = SetGroupPictureRequest(
        tenant_id=tenant_id, group_jid=group_jid, jpeg=file.read_bytes()
    )
    answer = _call(context, "SetGroupPicture", request)
    output.show(answer, [("picture", answer.picture_id)])


@app.command()
def add(context: typer.Context, tenant_id: TenantId, group_jid: GroupJid, who: People) -> None:
    """Add people to a group."""
    _people(context, tenant_id, group_jid, ParticipantAction.PARTICIPANT_ACTION_ADD, who)


@app.command()
def remove(context: typer.Context, tenant_id: TenantId, group_jid: GroupJid, who: People) -> None:
    """Remove people from a group."""
    _people(context, tenant_id, group_jid, ParticipantAction.PARTICIPANT_ACTION_REMOVE, who)


@app.command()
def promote(context: typer.Context, tenant_id: TenantId, group_jid: GroupJid, who: People) -> None:
    """Make people admins."""
    _people(context, tenant_id, group_jid, ParticipantAction.PARTICIPANT_ACTION_PROMOTE, who)


@app.command()
def demote(context: typer.Context, tenant_id: TenantId, group_jid: GroupJid, who: People) -> None:
    """Make admins members again."""
    _people(context, tenant_id, group_jid, ParticipantAction.PARTICIPANT_ACTION_DEMOTE, who)


def _people(
    context: typer.Context,
    tenant_id: str,
    group_jid: str,
    action: ParticipantAction,
    who: Sequence[str],
) -> None:
    """Do something with people; exits with 1 if it was not done with all of them."""
    request = UpdateGroupParticipantsRequest(
        tenant_id=tenant_id, group_jid=group_jid, action=action, participants=who
    )
    results = _call(context, "UpdateGroupParticipants", request).results
    group_record.show_results(results)
    if not all(result.done for result in results):
        raise typer.Exit(output.EXIT_REFUSED)


@app.command()
def link(
    context: typer.Context,
    tenant_id: TenantId,
    group_jid: GroupJid,
    reset: Annotated[bool, typer.Option("--reset", help="A new one; the old one is void.")] = False,
) -> None:
    """Show the link by which people can join a group."""
    request = GetGroupInviteLinkRequest(tenant_id=tenant_id, group_jid=group_jid, reset=reset)
    answer = _call(context, "GetGroupInviteLink", request)
    if output.is_json():
        output.emit(output.as_dict(answer))
    else:
        output.say(answer.link)


@app.command()
def join(
    context: typer.Context,
    tenant_id: TenantId,
    invite: Link,
    look: Annotated[bool, typer.Option("--look", help="Only show what group it is.")] = False,
) -> None:
    """Join a group by its link, or ask its admins where they approve who joins."""
    if look:
        asked = GetGroupByInviteLinkRequest(tenant_id=tenant_id, link=invite)
        group_record.show_group(_call(context, "GetGroupByInviteLink", asked).group)
        return
    answer = _call(context, "JoinGroup", JoinGroupRequest(tenant_id=tenant_id, link=invite))
    state = "its admins have to approve" if answer.approval_pending else "in it"
    output.show(answer, [("group", answer.group_jid), ("state", state)])


@app.command()
def leave(context: typer.Context, tenant_id: TenantId, group_jid: GroupJid) -> None:
    """Leave a group."""
    answer = _call(
        context, "LeaveGroup", LeaveGroupRequest(tenant_id=tenant_id, group_jid=group_jid)
    )
    if output.is_json():
        output.emit(output.as_dict(answer))
    else:
        output.say(f"{tenant_id} is not in {group_jid} any more.")
