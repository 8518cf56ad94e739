"""``botmesh up``: the whole mesh on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def up(
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use a WhatsApp that runs on this machine.")
    ] = False,
    gateway_port: Annotated[
        int | None, typer.Option(envvar="BOTMESH_GATEWAY_PORT", help="The gateway's port.")
    ] = None,
    mesh: Annotated[
        str | None, typer.Option(envvar="BOTMESH_MESH", help="The mesh's name.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="BOTMESH_DATA_DIR", help="Where its data is.")
    ] = None,
) -> None:
    """Start the gateway, the host and a botnode per tenant; Ctrl+C stops them."""
    from botmesh.up.run import run  # noqa: PLC0415 - slow, and seldom needed
    from botmesh.up.settings import UpSettings  # noqa: PLC0415 - slow, and seldom needed

    options = {
        "sandbox": sandbox or None,
        "gateway_port": gateway_port,
        "mesh": mesh,
        "data_dir": data_dir,
    }
    given = {name: value for name, value in options.items() if value is not None}
    raise typer.Exit(run(UpSettings.load(**given)))
