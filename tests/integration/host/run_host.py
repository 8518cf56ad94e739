"""A host whose botnodes are fakes; argv: durations that differ from the usual ones, as JSON."""

import json
import sys
from functools import partial
from pathlib import Path

from botmesh.rpc import lifecycle, logging
from botnode.host import app
from botnode.host.settings import HostSettings
from botnode.host.timing import Timing

HERE = Path(__file__).parent
FAKE_BOTNODE = (sys.executable, str(HERE / "fake_botnode.py"))
FAKE_FORKSERVER = (sys.executable, str(HERE / "fake_forkserver.py"))

if __name__ == "__main__":
    settings = HostSettings.load()
    logging.configure(settings.log_level, settings.log_format, process="host")
    timing = Timing(**json.loads(sys.argv[1]))
    commands = {"command": FAKE_BOTNODE, "forkserver": FAKE_FORKSERVER}
    sys.exit(lifecycle.run(partial(app.run, settings, **commands, timing=timing)))
