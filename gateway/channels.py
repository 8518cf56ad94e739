"""One gRPC channel per address, kept open while calls use it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from botmesh.rpc.server import FLOW, MAX_MESSAGE_BYTES
from gateway.unary import UnaryMethods

# A botnode that hangs, or a line that was cut, is noticed while calls wait: core asks the other end
# for a sign of life this often, and gives it that long. Servers of the mesh allow one in 10 s.
KEEPALIVE_S = 12.0
KEEPALIVE_TIMEOUT_S = 5.0

# Milliseconds where a key says so.
_OPTIONS: tuple[tuple[str, int], ...] = (
    # The forwarder is the one retry layer; this also keeps core from repeating a call in silence.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # A botnode that comes back on its port is found within one such pause.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 250),
    # How long a connection attempt may take: something else may sit on the port and be silent.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Core's own records of each channel, which nobody asks for: 4 KB for each botnode.
    ("grpc.enable_channelz", 0),
    *FLOW,
)


def _options(keepalive_s: float, timeout_s: float) -> tuple[tuple[str, int], ...]:
    timeout_ms = int(timeout_s * 1000)
    return (
        *_OPTIONS,
        ("grpc.keepalive_time_ms", int(keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", timeout_ms),
        # Without this one core waits a minute for the answer, whatever the line above says.
        ("grpc.http2.ping_timeout_ms", timeout_ms),
    )


Stream = Callable[..., Any]

_UNDECIDED = frozenset({grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING})


class Link:
    """The channel to one address, and how many calls are on it."""

    __slots__ = ("_callables", "address", "calls", "channel", "retired", "unary", "used")

    def __init__(self, address: str, options: Sequence[tuple[str, int]]) -> None:
        self.address = address
        self.channel = grpc.aio.insecure_channel(address, options=options)
        self.unary = UnaryMethods(self.channel)
        self.calls = 0
        self.used = True
        self.retired = False
        self._callables: dict[str, Stream] = {}

    @property
    def is_connected(self) -> bool:
        """Whether a call would leave at once."""
        return self.channel.get_state() is grpc.ChannelConnectivity.READY

    async def connect(self, timeout_s: float) -> bool:
        """Wait until there is a connection, or until a try for one failed; False if neither came.

        A call without a connection waits for one inside itself, and when its time is over nobody
        can say whether the request left.
        """
        state = self.channel.get_state(try_to_connect=True)
        if state not in _UNDECIDED:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                while state in _UNDECIDED:
                    await self.channel.wait_for_state_change(state)
                    state = self.channel.get_state(try_to_connect=True)
        except TimeoutError:
            return False
        return True

    def stream(self, path: str) -> Stream:
        """The callable of a server-streaming method: bytes in, bytes out."""
        found = self._callables.get(path)
        if found is None:
            found = self._callables[path] = self.channel.unary_stream(path)
        return found

    def client_stream(self, path: str) -> Stream:
        """The callable of a client-streaming method: bytes in, bytes out."""
        found = self._callables.get(path)
        if found is None:
            found = self._callables[path] = self.channel.stream_unary(path)
        return found


class Channels:
    """The channels by address, made when first used.

    A caller takes a link, uses it and gives it back; a link whose address was retired is closed
    when the last caller has given it back.
    """

    def __init__(
        self,
        *,
        keepalive_s: float = KEEPALIVE_S,
        keepalive_timeout_s: float = KEEPALIVE_TIMEOUT_S,
    ) -> None:
        self._options = _options(keepalive_s, keepalive_timeout_s)
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._links)

    def take(self, address: str) -> Link:
        """The link to an address; give it back with `give_back`."""
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = Link(address, self._options)
        link.calls += 1
        link.used = True
        return link

    def give_back(self, link: Link) -> None:
        """Say that a call is over."""
        link.calls -= 1
        if link.retired and not link.calls:
            self._close(link)

    def retire(self, address: str) -> None:
        """No route leads to this address any more."""
        link = self._links.pop(address, None)
        if link is None:
            return
        link.retired = True
        if not link.calls:
            self._close(link)

    def sweep(self) -> None:
        """Close the channels that nobody used since the last sweep: an idle tenant costs none."""
        for link in list(self._links.values()):
            if not link.used and not link.calls:
                self.retire(link.address)
            link.used = False

    async def close(self) -> None:
        """Close all channels; calls that are still on them are cancelled."""
        for link in self._links.values():
            self._close(link)
        self._links.clear()
        await asyncio.gather(*self._closing)

    def _close(self, link: Link) -> None:
        link.unary.cancel()
        task = asyncio.get_running_loop().create_task(link.channel.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
