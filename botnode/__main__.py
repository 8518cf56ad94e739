"""``python -m botnode``: one tenant, told by its environment."""

import contextlib
import os
import sys

from botnode.go_environment import GO_ENVIRONMENT


def _enter_go_environment() -> None:
    missing = {name: value for name, value in GO_ENVIRONMENT.items() if name not in os.environ}
    if missing:
        os.execve(sys.executable, sys.orig_argv, os.environ | missing)  # noqa: S606 - our own command line


def main() -> None:
    """Run the botnode and end the process with its status."""
    # structlog would load it for tracebacks in colour.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None: as if it were not there

    from botmesh import __version__  # noqa: PLC0415 - after rich was hidden
    from botmesh.rpc import lifecycle, logging  # noqa: PLC0415 - after rich was hidden
    from botnode.app import Botnode  # noqa: PLC0415 - after rich was hidden
    from botnode.output import CapturedOutput  # noqa: PLC0415 - after rich was hidden
    from botnode.settings import BotnodeSettings  # noqa: PLC0415 - after rich was hidden

    settings = BotnodeSettings.load()
    logging.configure(
        settings.log_level, settings.log_format, process="botnode", tenant_id=settings.tenant_id
    )
    output = CapturedOutput()

    async def run(stop: lifecycle.StopSignal) -> None:
        output.start()
        await Botnode(settings, stop, __version__).run()

    status = lifecycle.run(run)
    with contextlib.suppress(OSError):  # a full disk
        sys.stderr.flush()
    # The library's threads may never end, and its exit handlers must not run.
    os._exit(status)


if __name__ == "__main__":
    _enter_go_environment()
    main()
