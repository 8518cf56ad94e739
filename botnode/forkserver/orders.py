"""What a host and its forkserver say to each other, over a Unix socket that keeps packets whole.

With an order come three descriptors: the botnode's log, the end of its status pipe that it writes,
and the end of a pipe that it reads one byte from before it does anything: the host's leave. Without
that byte it ends, so a botnode whose host does not know of it, whatever went wrong, never runs.
"""

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Much more than an order has: a tenant's settings.
MOST_BYTES = 256 * 1024
DESCRIPTORS = 3
LEAVE = b"1"
# In the place of an order's number: orders are taken from now on.
READY = 0


class OrderError(ValueError):
    """A packet is none that the other side sends."""


@dataclass(frozen=True, slots=True)
class Order:
    """A botnode to fork.

    Attributes:
        number: by which the answer says what it answers.
        name: what the process is called in a list of processes.
        environment: what it is told beyond what all botnodes are.
    """

    number: int
    name: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order.

    Attributes:
        pid: the botnode's; 0 if there is none.
        error: why.
    """

    number: int
    pid: int = 0
    error: str = ""


def pair() -> tuple[socket.socket, socket.socket]:
    """The host's end and the forkserver's."""
    host, forkserver = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host.setblocking(False)
    return host, forkserver


def send(orders: socket.socket, order: Order, descriptors: Sequence[int]) -> None:
    """Send an order.

    Raises:
        OSError: the forkserver is gone, or takes nothing now.
    """
    packet = {"number": order.number, "name": order.name, "environment": dict(order.environment)}
    socket.send_fds(orders, [json.dumps(packet).encode()], list(descriptors))


def receive(orders: socket.socket) -> tuple[Order, list[int]] | None:
    """The next order and its descriptors; None when the host is gone.

    Raises:
        OrderError: it is none.
    """
    data, descriptors, _, _ = socket.recv_fds(orders, MOST_BYTES, DESCRIPTORS)
    if not data:
        return None
    try:
        packet = json.loads(data)
        order = Order(int(packet["number"]), str(packet["name"]), dict(packet["environment"]))
    except (ValueError, KeyError, TypeError) as error:
        raise OrderError(f"no order: {error!r}") from error
    if len(descriptors) != DESCRIPTORS:
        raise OrderError(f"an order with {len(descriptors)} descriptors")
    return order, descriptors


def answer(orders: socket.socket, given: Answer) -> None:
    """Answer an order."""
    orders.send(pack_answer(given))


def pack_answer(given: Answer) -> bytes:
    """An answer as it is sent."""
    return json.dumps({"number": given.number, "pid": given.pid, "error": given.error}).encode()


def parse_answer(data: bytes) -> Answer:
    """An answer's meaning.

    Raises:
        OrderError: it is none.
    """
    try:
        packet = json.loads(data)
        return Answer(int(packet["number"]), int(packet["pid"]), str(packet["error"]))
    except (ValueError, KeyError, TypeError) as error:
        raise OrderError(f"no answer: {error!r}") from error
