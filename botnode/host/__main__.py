"""`python -m botnode.host`: settings, log, run."""

import sys
from functools import partial

from botmesh.rpc import lifecycle, logging
from botnode.host import app
from botnode.host.settings import HostSettings


def main() -> int:
    """Run a host; return the exit status."""
    settings = HostSettings.load()
    logging.configure(settings.log_level, settings.log_format, process="host")
    return lifecycle.run(partial(app.run, settings))


if __name__ == "__main__":
    sys.exit(main())
