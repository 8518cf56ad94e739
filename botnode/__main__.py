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
    from botnode import lean_imports  # noqa: PLC0415 - not before the process starts again

    lean_imports.run()
    from botnode import program  # noqa: PLC0415 - after them

    program.run()


if __name__ == "__main__":
    _enter_go_environment()
    main()
