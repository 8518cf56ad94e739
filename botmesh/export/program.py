"""What a process manager has to run: the gateway, and one botnode per tenant."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botmesh.rpc import environment
from botmesh.rpc.environment import is_secret, passed_on
from botmesh.rpc.settings import MeshSettings
from botmesh.v1 import DesiredState, Pacing, Tenant

_SHARED = (*environment.NETWORK, *environment.CONSUL, *environment.SHARED)
_BOTNODES = ("BOT_API_HOST", *environment.PACING)

# A botnode ends its sends and streams first; the watchdog in it bites after 15 s.
STOP_LIMIT_S = 20
GATEWAY = "gateway"
PROXY = "BOTMESH_PROXY_URL"


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running.

    Attributes:
        name: ``gateway``, or the tenant's id.
        module: what ``python -m`` runs.
        env: what its environment must hold; nothing in it is secret.
    """

    name: str
    module: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to run on this machine.

    Attributes:
        python: the interpreter that has botmesh installed, absolute.
        data_dir: the mesh's data directory, absolute.
        shared: environment of every process.
        left_out: variables that are set here and were not taken over, because they are secret.
        logins: tenants whose proxy wants a user, and so a password, which is not in its address.
        programs: the gateway first, then the botnodes in the order of their ids.
    """

    python: Path
    data_dir: Path
    shared: Mapping[str, str]
    left_out: tuple[str, ...]
    logins: tuple[str, ...]
    programs: tuple[Program, ...]


def plan(settings: MeshSettings, discovery: str, tenants: Iterable[Tenant]) -> Plan:
    """What to run for these tenants; those that are stopped are left out.

    Args:
        settings: the mesh, and where its data is.
        discovery: ``embedded`` or ``consul``.
        tenants: all of them.
    """
    data_dir = settings.data_dir.expanduser().absolute()
    found = passed_on({*_SHARED, *environment.GATEWAY, *_BOTNODES})
    secret = sorted(name for name, value in found.items() if is_secret(name, value))
    for name in secret:
        del found[name]
    own = {
        "BOTMESH_MESH": settings.mesh,
        "BOTMESH_DATA_DIR": str(data_dir),
        "BOTMESH_DISCOVERY": discovery,
    }
    at_gateway = {name: found[name] for name in environment.GATEWAY if name in found}
    at_botnodes = {name: found[name] for name in _BOTNODES if name in found}
    wanted = [t for t in tenants if t.desired_state == DesiredState.DESIRED_STATE_RUNNING]
    botnodes = (Program(t.tenant_id, "botnode", at_botnodes | _environment(t)) for t in wanted)
    return Plan(
        # Not resolved: a virtual environment's interpreter is a link, and its place matters.
        python=Path(sys.executable).absolute(),
        data_dir=data_dir,
        shared={name: found[name] for name in _SHARED if name in found} | own,
        left_out=tuple(secret),
        logins=tuple(t.tenant_id for t in wanted if "@" in t.proxy_url),
        programs=(Program(GATEWAY, "gateway", at_gateway), *botnodes),
    )


def _environment(tenant: Tenant) -> dict[str, str]:
    found = {
        "TENANT_ID": tenant.tenant_id,
        "TENANT_NAME": tenant.name,
        "BOT_API_PORT": str(tenant.bot_port),
    }
    if tenant.phone_number:
        # Should the folder be lost, the botnode refuses to link the account a second time.
        found["BOTMESH_EXPECT_ACCOUNT"] = tenant.phone_number
    if tenant.proxy_url:
        # Its password, which nobody is told, is not in it. The mesh's proxy is not the way there.
        found |= {PROXY: tenant.proxy_url, "HTTPS_PROXY": ""}
    return found | _pacing(tenant.pacing)


def _pacing(pacing: Pacing) -> dict[str, str]:
    found = {}
    for name in ("messages_per_minute", "new_chats_per_day"):
        if pacing.HasField(name):
            found[f"BOTMESH_PACING_{name.upper()}"] = str(getattr(pacing, name))
    for name in ("least_pause", "most_pause"):
        if pacing.HasField(name):
            seconds = getattr(pacing, name).ToMilliseconds() / 1000
            found[f"BOTMESH_PACING_{name.upper()}_S"] = str(seconds)
    return found
