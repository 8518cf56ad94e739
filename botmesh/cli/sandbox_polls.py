"""``botmesh sandbox vote``: what the sandbox's phones choose in polls."""

from typing import Annotated

import typer

from botmesh.cli import connection
from botmesh.cli.sandbox import show_message
from botmesh.cli.sandbox_line import Phone, dial
from botmesh.sandbox import v1 as sandbox


def vote(
    context: typer.Context,
    phone: Phone,
    message_id: Annotated[
        str, typer.Argument(metavar="ID", help="WhatsApp's id of the poll, as the inbox shows it.")
    ],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="OPTION", help="The chosen options; none takes the vote back."),
    ] = None,
) -> None:
    """Have a phone vote in a poll that it has."""
    request = sandbox.VotePollRequest(phone=phone, message_id=message_id, options=options or ())
    with dial(context) as channel:
        phones = sandbox.SandboxServiceStub(channel)
        show_message(phones.VotePoll(request, timeout=connection.timeout_s()).message)
