"""What a host reports of its tenants, and the rules by which it enters a tenant's row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from registry.discovery.port import UNLINKED_STATES
from registry.models import TenantRow
from registry.tenant import DesiredState, ObservedState


class Observed(TypedDict, total=False):
    """The observed columns of a tenant; those that are not given stay as they are."""

    observed_state: ObservedState
    observed_generation: int
    account: str | None
    session_state: str | None
    address: str | None
    instance: str | None
    epoch: int
    pid: int | None
    restarts: int
    last_exit: str | None


@dataclass(frozen=True, slots=True)
class Observation:
    """Some columns of one tenant.

    With `only_instance` it counts only while the row names that instance: a late word about an
    old process must not change what the row says of its successor.
    """

    tenant_id: str
    changes: Observed
    only_instance: str | None = None


# What is known of one process and not of its successor; the last epoch stays for people.
_OF_ONE_PROCESS = {"address": None, "instance": None, "session_state": None}


def session_columns(state: str, number: str | None) -> Observed:
    """The columns that a session's state and number (E.164, or None) change."""
    if number is not None:
        return Observed(session_state=state, account=number)
    if state in UNLINKED_STATES:
        return Observed(session_state=state, account=None)
    return Observed(session_state=state)


def apply(observation: Observation, row: TenantRow) -> bool:
    """Enter an observation into a row; tell whether that changed the row.

    A new process, or none, begins without the address and session of the one before.
    `observed_generation` never falls. A tenant being deleted stays DELETING. An address of an
    older epoch than the row's live one is of a process that has been replaced, and is ignored.
    """
    if observation.only_instance is not None and observation.only_instance != row.instance:
        return False
    changes: dict[str, object] = dict(observation.changes)
    if _is_replaced(changes, row):
        return False
    if "pid" in changes and changes["pid"] != row.pid:
        changes = {**_OF_ONE_PROCESS, **changes}
    generation = observation.changes.get("observed_generation", 0)
    if generation < row.observed_generation:
        changes.pop("observed_generation", None)
    if row.desired_state == DesiredState.DELETED and "observed_state" in changes:
        changes["observed_state"] = ObservedState.DELETING
    changed = {key: value for key, value in changes.items() if getattr(row, key) != value}
    for key, value in changed.items():
        setattr(row, key, value)
    return bool(changed)


def _is_replaced(changes: Mapping[str, object], row: TenantRow) -> bool:
    if changes.get("address") is None or row.address is None:
        return False
    epoch = changes.get("epoch")
    return changes.get("instance") != row.instance and isinstance(epoch, int) and epoch < row.epoch
