"""Runs a mesh until it is told to stop, and shows it meanwhile."""

import asyncio
import importlib

from botmesh import __version__
from botmesh.cli import output
from botmesh.rpc import lifecycle
from botmesh.rpc.datadir import DataDir
from botmesh.rpc.lifecycle import StopSignal
from botmesh.up.discovery import Discovery, choose
from botmesh.up.mesh import Mesh
from botmesh.up.settings import UpSettings
from botmesh.up.view import view_on
from registry.discovery.consul_settings import ConsulSettings

# Parts stop one after the other, each within its own limit; this is over all of them.
STOP_LIMIT_S = 30.0


def run(settings: UpSettings) -> int:
    """Run the mesh; return the exit status."""
    return lifecycle.run(
        lambda stop: _run(settings, stop), stop_limit_s=STOP_LIMIT_S, complain=_complain
    )


def _complain(error: Exception) -> None:
    output.complaints.print(f"botmesh: {error}", markup=False, soft_wrap=True)


async def _run(settings: UpSettings, stop: StopSignal) -> None:
    data = DataDir.open(settings.data_dir, settings.mesh, sandbox=settings.sandbox)
    output.console.print(_headline(settings), markup=False, highlight=False)
    discovery = await choose(settings.discovery, ConsulSettings.load(), settings.mesh)
    view = view_on(output.console)
    mesh = Mesh(settings, data, discovery, view.say)
    try:
        started = asyncio.ensure_future(mesh.start())
        told = asyncio.ensure_future(stop.wait())
        await asyncio.wait({started, told}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            started.cancel()
            await asyncio.wait({started})
        else:
            started.result()
            # The parts of the mesh need the processors more than this one does.
            show = await asyncio.to_thread(importlib.import_module, "botmesh.up.show")
            await show.show_until(told, settings, _introduction(settings, data, discovery), view)
    finally:
        if stop.is_set():
            view.say("Stopping ...")
        await mesh.stop()
        view.close()


def _headline(settings: UpSettings) -> str:
    what = "the sandbox WhatsApp" if settings.sandbox else "WhatsApp"
    return f"botmesh {__version__}, mesh '{settings.mesh}', on {what}"


def _introduction(settings: UpSettings, data: DataDir, discovery: Discovery) -> list[str]:
    return [
        f"Discovery: {discovery.headline}",
        f"Gateway:   {settings.gateway_address}",
        f"Data:      {data.path}",
        "Ctrl+C stops everything.",
    ]
