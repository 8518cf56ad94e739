"""``botmesh sandbox group ...``: the sandbox's groups, and what phones do in them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from botmesh.cli import connection, output
from botmesh.cli.sandbox_line import Phone, phones_of
from botmesh.cli.times import duration
from botmesh.sandbox import v1 as sandbox

Address = Annotated[str, typer.Argument(metavar="GROUP", help="A group's address, id@g.us.")]
Numbers = list[str] | None
Switch = bool | None


def group(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="Its subject.")],
    phones: Annotated[list[str], typer.Argument(help="Its members' numbers.")],
) -> None:
    """Make a group of phones."""
    with phones_of(context) as stub:
        request = sandbox.CreateGroupRequest(subject=subject, phones=phones)
        _show([stub.CreateGroup(request, timeout=connection.timeout_s()).group])


def regroup(
    context: typer.Context,
    address: Address,
    add: Annotated[Numbers, typer.Option(help="A number to add.")] = None,
    remove: Annotated[Numbers, typer.Option(help="A number to remove.")] = None,
    subject: Annotated[str | None, typer.Option(help="Its new subject.")] = None,
) -> None:
    """Change who is in a group, or its subject, whatever WhatsApp's rules are."""
    with phones_of(context) as stub:
        request = sandbox.SetGroupRequest(group=address, add=add, remove=remove, subject=subject)
        _show([stub.SetGroup(request, timeout=connection.timeout_s()).group])


def groups(context: typer.Context) -> None:
    """List the groups."""
    with phones_of(context) as stub:
        _show(stub.ListGroups(sandbox.ListGroupsRequest()).groups)


def act(
    context: typer.Context,
    phone: Phone,
    address: Address,
    add: Annotated[Numbers, typer.Option(help="Add a number.")] = None,
    remove: Annotated[Numbers, typer.Option(help="Remove a number.")] = None,
    promote: Annotated[Numbers, typer.Option(help="Make a number an admin.")] = None,
    demote: Annotated[Numbers, typer.Option(help="Make an admin a member.")] = None,
    approve: Annotated[Numbers, typer.Option(help="Let a number in that asks to join.")] = None,
    reject: Annotated[Numbers, typer.Option(help="Do not let it in.")] = None,
    subject: Annotated[str | None, typer.Option(help="Rename the group.")] = None,
    description: Annotated[str | None, typer.Option(help="Describe it; '' removes that.")] = None,
    announce: Annotated[
        Switch, typer.Option("--announce/--no-announce", help="Only admins write, or all.")
    ] = None,
    locked: Annotated[
        Switch, typer.Option("--locked/--no-locked", help="Only admins change it, or all.")
    ] = None,
    approval: Annotated[
        Switch, typer.Option("--approval/--no-approval", help="Admins approve who joins, or not.")
    ] = None,
    disappear: Annotated[
        str | None, typer.Option(metavar="TIME", help="24h, 7d, 90d or off.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="A JPEG picture for it.", exists=True, dir_okay=False)
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Make a new invite link.")] = False,
    leave: Annotated[bool, typer.Option("--leave", help="Leave it.")] = False,
) -> None:
    """Have a phone do something in a group, by WhatsApp's rules."""
    people = sandbox.GroupPeople(
        add=add, remove=remove, promote=promote, demote=demote, approve=approve, reject=reject
    )
    wanted: dict[str, Any] = {
        "people": people if people.ByteSize() else None,
        "subject": subject,
        "description": description,
        "announce": announce,
        "locked": locked,
        "approval": approval,
        "ephemeral": None if disappear is None else _span(disappear),
        "picture": None if picture is None else picture.read_bytes(),
        "link": True if link else None,
        "leave": True if leave else None,
    }
    with phones_of(context) as stub:
        for request in _acts(phone, address, wanted):
            answer = stub.ActInGroup(request, timeout=connection.timeout_s())
            _show([answer.group])
            for number, code in sorted(answer.errors.items()):
                output.note(f"{number}: WhatsApp refuses with {code}")


def join(
    context: typer.Context,
    phone: Phone,
    link: Annotated[str, typer.Argument(metavar="LINK", help="An invite link, or its code.")],
) -> None:
    """Have a phone join a group by its link."""
    with phones_of(context) as stub:
        request = sandbox.JoinGroupRequest(phone=phone, link=link)
        answer = stub.JoinGroup(request, timeout=connection.timeout_s())
    _show([answer.group])
    if answer.asked:
        output.note("its admins have to approve")


def _acts(phone: str, address: str, wanted: dict[str, Any]) -> Iterator[sandbox.ActInGroupRequest]:
    """One request for each thing to do."""
    if all(value is None for value in wanted.values()):
        raise typer.BadParameter("say what the phone shall do")
    for name, value in wanted.items():
        if value is not None:
            what: dict[str, Any] = {name: value}
            yield sandbox.ActInGroupRequest(phone=phone, group=address, **what)


def _span(text: str) -> dict[str, int]:
    return {"seconds": 0 if text == "off" else int(duration(text).total_seconds())}


def _show(found: Sequence[sandbox.Group]) -> None:
    if output.is_json():
        for item in found:
            output.emit(output.as_dict(item))
        return
    output.show_table(
        ("group", "subject", "phones", "admins", "link"),
        [
            (
                item.group,
                item.subject,
                ", ".join(item.phones),
                ", ".join(item.admins),
                item.link,
            )
            for item in found
        ],
    )
