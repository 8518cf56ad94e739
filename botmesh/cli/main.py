"""The ``botmesh`` command and its options that stand before every sub-command."""

import sys
from typing import Annotated

import typer

from botmesh import __version__
from botmesh.cli import (
    chat,
    chat_marks,
    connection,
    contact,
    events,
    export,
    group,
    media,
    messages,
    output,
    pairing,
    phone_pairing,
    sandbox,
    sandbox_media,
    sandbox_people,
    sandbox_polls,
    tenant,
    up,
)

app = typer.Typer(
    name="botmesh",
    help="One WhatsApp account per tenant, each in a process of its own, behind one gRPC door.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(tenant.app, name="tenant")
sandbox.app.command("send")(sandbox_media.send)
sandbox.app.command("open")(sandbox_media.open_)
sandbox.app.command("expire")(sandbox_media.expire)
sandbox.app.command("vote")(sandbox_polls.vote)
sandbox_people.add_to(sandbox.app)
app.add_typer(chat_marks.app, name="chat")
app.add_typer(contact.app, name="contact")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(media.app, name="media")
app.add_typer(export.app, name="export")
app.add_typer(group.app, name="group")
app.command("up")(up.up)
app.command("qr")(pairing.qr)
app.command("pair")(phone_pairing.pair)
app.command("logout")(pairing.logout)
app.command("session")(pairing.session)
app.command("send")(chat.send)
app.command("messages")(messages.messages)
app.command("message")(messages.message)
app.command("cancel")(messages.cancel)
app.command("events")(events.events)


def _version(wanted: bool) -> None:
    if wanted:
        output.console.print(f"botmesh {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    gateway: Annotated[
        str,
        typer.Option(envvar="BOTMESH_GATEWAY", help="Where the gateway answers, host:port."),
    ] = connection.DEFAULT_GATEWAY,
    timeout: Annotated[
        float,
        typer.Option(envvar="BOTMESH_TIMEOUT", min=0.01, help="Seconds to wait for an answer."),
    ] = connection.DEFAULT_TIMEOUT_S,
    json: Annotated[bool, typer.Option("--json", help="Write JSON, one value a line.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Remember where the gateway is and what to write."""
    context.obj = gateway
    connection.set_timeout(timeout)
    output.use_json(on=json)


def main() -> None:
    """Run the command; Ctrl+C ends it with 130 and no traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
