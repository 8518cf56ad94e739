"""A sandbox that is killed, stopped and started again, with a real neonize beside it."""

import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from botmesh.sandbox.v1 import (
    ListDevicesRequest,
    SetPhoneRequest,
    WriteMessageRequest,
)
from sandbox.launch import LaunchError, RunningSandbox

pytestmark = pytest.mark.e2e


async def restart(world: Any) -> None:
    """Start the sandbox again, at the addresses that running clients know."""
    before = world.sandbox.addresses
    world.sandbox = RunningSandbox(Path(before.data_dir))
    after = world.sandbox.addresses
    assert (after.proxy_url, after.control_address) == (before.proxy_url, before.control_address)
    assert (after.root_key, after.ca_file) == (before.root_key, before.ca_file)
    await world.dial()


async def test_a_killed_sandbox_knows_its_devices_and_loses_nothing(own_world: Any) -> None:
    world = own_world
    client, number = await world.paired()
    customer, away = world.number(), world.number()
    await client.send(customer, "before")
    await world.chat(customer, 1)
    await client.kill()
    await world.api.SetPhone(SetPhoneRequest(phone=away, online=False))
    await world.api.WriteMessage(WriteMessageRequest(phone=customer, to=number, text="queued"))
    await world.api.WriteMessage(WriteMessageRequest(phone=customer, to=away, text="waiting"))
    world.sandbox.kill()
    await restart(world)
    again = await world.client(client.database)
    assert (await again.event("Message"))["text"] == "queued"
    await again.send(customer, "after")
    chat = await world.chat(customer, 4)
    assert [item.text for item in chat] == ["before", "queued", "waiting", "after"]
    await world.api.SetPhone(SetPhoneRequest(phone=away, online=True))
    assert [item.text for item in await world.chat(away, 1)] == ["waiting"]


async def test_a_running_client_finds_the_restarted_sandbox(own_world: Any) -> None:
    world = own_world
    client, number = await world.paired()
    world.sandbox.kill()
    await client.event("Disconnected")
    await restart(world)
    await client.event("Connected")
    customer = world.number()
    await client.send(customer, "found")
    assert [item.text for item in await world.chat(customer, 1)] == ["found"]
    (device,) = (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices
    assert device.connected


async def test_a_send_across_a_kill_arrives_once(own_world: Any) -> None:
    world = own_world
    client, _ = await world.paired()
    customer = world.number()
    await client.send(customer, "warm")
    sends = [await client.begin("send", to=customer, text=f"text {n}") for n in range(20)]
    await world.chat(customer, 5)
    world.sandbox.kill()
    await restart(world)
    answers = [await send for send in sends]
    arrived = [item.message_id for item in await world.chat(customer, 15)]
    assert len(arrived) == len(set(arrived))
    assert {item["message_id"] for item in answers if "error" not in item} <= set(arrived)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
async def test_a_sandbox_stops_at_once_with_devices_on_it(
    own_world: Any, how: signal.Signals
) -> None:
    clients = [(await own_world.paired())[0] for _ in range(2)]
    process = own_world.sandbox.process
    started = time.monotonic()
    process.send_signal(how)
    assert process.wait(5) == 0
    assert time.monotonic() - started < 2
    for client in clients:
        await client.event("Disconnected")


def test_a_sandbox_dies_with_the_process_that_holds_its_pipe(tmp_path: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from sandbox.launch import RunningSandbox;"
        "sandbox = RunningSandbox(Path(sys.argv[1]));"
        "print('pid', sandbox.process.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("pid"))
        pid = int(line.split()[1])
        descriptor = os.pidfd_open(pid)
        process.kill()
        try:
            ended, _, _ = select.select([descriptor], [], [], 5)
            assert ended
        finally:
            os.close(descriptor)


def test_what_is_on_disk_is_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with RunningSandbox(folder) as sandbox:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert {"sandbox.db", "sandbox.json", "ca.pem", "server.pem"} <= set(modes)
        assert sandbox.stop() == 0


def test_one_folder_serves_one_sandbox(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("wb") as log,
        RunningSandbox(tmp_path),
        pytest.raises(LaunchError, match="status 1"),
    ):
        RunningSandbox(tmp_path, output=log)
    assert "another sandbox" in (tmp_path / "log").read_text()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, (tmp_path / "log").open("wb") as log:
        port = taken.getsockname()[1]
        for option in ("--proxy-port", "--control-port"):
            with pytest.raises(LaunchError, match="status 1"):
                RunningSandbox(tmp_path, options=(option, str(port)), output=log)
    text = (tmp_path / "log").read_text()
    assert f"the proxy port {port} is taken" in text
    assert f"the control port {port} is taken" in text


@pytest.mark.parametrize("arguments", [[], ["--data-dir", "x", "--proxy-port", "70000"]])
def test_a_wrong_setting_is_named(arguments: list[str], tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        cwd=tmp_path,
    )
    assert result.returncode == 78
    assert "BOTMESH_SANDBOX_" in result.stderr
