"""The ``botmesh`` command and its options that stand before every sub-command."""

import sys
from typing import Annotated

import typer

from botmesh import __version__
from botmesh.cli import connection, output
from botmesh.cli.commands import Commands, new_app

app = new_app(
    name="botmesh",
    cls=Commands,
    help="One WhatsApp account per tenant, each in a process of its own, behind one gRPC door.",
    no_args_is_help=True,
)


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
