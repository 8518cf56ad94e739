"""``python -m botnode.forkserver SOCKET_FD LIVENESS_FD``: started by a host."""

import sys

from botnode import lean_imports


def main() -> int:
    """Fork botnodes until the host is gone; return the exit status."""
    lean_imports.run()
    from botnode import program  # noqa: PLC0415 - after them
    from botnode.forkserver import warm_up  # noqa: PLC0415 - the same
    from botnode.forkserver.server import Forkserver  # noqa: PLC0415 - the same

    socket_fd, liveness_fd = map(int, sys.argv[1:])
    warm_up.run()
    Forkserver(socket_fd, liveness_fd, program.run).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
