"""What a botnode's process is told: a closed list, nothing is inherited beside it.

A host's environment may hold anything, credentials too; a botnode needs little of it. Go reads the
environment once, when the process starts, so what is meant for it has to be here.
"""

from collections.abc import Mapping

from botmesh.rpc import environment
from botmesh.rpc.datadir import DataDir
from botnode.go_environment import GO_ENVIRONMENT
from registry.pacing import Pacing
from registry.tenant import Tenant

# Passed on as they are, where the host has them.
INHERITED = frozenset(
    {*environment.SYSTEM, *environment.GO, *environment.NETWORK, *environment.CONSUL}
    | {*environment.SHARED, *environment.BOTNODE}
)
# Passed on in a sandbox only: it makes a botnode take a stand-in for WhatsApp.
SANDBOX_INHERITED = frozenset({"BOTMESH_SANDBOX_ROOT_KEY"})


def common_environment(data_dir: DataDir, own: Mapping[str, str]) -> dict[str, str]:
    """What all botnodes of a host get, from the host's own environment and its data directory."""
    names = INHERITED | SANDBOX_INHERITED if data_dir.is_sandbox else INHERITED
    return {
        **GO_ENVIRONMENT,
        **{name: own[name] for name in sorted(names) if name in own},
        # The library prints; what it printed before a crash should be in the log.
        "PYTHONUNBUFFERED": "1",
        "BOTMESH_MESH": data_dir.mesh,
        "BOTMESH_DATA_DIR": str(data_dir.path),
    }


def tenant_environment(
    tenant: Tenant, account: str | None, *, sandbox: bool = False
) -> dict[str, str]:
    """What one tenant's botnode gets; `account` is the number that is linked, if one is."""
    environment = {
        "TENANT_ID": tenant.tenant_id,
        "TENANT_NAME": tenant.name,
        "BOT_API_PORT": str(tenant.bot_port),
    }
    if account is not None:
        environment["BOTMESH_EXPECT_ACCOUNT"] = account
    if tenant.proxy_url:
        environment["BOTMESH_PROXY_URL"] = tenant.proxy_url
        if not sandbox:
            # The library would go through it to a SOCKS proxy of the tenant's.
            environment["HTTPS_PROXY"] = ""
    return environment | _pacing(tenant.pacing)


def _pacing(pacing: Pacing) -> dict[str, str]:
    """What the tenant is set to; the rest is as the host's environment or the default says."""
    pauses = (pacing.least_pause_ms, pacing.most_pause_ms)
    least_s, most_s = (None if pause is None else pause / 1000 for pause in pauses)
    values = {
        "BOTMESH_PACING_MESSAGES_PER_MINUTE": pacing.messages_per_minute,
        "BOTMESH_PACING_NEW_CHATS_PER_DAY": pacing.new_chats_per_day,
        "BOTMESH_PACING_LEAST_PAUSE_S": least_s,
        "BOTMESH_PACING_MOST_PAUSE_S": most_s,
    }
    return {name: str(value) for name, value in values.items() if value is not None}
