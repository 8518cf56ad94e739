"""The commands that ``botmesh up`` proposes, ready to be copied."""

import json
import shlex
import shutil
import sys
from pathlib import Path

from botmesh.rpc.settings import SANDBOX_MESH, default_data_dir, variables_of
from botmesh.up.settings import UpSettings

# Numbers that the sandbox's phones get in the examples.
SHOP_PHONE = "+5215512345678"
CUSTOMER_PHONE = "+5215587654321"


def command() -> str:
    """How to call the ``botmesh`` command from the folder we stand in."""
    here = Path(sys.executable).parent / "botmesh"
    on_path = shutil.which("botmesh")
    if on_path and Path(on_path).resolve() == here.resolve():
        return "botmesh"
    try:
        return str(here.relative_to(Path.cwd()))
    except ValueError:
        return shlex.quote(str(here))


def proposals(settings: UpSettings, tenant_id: str) -> list[str]:
    """Lines to print: what to try first with this mesh."""
    call = _prefixed(settings)
    lines = ["Try, in another terminal:", f"  {call} qr {tenant_id}"]
    if settings.sandbox:
        lines += [
            f"  {call} sandbox scan {tenant_id} --phone {SHOP_PHONE}",
            f"  {call} send {tenant_id} {CUSTOMER_PHONE} 'Hola'",
            f"  {call} sandbox inbox {CUSTOMER_PHONE}",
            f"  {call} sandbox write {CUSTOMER_PHONE} {SHOP_PHONE} 'Bueno'",
            f"  {call} events {tenant_id}",
        ]
    else:
        lines.append(f"  {call} send {tenant_id} +NUMBER 'Hola'")
    return [*lines, f"  {_grpcurl(settings, tenant_id)}"]


def _prefixed(settings: UpSettings) -> str:
    """The command, told where this mesh is if it is not at its usual place."""
    variables = []
    if settings.gateway_port != variables_of(UpSettings)["gateway_port"].default:
        variables.append(f"BOTMESH_GATEWAY={settings.gateway_address}")
    if settings.sandbox and settings.data_dir != default_data_dir(SANDBOX_MESH):
        variables.append(f"BOTMESH_DATA_DIR={shlex.quote(str(settings.data_dir))}")
    return " ".join([*variables, command()])


def _grpcurl(settings: UpSettings, tenant_id: str) -> str:
    body = {"tenant_id": tenant_id, "to": CUSTOMER_PHONE, "content": {"text": {"body": "Hola"}}}
    if not settings.sandbox:
        body["to"] = "+NUMBER"
    data = shlex.quote(json.dumps(body))
    return (
        f"grpcurl -plaintext -d {data} {settings.gateway_address} botmesh.v1.BotService/SendMessage"
    )
