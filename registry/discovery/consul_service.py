"""A botnode as a service in Consul: its checks, tags and meta, made for people to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.discovery.consul_names import SERVICE, EntryNames, split_address
from registry.discovery.consul_status import SessionStatus, meta
from registry.discovery.port import ALIVE_SERVICE


@dataclass(frozen=True, slots=True)
class Botnode:
    """The process that an entry is about; `host` is the machine's name, for people."""

    mesh: str
    tenant_id: str
    tenant_name: str
    instance: str
    address: str
    version: str
    host: str


@dataclass(frozen=True, slots=True)
class EntryTiming:
    """Durations in seconds.

    A dead process is out of the routing table within `check_interval_s`, a hung one within that and
    `check_timeout_s`. A host sees its botnodes die and hang by itself and says so at once, so
    theirs are asked more seldom: see `HOSTED`.
    """

    check_interval_s: float = 1.0
    check_timeout_s: float = 1.0
    beat_s: float = 240.0
    beat_limit_s: float = 600.0
    # Until the servers know a check that the agent was told of.
    sync_limit_s: float = 3.0
    sync_poll_s: float = 0.02
    # The spread of all botnodes' repairs after Consul was away, and of one's when it was not.
    outage_jitter_s: float = 5.0
    # An agent that comes back with its data forgets a little later that its checks were passing.
    outage_echo_s: float = 30.0
    repair_jitter_s: float = 0.5
    lock_delay_poll_s: float = 0.1
    settle_limit_s: float = 2.0
    remove_limit_s: float = 3.0


# For a host that dies or hangs together with its botnodes, on a machine whose agent lives on.
HOSTED = EntryTiming(check_interval_s=30.0)

FORGET_DEAD_AFTER = "1h"


@dataclass(frozen=True, slots=True)
class Service:
    """What an agent is told of a service. Checks that are not named stay as they are."""

    name: str
    service_id: str
    host: str
    port: int
    tags: Sequence[str]
    meta: Mapping[str, str]
    checks: Sequence[Mapping[str, str]]


def service_of(
    node: Botnode,
    status: SessionStatus,
    epoch: int,
    timing: EntryTiming,
    *,
    with_lease_check: bool,
) -> Service:
    """A botnode's service; told again without its lease check, that one runs on as it is."""
    names = EntryNames(node.mesh, node.tenant_id, node.instance)
    host, port = split_address(node.address) or (node.address, 0)
    checks = [_whatsapp_check(names, status, timing)]
    if with_lease_check:
        checks.append(_lease_check(names, node.address, timing))
    told = {
        "mesh": node.mesh,
        "tenant_id": node.tenant_id,
        "tenant_name": node.tenant_name,
        "instance": node.instance,
        "epoch": str(epoch or ""),
        "version": node.version,
        "host": node.host,
        "state": status.state,
        "number": status.number or "",
        "since": status.since_text,
        "error": status.error,
    }
    tags = (node.tenant_id, *status.tags)
    return Service(SERVICE, names.service_id, host, port, tags, meta(told), checks)


def _lease_check(names: EntryNames, address: str, timing: EntryTiming) -> dict[str, str]:
    return {
        "CheckID": names.lease_check,
        "Name": f"{names.tenant_id}: process",
        "Notes": "Critical: dead or hung; its lease is free.",
        "GRPC": f"{address}/{ALIVE_SERVICE}",
        "Interval": f"{timing.check_interval_s}s",
        "Timeout": f"{timing.check_timeout_s}s",
        # A session cannot be bound to a check that has not passed yet.
        "Status": "passing",
        "DeregisterCriticalServiceAfter": FORGET_DEAD_AFTER,
    }


def _whatsapp_check(
    names: EntryNames, status: SessionStatus, timing: EntryTiming
) -> dict[str, str]:
    return {
        "CheckID": names.whatsapp_check,
        "Name": f"{names.tenant_id}: WhatsApp",
        "Notes": "Warning: the process answers, but the tenant is off WhatsApp.",
        "TTL": f"{timing.beat_limit_s}s",
        "Status": "passing" if status.is_well else "warning",
    }
