"""The command's line to a sandbox's control API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import grpc
import typer

from botmesh.cli import connection, output
from botmesh.sandbox import v1 as sandbox

Phone = Annotated[
    str, typer.Argument(metavar="PHONE", help="A phone's number, e.g. +5215512345678")
]
STATE_FILE = Path("sandbox", "sandbox.json")


@contextmanager
def phones_of(context: typer.Context) -> Iterator[sandbox.SandboxServiceStub]:
    """The control API of the sandbox in the data directory; ends the command if none runs."""
    with dial(context) as channel:
        yield sandbox.SandboxServiceStub(channel)


@contextmanager
def dial(context: typer.Context) -> Iterator[grpc.Channel]:
    """A channel to the sandbox's control; errors of calls inside end the command."""
    path = Path(context.meta["data_dir"]).expanduser() / STATE_FILE
    try:
        address = str(json.loads(path.read_text())["control_address"])
    except (OSError, ValueError, KeyError):
        output.fail(f"no sandbox runs in {path.parent.parent}: botmesh up --sandbox")
    options = [("grpc.enable_http_proxy", 0)]
    with (
        grpc.insecure_channel(address, options=options) as channel,
        connection.explained(address, start_with="botmesh up --sandbox"),
    ):
        yield channel
