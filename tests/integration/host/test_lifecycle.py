"""What an operator asks for takes effect."""

import asyncio
import json
import os
import socket
import stat
import time
from dataclasses import asdict

from sqlalchemy import text

from botnode.host.runfile import mark_of
from registry.discovery.embedded import routes_of
from registry.discovery.port import Route
from registry.tenant import ObservedState
from tests.integration.host.harness import Mesh, eventually, is_alive, is_connected


def _free_port() -> int:
    """A port that no other mesh on the machine has, as the first ones of every mesh may be."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_a_tenant_runs_and_its_row_says_so(shared: Mesh) -> None:
    await shared.tenants.create("mundo-apple", "Mundo Apple", bot_port=_free_port())
    [tenant] = await shared.until_running("mundo-apple")
    seen = shared.seen("mundo-apple")
    assert tenant.address == f"127.0.0.1:{tenant.bot_port}"
    assert (tenant.pid, tenant.account) == (seen["pid"], "+5215512345678")
    assert (tenant.epoch, len(tenant.instance or "")) == (1, 8)
    assert tenant.home == shared.data_dir.host_id
    assert tenant.observed_generation == tenant.desired_generation == 1
    assert tenant.restarts == 0
    assert tenant.last_exit is None
    # What a new host will find it by.
    written = json.loads((shared.data_dir.run / "mundo-apple.json").read_text())
    assert written == asdict(mark_of(tenant.pid, tenant.instance))


async def test_a_botnode_gets_a_closed_environment_and_no_files(shared: Mesh) -> None:
    created = await shared.tenants.create("closed", "A name, with = and ü")
    await shared.until_running("closed")
    seen = shared.seen("closed")
    environment = seen["env"]
    assert environment["TENANT_ID"] == "closed"
    assert environment["TENANT_NAME"] == "A name, with = and ü"
    assert environment["BOT_API_PORT"] == str(created.bot_port)
    assert environment["BOTMESH_MESH"] == "test"
    assert "BOTMESH_EXPECT_ACCOUNT" not in environment
    assert environment["HTTPS_PROXY"] == "http://127.0.0.1:1"
    # The operator's own, and a stand-in's key in a mesh that is no sandbox.
    assert not {"SECRET_OF_THE_OPERATOR", "BOTMESH_SANDBOX_ROOT_KEY"} & environment.keys()
    # A session of its own: the terminal's Ctrl+C does not reach it.
    assert seen["sid"] == seen["pid"] != os.getsid(shared.host.pid)
    own = {int(environment["BOTMESH_LIVENESS_FD"]), int(environment["BOTMESH_STATUS_FD"])}
    log = shared.data_dir.logs / "closed.log"
    pipes = {int(fd) for fd, what in seen["fds"].items() if what.startswith("pipe:")}
    assert pipes == own
    assert (seen["fds"]["1"], seen["fds"]["2"]) == (str(log), str(log))
    assert not [what for what in seen["fds"].values() if "registry.db" in what or "host" in what]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    await eventually(lambda: "closed runs" in log.read_text())


async def test_verbs_take_effect_within_two_seconds(shared: Mesh) -> None:
    await shared.tenants.create("a")
    [first] = await shared.until_running("a", limit_s=4)

    await shared.tenants.stop("a")
    stopped = await shared.until("a", lambda t: t.observed_state is ObservedState.STOPPED, 2)
    assert stopped.address is stopped.pid is stopped.instance is stopped.session_state is None
    assert stopped.observed_generation == stopped.desired_generation
    assert not is_alive(first.pid or 0)
    await eventually(lambda: not (shared.data_dir.run / "a.json").exists())

    await shared.tenants.start("a")
    second = await shared.until("a", is_connected, 3)
    assert (second.epoch, second.observed_generation) == (2, 3)
    assert shared.seen("a")["env"]["BOTMESH_EXPECT_ACCOUNT"] == "+5215512345678"

    # A new port is for the next start; nothing happens to the process that runs.
    await shared.tenants.update("a", name="New", bot_port=3999)
    await shared.tenants.create("later")
    await shared.until_running("later")  # the host has seen the one before, too
    still = await shared.get("a")
    assert (still.pid, still.address) == (second.pid, second.address)

    await shared.tenants.restart("a")
    third = await shared.until("a", lambda t: is_connected(t) and t.observed_generation == 4, 3)
    assert third.pid != second.pid
    assert third.address == "127.0.0.1:3999"
    assert third.restarts == 0  # none of this was a failure


async def test_a_tenant_created_stopped_is_said_to_be_stopped(shared: Mesh) -> None:
    await shared.tenants.create("idle", running=False)
    tenant = await shared.until("idle", lambda t: t.observed_state is ObservedState.STOPPED)
    assert tenant.observed_generation == 1
    assert tenant.home is None
    assert shared.pids("idle") == []


async def test_a_taken_port_is_replaced_and_the_address_tells(shared: Mesh) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        await shared.tenants.create("displaced", bot_port=taken)
        [tenant] = await shared.until_running("displaced")
    assert tenant.bot_port == taken
    assert tenant.address not in (None, f"127.0.0.1:{taken}")


async def test_sigterm_stops_all_one_that_ignores_it_too(mesh: Mesh) -> None:
    names = ["a", "b", "c"]
    mesh.behave("b", ignore_term=True)
    for name in names:
        await mesh.tenants.create(name)
    # What is measured is that they stop side by side, not how long a deaf one is given.
    mesh.start_host(close_limit_s=1.0)
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
        assert tenant.address is tenant.pid is tenant.instance is None
        # Something else may run it from here on.
        assert routes_of(tenant) == (Route(name, f"127.0.0.1:{tenant.bot_port}", "", 0),)


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
    assert mesh.living() == mesh.living("here")
    # One that moves away is stopped, and the row is the other host's from then on.
    with mesh.database.writing() as session:
        session.execute(text("UPDATE registry SET updated_seq = updated_seq + 1"))
        moved = "UPDATE tenants SET home = 'x', updated_seq = (SELECT updated_seq FROM registry)"
        session.execute(text(moved))
    await eventually(lambda: not mesh.living())
    assert (await mesh.get("here")).observed_state is ObservedState.RUNNING


async def test_starts_are_bounded(mesh: Mesh) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        mesh.behave(name, slow_s=0.3)
        await mesh.tenants.create(name)
    mesh.start_host(parallel_starts=1)
    await mesh.until_running(*names)
    events = [e for e in mesh.host_log() if e["event"] in ("botnode_started", "botnode_ready")]
    assert [e["event"] for e in events] == ["botnode_started", "botnode_ready"] * 4
