"""`python -m gateway`: the gateway's process."""

import gc
import os
import sys

from gateway.core_environment import CORE_ENVIRONMENT

# What a call makes ends with it, and is garbage in circles hardly ever. Python looks for that at
# 700 to 2,000 new objects: with many calls under way, again and again through all of theirs.
_GC_THRESHOLD = 20_000


def main() -> int:
    """Run the gateway; give back the exit status."""
    for name, value in CORE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)

    import uvloop  # noqa: PLC0415 - after core's environment was set, like the rest

    from botmesh.rpc import lifecycle, logging  # noqa: PLC0415 - as above
    from gateway.app import run  # noqa: PLC0415 - as above
    from gateway.settings import GatewaySettings  # noqa: PLC0415 - as above

    # What is there now stays until the end; no need to look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])
    settings = GatewaySettings.load()
    logging.configure(settings.log_level, settings.log_format, process="gateway")
    return lifecycle.run(lambda stop: run(settings, stop), new_loop=uvloop.new_event_loop)


if __name__ == "__main__":
    sys.exit(main())
