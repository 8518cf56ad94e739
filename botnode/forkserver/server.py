"""Forks botnodes on order.

A botnode is forked twice, by a process in between that ends at once, so it becomes a child of the
host (which is a subreaper, see prctl(2)), not of the forkserver: the host has its exact exit
status, and what becomes of the forkserver does not touch it.
"""

import os
import select
import socket
from typing import NoReturn

from botmesh.rpc.lifecycle import EX_OK
from botnode import prctl
from botnode.forkserver import orders
from botnode.forkserver.child import Program, become
from botnode.forkserver.orders import Answer, Order

# In lists of processes; a botnode's is its tenant.
NAME = "forkserver"


class Forkserver:
    """Forks botnodes for the host at the other end of a socket.

    Args:
        socket_fd: where orders come from.
        liveness_fd: a pipe that the host holds open; all botnodes have it.
        program: what a botnode runs.
    """

    def __init__(self, socket_fd: int, liveness_fd: int, program: Program) -> None:
        self._orders = socket.socket(fileno=socket_fd)
        self._liveness_fd = liveness_fd
        self._program = program
        for fd in (socket_fd, liveness_fd):
            os.set_inheritable(fd, False)

    def serve(self) -> None:
        """Take orders until the host is gone.

        Raises:
            OrderError: what came is no order.
        """
        prctl.set_name(NAME)
        orders.answer(self._orders, Answer(orders.READY))
        poll = select.poll()
        poll.register(self._orders, select.POLLIN)
        poll.register(self._liveness_fd, 0)  # its end shows without being asked for
        while self._liveness_fd not in dict(poll.poll()):
            received = orders.receive(self._orders)
            if received is None:
                return
            order, descriptors = received
            try:
                answer = self._fork(order, descriptors)
            finally:
                for fd in descriptors:
                    os.close(fd)
            orders.answer(self._orders, answer)

    def _fork(self, order: Order, descriptors: list[int]) -> Answer:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as told:
            try:
                middle = os.fork()
            except OSError as error:
                os.close(writing)
                return Answer(order.number, error=str(error))
            if not middle:
                self._fork_again(order, descriptors, (reading, writing))
            os.close(writing)
            words = told.read()
        os.waitpid(middle, 0)  # from here on the botnode is the host's child
        lost = Answer(order.number, error="the process in between died")
        return orders.parse_answer(words) if words else lost

    def _fork_again(self, order: Order, descriptors: list[int], pipe: tuple[int, int]) -> NoReturn:
        """In the process in between."""
        try:
            pid = os.fork()
        except OSError as error:
            answer = Answer(order.number, error=str(error))
        else:
            if not pid:
                for fd in (*pipe, self._orders.detach()):
                    os.close(fd)
                become(order, descriptors, self._liveness_fd, self._program)
            answer = Answer(order.number, pid)
        os.write(pipe[1], orders.pack_answer(answer))
        os._exit(EX_OK)
