"""The whole process, with a WhatsApp and a discovery that tests play."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botmesh.rpc.lifecycle import EX_FAILED, StopSignal
from botnode import app as app_module
from botnode import tenant as tenant_module
from botnode.app import Botnode
from botnode.lease import FolderLease
from botnode.presence import Unannounced
from botnode.settings import BotnodeSettings
from tests.integration.botnode.conftest import eventually
from tests.integration.botnode.fake_whatsapp import FakeWhatsApp


class Presence(Unannounced):
    """A discovery whose lock is free; it notes what becomes of it."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls
        self.on_announce: Callable[[], None] = lambda: None
        self.free = asyncio.Event()
        self.free.set()

    async def acquire(self, address: str) -> None:
        await self.free.wait()

    async def why_waiting(self) -> str:
        return "Consul does not answer"

    async def announce(self, epoch: int) -> None:
        self._calls.append("announce")
        self.on_announce()

    async def withdraw(self) -> None:
        await asyncio.sleep(0.02)  # others get their turn

    async def release(self) -> None:
        self._calls.append("release")


class App:
    """A botnode's `Botnode`, not run yet.

    Attributes:
        calls: what it asked of its surroundings, in order.
        limits: the seconds that it gave itself to end, at last.
    """

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        app = self
        self.calls: list[str] = []
        self.limits: list[float] = []
        self.leases: list[FolderLease] = []
        self.folder = tmp_path / "data" / "tenants" / "shop"

        class WhatsApp(FakeWhatsApp):
            def __init__(self, _database: str, inbox: Any, _loop: Any, **_more: Any) -> None:
                super().__init__(inbox)
                app.whatsapp = self

            def load(self) -> SimpleNamespace:
                app.calls.append("load")
                app.on_load()
                return SimpleNamespace(library_file="")

        class Lease(FolderLease):
            def __init__(self, folder: Path) -> None:
                super().__init__(folder)
                app.leases.append(self)

        self.whatsapp: FakeWhatsApp
        self.on_load: Callable[[], None] = lambda: None
        monkeypatch.setenv("TENANT_ID", "shop")
        monkeypatch.setenv("BOTMESH_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setattr(app_module, "NeonizeWhatsApp", WhatsApp)
        monkeypatch.setattr(app_module, "FolderLease", Lease)
        monkeypatch.setattr(app_module, "arm_watchdog", self.limits.append)
        self.presence = Presence(self.calls)
        monkeypatch.setattr(Botnode, "_make_presence", lambda _: self.presence)
        self.stop = StopSignal()
        self.botnode = Botnode(BotnodeSettings.load(), self.stop, "1.0")
        self.machine = self.botnode._machine


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    app = App(tmp_path, monkeypatch)
    yield app
    for lease in app.leases:
        lease.release()


async def test_the_lease_is_held_until_the_process_is_dead(app: App) -> None:
    running = asyncio.ensure_future(app.botnode.run())
    await eventually(lambda: app.machine.state == "UNPAIRED")
    app.stop.set()
    await running
    assert app.calls == ["announce", "load", "release"]
    assert app.leases[0].is_held()
    assert not FolderLease(app.folder).try_acquire()


async def test_nobody_is_let_in_while_the_library_may_be_online(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_module, "DISCONNECT_S", 0.05)
    running = asyncio.ensure_future(app.botnode.run())
    await eventually(lambda: app.machine.state == "UNPAIRED")
    monkeypatch.setattr(app.whatsapp, "close", asyncio.Event().wait)
    app.stop.set()
    await running
    assert "release" not in app.calls


async def test_a_lease_lost_at_the_start_keeps_the_library_out(app: App) -> None:
    app.presence.on_announce = lambda: app.botnode._lost("another process has it")
    await app.botnode.run()
    assert app.calls == ["announce", "release"]
    assert app.stop.exit_code == EX_FAILED
    assert app.limits == [app_module.LOST_LIMIT_S]


async def test_a_stop_while_the_library_loads_keeps_the_session_asleep(app: App) -> None:
    moves: list[str] = []
    app.machine.observe(lambda session: moves.append(session.state))
    app.on_load = app.stop.set
    await app.botnode.run()
    assert app.calls == ["announce", "load", "release"]
    assert moves == ["STOPPED"]


async def test_waiting_says_what_for(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "LEASE_PATIENCE_S", 0.01)
    app.presence.free.clear()
    running = asyncio.ensure_future(app.botnode.run())
    await eventually(lambda: app.machine.state == "WAITING_FOR_LEASE")
    assert app.machine.current.last_error == "Consul does not answer"
    app.presence.free.set()
    await eventually(lambda: app.machine.state == "UNPAIRED")
    app.stop.set()
    await running


async def test_waiting_for_the_folder_names_a_process(app: App) -> None:
    app.folder.mkdir(parents=True)
    other = FolderLease(app.folder)
    assert other.try_acquire()
    running = asyncio.ensure_future(app.botnode.run())
    await eventually(lambda: app.machine.state == "WAITING_FOR_LEASE")
    assert app.machine.current.last_error == "another process holds this tenant"
    other.release()
    await eventually(lambda: app.machine.state == "UNPAIRED")
    app.stop.set()
    await running
