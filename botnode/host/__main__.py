"""`python -m botnode.host`: settings, log, run."""

import sys
from functools import partial


def main() -> int:
    """Run a host; return the exit status."""
    # structlog would load it for tracebacks in colour.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None: as if it were not there

    from botmesh.rpc import lifecycle, logging  # noqa: PLC0415 - after rich was hidden
    from botnode.host import app  # noqa: PLC0415 - the same
    from botnode.host.settings import HostSettings  # noqa: PLC0415 - the same

    settings = HostSettings.load()
    logging.configure(settings.log_level, settings.log_format, process="host")
    return lifecycle.run(partial(app.run, settings))


if __name__ == "__main__":
    sys.exit(main())
