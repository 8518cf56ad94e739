"""The host with the real botnode, the real neonize and the usual durations."""

import itertools
import os
import signal
import time

import pytest

from registry.tenant import ObservedState, Tenant
from tests.e2e.host.hosted import Hosted, is_alive, is_connected
from tests.spawning import SPAWN

pytestmark = pytest.mark.e2e

_numbers = itertools.count(1)


@pytest.fixture
def phones() -> list[str]:
    """Numbers that no other test uses."""
    return [f"+52155333{next(_numbers):05}" for _ in range(2)]


@pytest.fixture
async def paired(hosted: Hosted, phones: list[str]) -> list[Tenant]:
    """The tenants "a" and "b", whose botnodes are connected."""
    for tenant_id in ("a", "b"):
        await hosted.tenants.create(tenant_id)
    hosted.start_host()
    return [hosted.pair(tenant_id, phone) for tenant_id, phone in zip("ab", phones, strict=True)]


def is_new(tenant: Tenant, before: Tenant) -> bool:
    return is_connected(tenant) and tenant.pid != before.pid


async def test_killed_hung_and_orphaned_botnodes_come_back_connected(
    hosted: Hosted, paired: list[Tenant], phones: list[str]
) -> None:
    first, other = paired
    assert (first.account, other.account) == tuple(phones)

    if SPAWN == "fork":
        hosted.kill_forkserver()
        assert [hosted.get("a"), hosted.get("b")] == [first, other]

    os.kill(first.pid or 0, signal.SIGKILL)
    second = hosted.until("a", lambda t: is_new(t, first))
    assert second.epoch == first.epoch + 1

    os.kill(second.pid or 0, signal.SIGSTOP)
    hosted.until_dead(second.pid, 10)  # the next one's start takes what the machine lets it take
    third = hosted.until("a", lambda t: is_new(t, second))
    assert third.last_exit == "signal 9 (SIGKILL): it did not answer its health check"
    assert hosted.get("b") == other  # nobody else noticed

    started = time.monotonic()
    hosted.kill_host()
    hosted.start_host()
    for before in (third, other):
        hosted.until(before.tenant_id, lambda t, old=before: is_new(t, old), 10)
        assert not is_alive(before.pid)
    assert time.monotonic() - started < 10
    # The same devices: nobody had to scan a code.
    assert [len(hosted.devices(phone)) for phone in phones] == [1, 1]

    for tenant_id in "ab":
        # Whatever a forked process has of the one that it was forked from. The line of a call names
        # the tenant that its caller means, who may have come to the wrong port.
        lines = hosted.logged(f"logs/{tenant_id}.log")
        assert {line["tenant_id"] for line in lines if "method" not in line} == {tenant_id}

    started = time.monotonic()
    pids = [tenant.pid for tenant in map(hosted.get, "ab") if tenant is not None]
    assert hosted.stop_host() == 0
    assert time.monotonic() - started < 5
    assert [pid for pid in pids if is_alive(pid)] == []


async def test_delete_with_data_unlinks_the_account(
    hosted: Hosted, paired: list[Tenant], phones: list[str]
) -> None:
    await hosted.tenants.delete("a", delete_data=True)
    await hosted.tenants.delete("b")
    hosted.until_gone("a", "b")
    assert [path.name for path in hosted.data_dir.tenants.iterdir()] == ["b"]
    assert [len(hosted.devices(phone)) for phone in phones] == [0, 1]
    assert not any(is_alive(tenant.pid) for tenant in paired)


async def test_a_lost_folder_is_not_paired_anew_behind_the_operators_back(
    hosted: Hosted, paired: list[Tenant], phones: list[str]
) -> None:
    await hosted.tenants.stop("a")
    hosted.until("a", lambda t: t.observed_state is ObservedState.STOPPED)
    folder = hosted.data_dir.tenant("a")
    folder.rename(folder.with_name("elsewhere"))
    await hosted.tenants.start("a")
    failed = hosted.until("a", lambda t: t.observed_state is ObservedState.FAILED)
    assert "STORE_MISSING" in (failed.last_exit or "")
    assert failed.account == phones[0]

    if folder.exists():
        folder.rename(folder.with_name("refused"))
    folder.with_name("elsewhere").rename(folder)
    await hosted.tenants.start("a")
    hosted.until("a", is_connected)
    assert len(hosted.devices(phones[0])) == 1
