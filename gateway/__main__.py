"""`python -m gateway`: the gateway's process."""

import os
import sys

from gateway.core_environment import CORE_ENVIRONMENT


def main() -> int:
    """Run the gateway; give back the exit status."""
    for name, value in CORE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)

    # structlog would load it for tracebacks in colour.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None: as if it were not there

    import uvloop  # noqa: PLC0415 - after core's environment was set, like the rest

    from botmesh.rpc import lifecycle, logging  # noqa: PLC0415 - as above
    from gateway.app import run  # noqa: PLC0415 - as above
    from gateway.settings import GatewaySettings  # noqa: PLC0415 - as above

    settings = GatewaySettings.load()
    logging.configure(settings.log_level, settings.log_format, process="gateway")
    return lifecycle.run(lambda stop: run(settings, stop), new_loop=uvloop.new_event_loop)


if __name__ == "__main__":
    sys.exit(main())
