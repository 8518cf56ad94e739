"""Botnodes that die, hang or cannot run."""

import os
import signal
import time
from collections.abc import Callable

from registry.tenant import ObservedState, Tenant
from tests.integration.host.harness import Mesh, is_alive, is_connected


def replaced(before: Tenant) -> Callable[[Tenant], bool]:
    return lambda now: is_connected(now) and now.pid != before.pid


async def test_a_killed_botnode_is_back_within_three_seconds(shared: Mesh) -> None:
    await shared.tenants.create("killed")
    await shared.tenants.create("other")
    before, other = await shared.until_running("killed", "other")
    os.kill(before.pid or 0, signal.SIGKILL)
    started = time.monotonic()
    await shared.until("killed", lambda t: t.restarts == 1, 1)
    assert time.monotonic() - started < 0.5  # it is known at once, not at the next look
    after = await shared.until("killed", replaced(before), 3)
    assert (after.restarts, after.last_exit) == (1, "signal 9 (SIGKILL)")
    assert after.epoch == before.epoch + 1
    assert after.instance != before.instance
    assert await shared.get("other") == other


async def test_a_hung_botnode_is_killed_and_replaced(shared: Mesh) -> None:
    await shared.tenants.create("hung")
    [before] = await shared.until_running("hung")
    os.kill(before.pid or 0, signal.SIGSTOP)
    after = await shared.until("hung", replaced(before))
    assert after.last_exit == "signal 9 (SIGKILL): it did not answer its health check"
    assert not is_alive(before.pid or 0)


async def test_a_botnode_that_never_gets_ready_is_killed(mesh: Mesh) -> None:
    mesh.behave("a", slow_s=60, once=True)
    await mesh.tenants.create("a")
    mesh.start_host(ready_limit_s=1.5)
    tenant = await mesh.until("a", lambda t: t.restarts == 1)
    assert tenant.last_exit == "signal 9 (SIGKILL): it did not get ready in time"


async def test_exit_75_is_started_again_at_once_and_not_counted(shared: Mesh) -> None:
    shared.behave("renewed", exit_when_ready=75, once=True)
    await shared.tenants.create("renewed")
    tenant = await shared.until("renewed", lambda t: is_connected(t) and t.epoch == 2)
    assert (tenant.restarts, tenant.last_exit) == (0, "exit 75")
    [ended] = shared.logged("botnode_ended", "renewed")
    assert ended["verdict"] == "renew"


async def test_exit_78_stays_down_until_the_generation_changes(shared: Mesh) -> None:
    shared.behave("wrong", exit=78, error="the folder is +5215512345678's")
    await shared.tenants.create("wrong")
    failed = await shared.until("wrong", lambda t: t.observed_state is ObservedState.FAILED)
    assert failed.last_exit == "exit 78: the folder is +5215512345678's"
    assert failed.observed_generation == 1
    assert failed.restarts == 0
    [logged] = shared.logged("botnode_ended", "wrong")
    assert logged["how"] == "exit 78: the folder is +521…678's"
    await shared.tenants.create("right")
    await shared.until_running("right")
    assert len(shared.logged("botnode_started", "wrong")) == 1
    (shared.fake / "wrong.json").unlink()
    await shared.tenants.start("wrong")
    mended = await shared.until("wrong", is_connected, 3)
    assert mended.observed_generation == 2


async def test_exit_1_backs_off_and_a_crash_loop_is_reported(shared: Mesh) -> None:
    shared.behave("looping", exit=1, error="no luck")
    await shared.tenants.create("looping")
    await shared.until("looping", lambda t: t.restarts >= 5)
    tenant = await shared.until("looping", lambda t: t.observed_state is ObservedState.BACKING_OFF)
    assert tenant.last_exit == "exit 1: no luck"
    assert tenant.observed_generation == 0
    loops = [event["failures"] for event in shared.logged("botnode_crash_loop", "looping")]
    assert loops[0] == 5
    (shared.fake / "looping.json").unlink()
    await shared.until("looping", is_connected)


async def test_stop_ends_a_crash_loop(shared: Mesh) -> None:
    shared.behave("stopped", exit=1)
    await shared.tenants.create("stopped")
    await shared.until("stopped", lambda t: t.restarts >= 1)
    await shared.tenants.stop("stopped")
    await shared.until("stopped", lambda t: t.observed_state is ObservedState.STOPPED, 2)


async def test_a_process_that_cannot_be_started_is_a_failure_like_another(shared: Mesh) -> None:
    log = shared.data_dir.logs / "unstartable.log"
    log.mkdir()  # so that it cannot be opened
    await shared.tenants.create("unstartable")
    tenant = await shared.until("unstartable", lambda t: t.restarts >= 2)
    assert "Is a directory" in (tenant.last_exit or "")
    log.rmdir()
    await shared.until("unstartable", is_connected)


async def test_what_a_phone_says_reaches_the_row(shared: Mesh) -> None:
    told = [["PAIRING", None], ["CONNECTED", "+5215500000001"], ["LOGGED_OUT", None]]
    shared.behave("linked", session=told[:2])
    shared.behave("unlinked", session=told)
    for tenant_id in ("linked", "unlinked"):
        await shared.tenants.create(tenant_id)
    assert (await shared.until("linked", is_connected)).account == "+5215500000001"
    out = await shared.until("unlinked", lambda t: t.session_state == "LOGGED_OUT")
    assert out.account is None
    assert out.observed_state is ObservedState.RUNNING


async def test_helpers_of_a_dead_botnode_die_with_it(shared: Mesh) -> None:
    shared.behave("helped", helper=True)
    await shared.tenants.create("helped")
    [before] = await shared.until_running("helped")
    helper = int((shared.fake / "helped.helper").read_text())
    assert is_alive(helper)
    os.kill(before.pid or 0, signal.SIGKILL)
    await shared.until("helped", lambda t: t.restarts == 1)
    assert not is_alive(helper)
