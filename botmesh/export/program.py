"""What a process manager has to run: the gateway, and one botnode per tenant."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botmesh.rpc.settings import MeshSettings
from botmesh.v1 import DesiredState, Tenant

# What reaches WhatsApp from behind a proxy, and what finds Consul: passed on where it is set.
# Never a token: it would stand in a file, and in the process manager's lists.
PASSED_ON = (
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "CONSUL_HTTP_ADDR",
    "CONSUL_HTTP_TOKEN_FILE",
    "CONSUL_HTTP_SSL",
    "CONSUL_CACERT",
    "CONSUL_CLIENT_CERT",
    "CONSUL_CLIENT_KEY",
    "BOTMESH_DATABASE_URL",
    "BOTMESH_DISCOVERY",
)
# A botnode ends its sends and streams first; the watchdog in it bites after 15 s.
STOP_LIMIT_S = 20
GATEWAY = "gateway"


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
        programs: the gateway first, then the botnodes in the order of their ids.
    """

    python: Path
    data_dir: Path
    shared: Mapping[str, str]
    programs: tuple[Program, ...]


def plan(settings: MeshSettings, tenants: Iterable[Tenant]) -> Plan:
    """What to run for these tenants; those that are stopped are left out."""
    data_dir = settings.data_dir.expanduser().absolute()
    shared = {"BOTMESH_MESH": settings.mesh, "BOTMESH_DATA_DIR": str(data_dir)}
    shared |= {key: os.environ[key] for key in PASSED_ON if os.environ.get(key)}
    wanted = (t for t in tenants if t.desired_state == DesiredState.DESIRED_STATE_RUNNING)
    botnodes = (Program(t.tenant_id, "botnode", _environment(t)) for t in wanted)
    return Plan(
        # Not resolved: a virtual environment's interpreter is a link, and its place matters.
        python=Path(sys.executable).absolute(),
        data_dir=data_dir,
        shared=shared,
        programs=(Program(GATEWAY, "gateway"), *botnodes),
    )


def _environment(tenant: Tenant) -> dict[str, str]:
    return {
        "TENANT_ID": tenant.tenant_id,
        "TENANT_NAME": tenant.name,
        "BOT_API_PORT": str(tenant.bot_port),
    }
