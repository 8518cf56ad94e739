"""`python -m gateway`: the gateway's process."""

import sys

import uvloop

from botmesh.rpc import lifecycle, logging
from gateway.app import run
from gateway.settings import GatewaySettings


def main() -> int:
    """Run the gateway; give back the exit status."""
    settings = GatewaySettings.load()
    logging.configure(settings.log_level, settings.log_format, process="gateway")
    return lifecycle.run(lambda stop: run(settings, stop), new_loop=uvloop.new_event_loop)


if __name__ == "__main__":
    sys.exit(main())
