"""Starts the host: what takes longest to get ready first, then all that follows the registry."""

import asyncio
import importlib
import os
import resource
import sys
from collections.abc import Sequence

from botmesh.rpc.datadir import DataDir
from botmesh.rpc.lifecycle import StopSignal, watch_liveness
from botnode.host.environment import common_environment
from botnode.host.exec_spawner import ExecSpawner
from botnode.host.fork_spawner import ForkSpawner
from botnode.host.lock import HostLock
from botnode.host.orphans import Orphans
from botnode.host.settings import HostSettings
from botnode.host.spawner import Spawner
from botnode.host.timing import Timing

BOTNODE = (sys.executable, "-m", "botnode")
FORKSERVER = (sys.executable, "-m", "botnode.forkserver")
# No tenant's id begins so: botnodes have their logs beside it.
FORKSERVER_LOG = "_forkserver.log"


async def run(
    settings: HostSettings,
    stop: StopSignal,
    *,
    command: Sequence[str] = BOTNODE,
    forkserver: Sequence[str] = FORKSERVER,
    timing: Timing | None = None,
) -> None:
    """Run a host until it is told to stop.

    Args:
        settings: from the environment.
        stop: ends it in an orderly way.
        command: how a botnode is started as a program.
        forkserver: how the process is started that others are forked from.
        timing: other durations than the usual ones.

    Raises:
        ConfigError: the data directory or the registry is not this mesh's, or unusable.
        StartError: another host runs in the data directory, or the registry does not answer.
    """
    if settings.liveness_fd is not None:
        watch_liveness(settings.liveness_fd, stop)
    timing = timing or Timing()
    _allow_open_files()
    data_dir = DataDir.open(settings.data_dir, settings.mesh)
    data_dir.tenants.mkdir(mode=0o700, exist_ok=True)
    lock = HostLock(data_dir.path)
    spawner = _spawner(settings.spawn, data_dir, command, forkserver, timing)
    try:
        spawner.start()
        # A forkserver takes a second to get ready: meanwhile the rest is loaded, half as long.
        work = await asyncio.to_thread(importlib.import_module, "botnode.host.work")
        await work.run(settings, stop, data_dir, spawner, timing)
    finally:
        spawner.close()
        lock.release()


def _spawner(
    how: str, data_dir: DataDir, command: Sequence[str], forkserver: Sequence[str], timing: Timing
) -> Spawner:
    environment = common_environment(data_dir, os.environ)
    if how == "exec":
        return ExecSpawner(command, environment)
    orphans = Orphans()
    return ForkSpawner(
        forkserver,
        environment,
        ExecSpawner(command, environment, born=orphans.adopt, reaped=orphans.forget),
        orphans,
        data_dir.logs / FORKSERVER_LOG,
        ready_limit_s=timing.forkserver_limit_s,
        fork_limit_s=timing.fork_limit_s,
    )


def _allow_open_files() -> None:
    """Each botnode costs the host a handful of descriptors; the usual 1024 end at 200 tenants."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
