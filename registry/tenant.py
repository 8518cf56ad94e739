"""A tenant as the registry knows it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from registry.pacing import Pacing


class DesiredState(StrEnum):
    """What the operator wants of a tenant's botnode."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    DELETED = "DELETED"


class ObservedState(StrEnum):
    """What the host sees of a tenant's botnode."""

    UNOBSERVED = "UNOBSERVED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    BACKING_OFF = "BACKING_OFF"
    FAILED = "FAILED"
    DELETING = "DELETING"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant's row: the desired side is the gateway's to write, the observed side the host's.

    `desired_generation` is raised by each change of what is wanted, `observed_generation` is the
    newest one brought about. `address` is "host:port" of the running botnode, `instance` and
    `epoch` are that process's; all three are empty (None, None, last epoch) while none answers.
    `account` is the paired number in E.164 form, `session_state` the name of a `SessionState`
    without its prefix, `home` the id of the host that runs the tenant. Times are aware UTC.
    `proxy_url` may hold a password.
    """

    tenant_id: str
    name: str
    bot_port: int
    desired_state: DesiredState
    desired_generation: int
    observed_state: ObservedState
    observed_generation: int
    delete_data: bool
    account: str | None
    session_state: str | None
    address: str | None
    instance: str | None
    epoch: int
    pid: int | None
    restarts: int
    last_exit: str | None
    home: str | None
    updated_seq: int
    create_time: datetime
    update_time: datetime
    pacing: Pacing = field(default_factory=Pacing)
    proxy_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TenantPage:
    """Some tenants in the order of their ids; `next_page_token` is empty on the last page."""

    tenants: list[Tenant]
    next_page_token: str
