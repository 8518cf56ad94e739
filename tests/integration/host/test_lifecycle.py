"""What an operator asks for takes effect."""

import asyncio
import os
import signal
import socket
import stat
import time

from registry.tenant import ObservedState
from tests.integration.host.harness import Mesh, eventually, is_alive, is_connected


async def test_a_tenant_runs_and_its_row_says_so(mesh: Mesh) -> None:
    await mesh.tenants.create("mundo-apple", "Mundo Apple")
    mesh.start_host()
    [tenant] = await mesh.until_running("mundo-apple")
    seen = mesh.seen("mundo-apple")
    assert tenant.address == f"127.0.0.1:{tenant.bot_port}"
    assert (tenant.pid, tenant.account) == (seen["pid"], "+5215512345678")
    assert (tenant.epoch, len(tenant.instance or "")) == (1, 8)
    assert tenant.home == mesh.data_dir.host_id
    assert tenant.observed_generation == tenant.desired_generation == 1
    assert tenant.restarts == 0
    assert tenant.last_exit is None


async def test_a_botnode_gets_a_closed_environment_and_no_files(mesh: Mesh) -> None:
    await mesh.tenants.create("a", "A name, with = and ü")
    mesh.start_host()
    await mesh.until_running("a")
    seen = mesh.seen("a")
    environment = seen["env"]
    assert environment["TENANT_ID"] == "a"
    assert environment["TENANT_NAME"] == "A name, with = and ü"
    assert environment["BOT_API_PORT"] == "3001"
    assert environment["BOTMESH_MESH"] == "test"
    assert "BOTMESH_EXPECT_ACCOUNT" not in environment
    assert environment["HTTPS_PROXY"] == "http://127.0.0.1:1"
    # The operator's own, and a stand-in's key in a mesh that is no sandbox.
    assert not {"SECRET_OF_THE_OPERATOR", "BOTMESH_SANDBOX_ROOT_KEY"} & environment.keys()
    # A session of its own: the terminal's Ctrl+C does not reach it.
    assert seen["sid"] == seen["pid"]
    own = {int(environment["BOTMESH_LIVENESS_FD"]), int(environment["BOTMESH_STATUS_FD"])}
    log = mesh.data_dir.logs / "a.log"
    pipes = {int(fd) for fd, what in seen["fds"].items() if what.startswith("pipe:")}
    assert pipes == own
    assert (seen["fds"]["1"], seen["fds"]["2"]) == (str(log), str(log))
    assert not [what for what in seen["fds"].values() if "registry.db" in what or "host" in what]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    await eventually(lambda: "a runs" in log.read_text())


async def test_verbs_take_effect_within_two_seconds(mesh: Mesh) -> None:
    mesh.start_host()
    await eventually(lambda: mesh.logged("host_started"))
    await mesh.tenants.create("a")
    [first] = await mesh.until_running("a", limit_s=4)

    await mesh.tenants.stop("a")
    stopped = await mesh.until("a", lambda t: t.observed_state is ObservedState.STOPPED, 2)
    assert stopped.address is stopped.pid is stopped.instance is stopped.session_state is None
    assert stopped.observed_generation == stopped.desired_generation
    assert not is_alive(first.pid or 0)

    await mesh.tenants.start("a")
    second = await mesh.until("a", is_connected, 3)
    assert (second.epoch, second.observed_generation) == (2, 3)
    assert mesh.seen("a")["env"]["BOTMESH_EXPECT_ACCOUNT"] == "+5215512345678"

    await mesh.tenants.update("a", bot_port=3999)
    await mesh.tenants.restart("a")
    third = await mesh.until("a", lambda t: is_connected(t) and t.observed_generation == 4, 3)
    assert third.pid != second.pid
    assert third.address == "127.0.0.1:3999"
    # None of this was a failure.
    assert third.restarts == 0


