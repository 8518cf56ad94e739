"""A host whose botnodes are fakes; argv: durations that differ from the usual ones, as JSON.

With "slow_host" among them, it hears of a start once the botnode has told that it is connected.
"""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from botmesh.rpc import lifecycle, logging
from botnode.host import app
from botnode.host.exec_spawner import ExecSpawner
from botnode.host.fork_spawner import ForkSpawner
from botnode.host.settings import HostSettings
from botnode.host.timing import Timing

HERE = Path(__file__).parent
FAKE_BOTNODE = (sys.executable, str(HERE / "fake_botnode.py"))
FAKE_FORKSERVER = (sys.executable, str(HERE / "fake_forkserver.py"))


def be_slow(spawner: Any) -> None:
    """Let the answer come after what the process says: it is ready, and it is connected."""
    real = spawner.spawn

    async def spawn(self: Any, order: Any, process: Any) -> Any:
        child = await real(self, order, process)
        while len(process.inbox) < 2:  # noqa: ASYNC110 - filled by who does not tell
            await asyncio.sleep(0.005)
        return child

    spawner.spawn = spawn


if __name__ == "__main__":
    settings = HostSettings.load()
    logging.configure(settings.log_level, settings.log_format, process="host")
    told = json.loads(sys.argv[1])
    if told.pop("slow_host", False):
        be_slow(ExecSpawner)
        be_slow(ForkSpawner)
    timing = Timing(**told)
    commands = {"command": FAKE_BOTNODE, "forkserver": FAKE_FORKSERVER}
    sys.exit(lifecycle.run(partial(app.run, settings, **commands, timing=timing)))
