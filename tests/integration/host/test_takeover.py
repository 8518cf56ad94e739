"""A host that dies, the one that comes after it, and tenants that go."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from botnode.host.runfile import RunFiles, mark_of
from botnode.lease import FolderLease
from registry.tenant import ObservedState, Tenant
from tests.integration.host.harness import Mesh, eventually, is_alive, is_connected


async def test_botnodes_of_a_killed_host_end_and_a_new_host_brings_them_back(mesh: Mesh) -> None:
    names = ["a", "b", "c"]
    for name in names:
        await mesh.tenants.create(name)
    mesh.start_host()
    before = await mesh.until_running(*names)
    mesh.host.kill()
    mesh.host.wait()
    started = time.monotonic()
    await eventually(lambda: mesh.living() == [], 5)
    mesh.start_host()
    for tenant in before:
        after = await mesh.until(tenant.tenant_id, lambda t, old=tenant: is_new(t, old), 10)
        assert after.epoch == tenant.epoch + 1
    assert time.monotonic() - started < 10
    assert sorted(mesh.living()) == sorted(mesh.seen(name)["pid"] for name in names)


def is_new(tenant: Tenant, before: Tenant) -> bool:
    return is_connected(tenant) and tenant.pid != before.pid


async def test_a_new_host_ends_what_does_not_end_by_itself(mesh: Mesh) -> None:
    await mesh.tenants.create("a")
    mesh.start_host()
    [before] = await mesh.until_running("a")
    os.kill(before.pid or 0, signal.SIGSTOP)  # it cannot see that its host is gone
    mesh.host.kill()
    mesh.host.wait()
    mesh.start_host(leftover_limit_s=0.3)
    after = await mesh.until("a", lambda t: is_new(t, before), 10)
    assert not is_alive(before.pid or 0)
    assert mesh.living() == [after.pid]
    assert mesh.logged("leftover_killed")[0]["pid"] == before.pid


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


async def test_a_process_that_got_an_old_id_is_not_ended(
    mesh: Mesh, bystander: subprocess.Popen[bytes]
) -> None:
    mark = mark_of(bystander.pid)
    files = RunFiles(mesh.data_dir.run)
    files.write("other-start", replace(mark, start_ticks=mark.start_ticks - 1))
    files.write("other-boot", replace(mark, boot_id="another"))
    (mesh.data_dir.run / "damaged.json").write_text('{"pid": ')
    files.write("dead", replace(mark, pid=2**22 + 1))
    mesh.start_host()
    await eventually(lambda: not list(mesh.data_dir.run.iterdir()))
    assert is_alive(bystander.pid)


async def test_delete_keeps_the_folder_unless_asked(shared: Mesh) -> None:
    await shared.tenants.create("kept")
    await shared.until_running("kept")
    await shared.tenants.delete("kept")
    await shared.until_gone("kept", 3)
    assert (shared.data_dir.tenant("kept") / "epoch").exists()
    assert not (shared.fake / "kept.logged_out").exists()
    assert shared.living("kept") == []
    # The same tenant, created again, finds its folder.
    await shared.tenants.create("kept")
    assert (await shared.until("kept", is_connected)).epoch == 2


async def test_delete_with_data_logs_out_and_removes_everything(shared: Mesh) -> None:
    outside = shared.data_dir.path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    await shared.tenants.create("gone")
    await shared.until_running("gone")
    (shared.data_dir.tenant("gone") / "link").symlink_to(outside)
    await shared.tenants.delete("gone", delete_data=True)
    await shared.until_gone("gone", 3)
    assert (shared.fake / "gone.logged_out").read_text() == f"gone {shared.data_dir.secret}"
    assert [path.name for path in shared.data_dir.tenants.iterdir() if "gone" in path.name] == []
    assert [path.name for path in shared.data_dir.logs.iterdir() if "gone" in path.name] == []
    assert (outside / "precious").exists()
    assert shared.living("gone") == []


async def test_a_stopped_tenant_is_deleted_without_starting(shared: Mesh) -> None:
    await shared.tenants.create("idle", running=False)
    folder = shared.data_dir.tenant("idle")
    folder.mkdir(parents=True)
    await shared.tenants.delete("idle", delete_data=True)
    await shared.until_gone("idle", 3)
    assert shared.pids("idle") == []
    assert not folder.exists()


async def test_a_botnode_that_is_faster_than_its_host(mesh: Mesh) -> None:
    """What it says first is not lost with what was known of the process before."""
    await mesh.tenants.create("fast")
    mesh.start_host(slow_host=True)
    [tenant] = await mesh.until_running("fast", limit_s=5)
    assert tenant.address is not None


async def test_an_unfinished_delete_goes_on(mesh: Mesh) -> None:
    mesh.behave("a", ignore_term=True)
    await mesh.tenants.create("a")
    mesh.start_host(stop_limit_s=30.0)
    [tenant] = await mesh.until_running("a")
    await mesh.tenants.delete("a", delete_data=True)
    await eventually((mesh.fake / "a.logged_out").exists)
    mesh.host.kill()  # in the middle: the botnode does not stop
    mesh.host.wait()
    # A removal of another tenant's folder was cut, too.
    remains = mesh.data_dir.tenants / ".removed-b-0000"
    (remains / "auth_info").mkdir(parents=True)
    mesh.start_host(leftover_limit_s=0.3)
    await mesh.until_gone("a")
    await eventually(lambda: not list(mesh.data_dir.tenants.iterdir()))
    assert not is_alive(tenant.pid or 0)


async def test_a_folder_in_use_is_not_removed(shared: Mesh) -> None:
    await shared.tenants.create("held", running=False)
    folder = shared.data_dir.tenant("held")
    folder.mkdir(parents=True)
    lease = FolderLease(folder)
    assert lease.try_acquire()
    await shared.tenants.delete("held", delete_data=True)
    await eventually(lambda: shared.logged("delete_waits", "held"))
    assert folder.is_dir()
    assert (await shared.get("held")).observed_state is ObservedState.DELETING
    lease.release()
    await shared.until_gone("held")
    assert not folder.exists()
