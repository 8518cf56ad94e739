"""``botmesh export``: files for process managers that run botnodes in the host's place."""

import asyncio
import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from botmesh.cli import output
from botmesh.cli.connection import channel
from botmesh.cli.tenant import all_tenants
from botmesh.export import pm2 as pm2_files
from botmesh.export import systemd as systemd_files
from botmesh.export.program import PROXY, Plan, plan
from botmesh.rpc.settings import MeshSettings
from botmesh.v1 import TenantServiceStub

app = typer.Typer(help="Write files for PM2 or systemd.", no_args_is_help=True)

Mesh = Annotated[str | None, typer.Option(envvar="BOTMESH_MESH", help="The mesh's name.")]
DataDir = Annotated[Path | None, typer.Option(envvar="BOTMESH_DATA_DIR", help="Where its data is.")]


@app.command()
def pm2(
    context: typer.Context,
    target: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; '-' is standard output.")
    ] = Path("ecosystem.config.js"),
    mesh: Mesh = None,
    data_dir: DataDir = None,
) -> None:
    """Write PM2's ecosystem file: the gateway, and a botnode for each tenant that shall run."""
    found = _plan(context, mesh, data_dir)
    text = pm2_files.ecosystem(found)
    if str(target) == "-":
        typer.echo(text, nl=False)
        return
    _write(target, text)
    output.say(f"Wrote {target}. Stop `botmesh up`, then: pm2 start {target}")
    _tell_left_out(found, "the environment that `pm2 start` runs in", str(target))


@app.command()
def systemd(
    context: typer.Context,
    target: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")] = Path(
        "systemd"
    ),
    user: Annotated[str, typer.Option(help="The account that owns the data directory.")] = "",
    mesh: Mesh = None,
    data_dir: DataDir = None,
) -> None:
    """Write systemd's units: the gateway, and a template for the tenants that shall run."""
    found = _plan(context, mesh, data_dir)
    for name, text in systemd_files.files(found, user or getpass.getuser()).items():
        _write(target / name, text)
    output.say(f"Wrote {target}. Stop `botmesh up`, then install and start it:")
    for line in systemd_files.commands(found, str(target)):
        output.say(f"  {line}")
    config = systemd_files.CONFIG_DIR
    _tell_left_out(found, f"{config}/mesh.env", f"{config}/tenants/%i.env")


def _tell_left_out(found: Plan, place: str, place_of_tenant: str) -> None:
    for name in found.left_out:
        output.say(f"{name} holds a secret and was not written: put it into {place}.")
    for tenant_id in found.logins:
        place = place_of_tenant.replace("%i", tenant_id)
        output.say(
            f"The password of {tenant_id}'s proxy was not written: "
            f"put it into its {PROXY} in {place}."
        )


def _plan(context: typer.Context, mesh: str | None, data_dir: Path | None) -> Plan:
    from botmesh.up.discovery import running as choose  # noqa: PLC0415 - Consul's client is slow

    given = {k: v for k, v in {"mesh": mesh, "data_dir": data_dir}.items() if v is not None}
    settings = MeshSettings.load(**given)
    discovery = asyncio.run(choose(settings.mesh))
    output.say(f"Discovery: {discovery}")
    with channel(context.obj) as opened:
        return plan(settings, discovery, all_tenants(TenantServiceStub(opened)))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