async def test_a_new_name_or_port_does_not_restart(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    mesh.start_host()
    [before] = await mesh.until_running("a")
    await mesh.tenants.update("a", name="New", bot_port=3998)
    await mesh.tenants.create("b")  # the host has seen the change when it has seen this
    await mesh.until_running("b")
    after = await mesh.get("a")
    assert (after.pid, after.address) == (before.pid, before.address)


async def test_a_tenant_created_stopped_is_said_to_be_stopped(mesh: Mesh) -> None:
    await mesh.tenants.create("a", running=False)
    mesh.start_host()
    tenant = await mesh.until("a", lambda t: t.observed_state is ObservedState.STOPPED)
    assert tenant.observed_generation == 1
    assert tenant.home is None
    assert mesh.pids() == []


async def test_a_taken_port_is_replaced_and_the_address_tells(mesh: Mesh) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        await mesh.tenants.create("a", bot_port=taken)
        mesh.start_host()
        [tenant] = await mesh.until_running("a")
    assert tenant.bot_port == taken
    assert tenant.address not in (None, f"127.0.0.1:{taken}")


async def test_sigterm_stops_all_within_five_seconds(mesh: Mesh) -> None:
    names = ["a", "b", "c"]
    mesh.behave("b", ignore_term=True)
    for name in names:
        await mesh.tenants.create(name)
    mesh.start_host()
    await mesh.until_running(*names)
    started = time.monotonic()
    assert await mesh.stop_host() == 0
    assert time.monotonic() - started < 5
    assert len(mesh.pids()) == 3
    assert mesh.living() == []
    assert mesh.data_dir.run.is_dir()
    assert list(mesh.data_dir.run.iterdir()) == []
    for name in names:
        tenant = await mesh.get(name)
        assert tenant.observed_state is ObservedState.STOPPED
        assert tenant.address is tenant.pid is None


async def test_the_end_of_its_liveness_pipe_stops_the_host(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    read_end, write_end = os.pipe()
    host = mesh.start_host(liveness_fd=read_end)
    os.close(read_end)
    await mesh.until_running("a")
    os.close(write_end)
    assert await asyncio.to_thread(host.wait, 5) == 0
    assert mesh.living() == []


async def test_a_botnode_that_does_not_stop_is_killed(mesh: Mesh) -> None:
    mesh.behave("a", ignore_term=True)
    await mesh.tenants.create("a")
    mesh.start_host(stop_limit_s=0.3)
    await mesh.until_running("a")
    await mesh.tenants.stop("a")
    tenant = await mesh.until("a", lambda t: t.observed_state is ObservedState.STOPPED)
    assert tenant.last_exit == "signal 9 (SIGKILL)"
    assert mesh.living() == []


async def test_a_second_host_of_the_directory_is_refused(mesh: Mesh) -> None:
    first = mesh.start_host()
    await eventually(lambda: mesh.logged("host_started"))
    second = mesh.start_host()
    assert await asyncio.to_thread(second.wait, 5) == 1
    assert str(first.pid) in mesh.logged("start_failed")[0]["error"]


async def test_a_tenant_with_another_home_is_left_alone(mesh: Mesh) -> None:
    await mesh.tenants.create("elsewhere")
    await mesh.tenants.claim(["elsewhere"], "another-host")
    await mesh.tenants.create("here")
    mesh.start_host()
    await mesh.until_running("here")
    assert (await mesh.get("elsewhere")).observed_state is ObservedState.UNOBSERVED
    assert mesh.living() == [mesh.seen("here")["pid"]]


async def test_starts_are_bounded(mesh: Mesh) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        mesh.behave(name, slow_s=0.3)
        await mesh.tenants.create(name)
    mesh.start_host(parallel_starts=1)
    await mesh.until_running(*names)
    events = [e for e in mesh.host_log() if e["event"] in ("botnode_started", "botnode_ready")]
    assert [e["event"] for e in events] == ["botnode_started", "botnode_ready"] * 4


async def test_the_hosts_own_signal_does_not_reach_botnodes(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    host = mesh.start_host()
    [tenant] = await mesh.until_running("a")
    assert os.getpgid(tenant.pid or 0) != os.getpgid(host.pid)
    host.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(host.wait, 5) == 0
    assert mesh.living() == []
