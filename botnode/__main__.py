"""``python -m botnode``: one tenant, told by its environment."""

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

    from botnode import program  # noqa: PLC0415 - after rich was hidden

    program.run()


if __name__ == "__main__":
    _enter_go_environment()
    main()
