"""One tenant's process, once its environment is set: settings, log, run.

`python -m botnode` runs it, and so does a botnode that was forked.
"""

import contextlib
import os
import sys
from typing import NoReturn

from botmesh import __version__
from botmesh.rpc import lifecycle, logging
from botnode.app import Botnode
from botnode.output import CapturedOutput
from botnode.settings import BotnodeSettings


def run() -> NoReturn:
    """Run the botnode that the environment tells of, and end the process with its status."""
    settings = BotnodeSettings.load()
    logging.configure(
        settings.log_level, settings.log_format, process="botnode", tenant_id=settings.tenant_id
    )
    output = CapturedOutput()

    async def serve(stop: lifecycle.StopSignal) -> None:
        output.start()
        await Botnode(settings, stop, __version__).run()

    status = lifecycle.run(serve)
    with contextlib.suppress(OSError):  # a full disk
        sys.stderr.flush()
    # The library's threads may never end, and its exit handlers must not run.
    os._exit(status)
