"""Botnodes that are forked: what becomes of them, and of the process that they were forked from."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from botnode.forkserver import orders
from registry.tenant import ObservedState
from tests.integration.host.harness import ROOT, Mesh, eventually, is_alive, is_connected
from tests.integration.host.run_host import FAKE_FORKSERVER


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh whose host forks botnodes; each test uses tenants of its own."""
    mesh = Mesh(tmp_path_factory.mktemp("forking") / "data", "fork")
    mesh.start_host(fork_limit_s=1.5, ping_timeout_s=5)
    yield mesh
    mesh.clean_up()


def forkserver(mesh: Mesh) -> int:
    """The newest one's process id."""
    return int(mesh.logged("forkserver_started")[-1]["pid"])


def of_process(pid: int | None, what: str) -> list[bytes]:
    """What proc(5) tells of a process."""
    return Path(f"/proc/{pid}/{what}").read_bytes().split(b"\0")


async def test_a_forked_botnode_is_its_hosts_and_nobody_elses(forking: Mesh) -> None:
    for tenant_id in ("one", "two"):
        await forking.tenants.create(tenant_id)
    one, two = await forking.until_running("one", "two")
    assert of_process(two.pid, "comm") == [b"two\n"]
    [stat] = of_process(two.pid, "stat")
    assert int(stat.rpartition(b")")[2].split()[1]) == forking.host.pid
    told = of_process(two.pid, "environ")
    assert b"BOTMESH_MESH=test" in told
    # What all botnodes are told, and nothing of any tenant.
    assert not [entry for entry in told if entry.startswith((b"TENANT_", b"BOT_API_PORT"))]
    assert forking.seen("one")["env"]["TENANT_NAME"] == one.name


async def test_a_killed_forkserver_touches_no_botnode(forking: Mesh) -> None:
    await forking.tenants.create("stays")
    [before] = await forking.until_running("stays")
    killed = forkserver(forking)
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: forkserver(forking) != killed)  # at once, not with the next order
    await forking.tenants.create("next")
    await forking.until_running("next")
    assert await forking.get("stays") == before
    [ended] = [line for line in forking.logged("forkserver_ended") if line["pid"] == killed]
    assert ended["why"] == "the forkserver ended (signal 9 (SIGKILL))"


async def test_a_forkserver_that_does_not_answer_is_replaced(forking: Mesh) -> None:
    await forking.tenants.create("bystander")
    [before] = await forking.until_running("bystander")
    os.kill(forkserver(forking), signal.SIGSTOP)
    await forking.tenants.create("late")
    failed = await forking.until("late", lambda t: t.restarts == 1)
    assert failed.last_exit == "exit 1: the forkserver did not answer in 1.5 s"
    await forking.until("late", is_connected)
    assert await forking.get("bystander") == before


async def test_an_environment_that_go_reads_is_a_program_of_its_own(forking: Mesh) -> None:
    """Go sees what the process was started with: here no proxy, where the host has one."""
    await forking.tenants.create("elsewhere", proxy_url="socks5://ana:s3cr3t@192.0.2.1:1080")
    [tenant] = await forking.until_running("elsewhere")
    assert any(word.endswith(b"fake_botnode.py") for word in of_process(tenant.pid, "cmdline"))
    assert b"HTTPS_PROXY=" in of_process(tenant.pid, "environ")
    await forking.tenants.create("usual")
    [usual] = await forking.until_running("usual")
    assert b"HTTPS_PROXY=http://127.0.0.1:1" in of_process(usual.pid, "environ")


async def test_what_a_dead_botnode_leaves_is_reaped(forking: Mesh) -> None:
    forking.behave("helped", helper=True)
    await forking.tenants.create("helped")
    [before] = await forking.until_running("helped")
    helper = int((forking.fake / "helped.helper").read_text())
    assert is_alive(helper)
    os.kill(before.pid or 0, signal.SIGKILL)
    await eventually(lambda: not Path(f"/proc/{helper}").exists())
    await forking.until("helped", is_connected)


async def test_kills_at_any_time_of_a_start(forking: Mesh) -> None:
    luck = random.Random(6)
    names = [f"killed-{i}" for i in range(4)]
    for name in names:
        forking.behave(name, slow_s=0.05)
        await forking.tenants.create(name)

    async def kill(name: str) -> None:
        for kills in range(5):
            tenant = await forking.until(name, lambda t, n=kills: t.pid and t.restarts == n)
            await asyncio.sleep(luck.uniform(0, 0.2))
            os.kill(tenant.pid or 0, signal.SIGKILL)

    await asyncio.gather(*map(kill, names))
    for name in names:
        tenant = await forking.until(name, lambda t: is_connected(t) and t.restarts == 5)
        assert tenant.last_exit == "signal 9 (SIGKILL)"


async def test_a_host_that_stops_waits_for_no_forkserver(tmp_path: Path) -> None:
    mesh = Mesh(tmp_path / "data", "fork")
    try:
        mesh.start_host()
        await eventually(lambda: mesh.logged("host_started"))
        os.kill(forkserver(mesh), signal.SIGSTOP)
        await mesh.tenants.create("a")
        await mesh.until("a", lambda t: t.observed_state is ObservedState.STARTING)
        assert await mesh.stop_host(3) == 0
        assert not is_alive(forkserver(mesh))
        tenant = await mesh.get("a")
        assert (tenant.observed_state, tenant.restarts) == (ObservedState.STOPPED, 0)
    finally:
        mesh.clean_up()


async def test_a_forkserver_ends_with_its_host(tmp_path: Path) -> None:
    mesh = Mesh(tmp_path / "data", "fork")
    try:
        await mesh.tenants.create("a")
        mesh.start_host()
        await mesh.until_running("a")
        mesh.host.kill()
        mesh.host.wait()
        await eventually(lambda: not is_alive(forkserver(mesh)), 1)
        await eventually(lambda: not mesh.living(), 5)
    finally:
        mesh.clean_up()


async def test_without_its_hosts_leave_a_botnode_never_runs(tmp_path: Path) -> None:
    ours, theirs = orders.pair()
    alive, liveness = os.pipe()
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT, 0o600)
    command = [*FAKE_FORKSERVER, str(theirs.fileno()), str(alive)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BOTMESH_DATA_DIR": str(tmp_path)}
    process = subprocess.Popen(  # noqa: ASYNC220 - a moment
        command, env=environment, pass_fds=(theirs.fileno(), alive)
    )
    try:
        ours.setblocking(True)
        assert orders.parse_answer(ours.recv(1000)) == orders.Answer(orders.READY)
        leave_read, leave_write = os.pipe()
        order = orders.Order(1, "never", {"TENANT_ID": "never"})
        orders.send(ours, order, [log, log, leave_read])
        answer = orders.parse_answer(ours.recv(1000))
        assert is_alive(answer.pid)
        os.close(leave_read)
        os.close(leave_write)
        await eventually(lambda: not is_alive(answer.pid), 3)
        assert (tmp_path / "log").read_text() == ""
    finally:
        os.close(liveness)
        assert await asyncio.to_thread(process.wait, 5) == 0
        for end in (ours, theirs):
            end.close()
        os.close(alive)
        os.close(log)
