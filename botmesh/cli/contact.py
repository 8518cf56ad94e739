"""``botmesh contact ...``: the people whom a tenant's account can reach."""

from typing import Annotated

import typer

from botmesh.cli import output
from botmesh.cli.chat import TenantId
from botmesh.cli.connection import channel, timeout_s
from botmesh.cli.times import seconds
from botmesh.v1 import (
    BlockContactRequest,
    CheckNumbersRequest,
    ContactServiceStub,
    GetContactRequest,
    GetProfilePictureRequest,
    ListBlockedContactsRequest,
    NumberCheck,
    UnblockContactRequest,
)

app = typer.Typer(help="Look people up; block them, or not.", no_args_is_help=True)

Person = Annotated[str, typer.Argument(metavar="PERSON", help="A number with +, or a JID.")]

_CHECK_HEADERS = ("number", "on WhatsApp", "JID", "LID", "verified name", "checked")


@app.command()
def check(
    context: typer.Context,
    tenant_id: TenantId,
    numbers: Annotated[list[str], typer.Argument(metavar="NUMBER...", help="Numbers with +.")],
) -> None:
    """Tell which numbers are on WhatsApp; answers are remembered for a day."""
    request = CheckNumbersRequest(tenant_id=tenant_id, phone_numbers=numbers)
    with channel(context.obj, tenant_id) as opened:
        results = ContactServiceStub(opened).CheckNumbers(request, timeout=timeout_s()).results
    if output.is_json():
        for result in results:
            output.emit(output.as_dict(result))
        return
    output.show_table(_CHECK_HEADERS, [_row(result) for result in results])


@app.command()
def show(context: typer.Context, tenant_id: TenantId, person: Person) -> None:
    """Show what is known of a person."""
    request = GetContactRequest(tenant_id=tenant_id, jid=person)
    with channel(context.obj, tenant_id) as opened:
        found = ContactServiceStub(opened).GetContact(request, timeout=timeout_s()).contact
    output.show(
        found,
        [
            ("number", found.phone_number),
            ("JID", found.jid),
            ("LID", found.lid),
            ("name", found.full_name),
            ("calls themselves", found.push_name),
            ("verified name", found.verified_name),
            ("about", found.about),
            ("picture id", found.picture_id),
        ],
    )


@app.command()
def picture(
    context: typer.Context,
    tenant_id: TenantId,
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help="A number with +, or a JID; a group's too.")
    ],
    preview: Annotated[bool, typer.Option("--preview", help="The small one.")] = False,
) -> None:
    """Tell where the picture of a person or group can be fetched."""
    request = GetProfilePictureRequest(tenant_id=tenant_id, jid=person, preview=preview)
    with channel(context.obj, tenant_id) as opened:
        found = ContactServiceStub(opened).GetProfilePicture(request, timeout=timeout_s())
    output.show(found, [("picture id", found.picture_id), ("address", found.url)])


@app.command()
def blocked(context: typer.Context, tenant_id: TenantId) -> None:
    """List the people whom the account blocks."""
    request = ListBlockedContactsRequest(tenant_id=tenant_id)
    with channel(context.obj, tenant_id) as opened:
        found = ContactServiceStub(opened).ListBlockedContacts(request, timeout=timeout_s())
    if output.is_json():
        output.emit({"jids": list(found.jids)})
        return
    output.show_table(("blocked",), [(jid,) for jid in found.jids])


@app.command()
def block(context: typer.Context, tenant_id: TenantId, person: Person) -> None:
    """Block a person: they reach the account no more."""
    request = BlockContactRequest(tenant_id=tenant_id, jid=person)
    with channel(context.obj, tenant_id) as opened:
        answer = ContactServiceStub(opened).BlockContact(request, timeout=timeout_s())
    output.done(answer, f"{person} is blocked")


@app.command()
def unblock(context: typer.Context, tenant_id: TenantId, person: Person) -> None:
    """Take a block back."""
    request = UnblockContactRequest(tenant_id=tenant_id, jid=person)
    with channel(context.obj, tenant_id) as opened:
        answer = ContactServiceStub(opened).UnblockContact(request, timeout=timeout_s())
    output.done(answer, f"{person} is blocked no more")


def _row(result: NumberCheck) -> tuple[str, ...]:
    return (
        result.phone_number,
        "yes" if result.on_whatsapp else "no",
        result.jid,
        result.lid,
        result.verified_name,
        seconds(result.check_time),
    )
