"""Botnodes that die, hang or cannot run."""

import os
import signal
import time

from registry.tenant import ObservedState, Tenant
from tests.integration.host.harness import Mesh, is_alive, is_connected


def replaced(before: Tenant):  # noqa: ANN201 - a condition
    return lambda now: is_connected(now) and now.pid != before.pid


async def test_a_killed_botnode_is_back_within_three_seconds(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    await mesh.tenants.create("other")
    mesh.start_host()
    before, other = await mesh.until_running("a", "other")
    os.kill(before.pid or 0, signal.SIGKILL)
    after = await mesh.until("a", replaced(before), 3)
    assert (after.restarts, after.last_exit) == (1, "signal 9 (SIGKILL)")
    assert after.epoch == before.epoch + 1
    assert after.instance != before.instance
    assert await mesh.get("other") == other


async def test_a_hung_botnode_is_killed_and_replaced(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    mesh.start_host()
    [before] = await mesh.until_running("a")
    os.kill(before.pid or 0, signal.SIGSTOP)
    after = await mesh.until("a", replaced(before))
    assert after.last_exit == "signal 9 (SIGKILL): it did not answer its health check"
    assert not is_alive(before.pid or 0)


async def test_a_botnode_that_never_gets_ready_is_killed(mesh: Mesh) -> None:
    mesh.behave("a", slow_s=60, once=True)
    await mesh.tenants.create("a")
    mesh.start_host(ready_limit_s=1.0)
    tenant = await mesh.until("a", is_connected)
    assert tenant.last_exit == "signal 9 (SIGKILL): it did not get ready in time"


async def test_exit_75_is_started_again_at_once_and_not_counted(mesh: Mesh) -> None:
    mesh.behave("a", exit_when_ready=75, once=True)
    await mesh.tenants.create("a")
    mesh.start_host()
    tenant = await mesh.until("a", lambda t: is_connected(t) and t.epoch == 2)
    assert (tenant.restarts, tenant.last_exit) == (0, "exit 75")
    ended, started = mesh.logged("botnode_ended")[0], mesh.logged("botnode_started")[1]
    assert ended["verdict"] == "renew"
    assert started["timestamp"][:19] >= ended["timestamp"][:19]


async def test_exit_78_stays_down_until_the_generation_changes(mesh: Mesh) -> None:
    mesh.behave("a", exit=78, error="the folder is another tenant's")
    await mesh.tenants.create("a")
    mesh.start_host()
    failed = await mesh.until("a", lambda t: t.observed_state is ObservedState.FAILED)
    assert failed.last_exit == "exit 78: the folder is another tenant's"
    assert failed.observed_generation == 1
    assert failed.restarts == 0
    await mesh.tenants.create("b")
    await mesh.until_running("b")
    assert len([e for e in mesh.logged("botnode_started") if e["tenant_id"] == "a"]) == 1
    (mesh.fake / "a.json").unlink()
    await mesh.tenants.start("a")
    mended = await mesh.until("a", is_connected, 3)
    assert mended.observed_generation == 2


async def test_exit_1_backs_off_and_a_crash_loop_is_reported(mesh: Mesh) -> None:
    mesh.behave("a", exit=1, error="no luck")
    await mesh.tenants.create("a")
    mesh.start_host()
    await mesh.until("a", lambda t: t.restarts >= 5)
    tenant = await mesh.until("a", lambda t: t.observed_state is ObservedState.BACKING_OFF)
    assert tenant.last_exit == "exit 1: no luck"
    assert tenant.observed_generation == 0
    loops = [event["failures"] for event in mesh.logged("botnode_crash_loop")]
    assert loops[0] == 5
    (mesh.fake / "a.json").unlink()
    await mesh.until("a", is_connected)


async def test_stop_ends_a_crash_loop(mesh: Mesh) -> None:
    mesh.behave("a", exit=1)
    await mesh.tenants.create("a")
    mesh.start_host(backoff_limit_s=30.0)
    await mesh.until("a", lambda t: t.restarts >= 2)
    await mesh.tenants.stop("a")
    await mesh.until("a", lambda t: t.observed_state is ObservedState.STOPPED, 2)


async def test_a_program_that_is_not_there_is_a_failure_like_another(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    (mesh.data_dir.logs / "a.log").mkdir()  # so that no process can be started
    mesh.start_host()
    tenant = await mesh.until("a", lambda t: t.restarts >= 2)
    assert "Is a directory" in (tenant.last_exit or "")
    (mesh.data_dir.logs / "a.log").rmdir()
    await mesh.until("a", is_connected)


async def test_what_a_phone_says_reaches_the_row(mesh: Mesh) -> None:
    told = [["PAIRING", None], ["CONNECTED", "+5215500000001"], ["LOGGED_OUT", None]]
    mesh.behave("a", session=told[:2])
    mesh.behave("b", session=told)
    for tenant_id in ("a", "b"):
        await mesh.tenants.create(tenant_id)
    mesh.start_host()
    assert (await mesh.until("a", is_connected)).account == "+5215500000001"
    out = await mesh.until("b", lambda t: t.session_state == "LOGGED_OUT")
    assert out.account is None
    assert out.observed_state is ObservedState.RUNNING


async def test_helpers_of_a_dead_botnode_die_with_it(mesh: Mesh) -> None:
    mesh.behave("a", helper=True)
    await mesh.tenants.create("a")
    mesh.start_host()
    [before] = await mesh.until_running("a")
    helper = int((mesh.fake / "a.helper").read_text())
    assert is_alive(helper)
    os.kill(before.pid or 0, signal.SIGKILL)
    await mesh.until("a", replaced(before))
    assert not is_alive(helper)


async def test_failures_are_known_at_once(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    mesh.start_host(start_jitter_s=0.0)
    [before] = await mesh.until_running("a")
    started = time.monotonic()
    os.kill(before.pid or 0, signal.SIGKILL)
    await mesh.until("a", lambda t: t.restarts == 1, 1)
    assert time.monotonic() - started < 0.5
