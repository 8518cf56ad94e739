"""A forkserver whose botnodes are fakes: the real one, with another program to fork."""

import sys

from botnode.forkserver import warm_up
from botnode.forkserver.server import Forkserver
from tests.integration.host import fake_botnode

if __name__ == "__main__":
    socket_fd, liveness_fd = map(int, sys.argv[1:])
    warm_up.freeze()
    Forkserver(socket_fd, liveness_fd, fake_botnode.run).serve()
