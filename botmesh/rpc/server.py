"""A gRPC server of the mesh: its options, its port, its health and reflection."""

from collections.abc import Iterable, Sequence

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from botmesh.rpc.interceptors import InterceptedHandlers, Interceptor
from botmesh.rpc.lifecycle import StartError

MAX_MESSAGE_BYTES = 4 * 1024 * 1024

# How much of a stream may be on its way. Core's own guess grows to megabytes on a fast line, in
# each process that media passes through.
FLOW: Sequence[tuple[str, int]] = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 262_144),
)

# What the streams of a caller hold that hangs, or vanished without a word, is given back: core asks
# for a sign of life after so long without any, and waits so long for it.
KEEPALIVE_S = 30.0
KEEPALIVE_TIMEOUT_S = 20.0

OPTIONS: Sequence[tuple[str, int]] = (
    # With SO_REUSEPORT two servers would share one port in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Idle streams stay alive: a client may ping every 10 s, with or without calls.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    *FLOW,
)


class PortTakenError(StartError):
    """A port that was asked for is in use."""


def create_server(
    interceptors: Sequence[Interceptor],
    *,
    keepalive_s: float = KEEPALIVE_S,
    keepalive_timeout_s: float = KEEPALIVE_TIMEOUT_S,
) -> grpc.aio.Server:
    """A server with the mesh's options; the first interceptor is the outermost."""
    keepalive = _keepalive(keepalive_s, keepalive_timeout_s)
    server = grpc.aio.server(options=[*OPTIONS, *keepalive])
    enter = server.add_generic_rpc_handlers

    def enter_intercepted(handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        enter(tuple(InterceptedHandlers(handler, interceptors) for handler in handlers))

    setattr(server, "add_generic_rpc_handlers", enter_intercepted)  # noqa: B010 - mypy: a method
    # Generated code enters each method twice. For each one that is "registered" grpc.aio keeps a
    # waiting call, and takes all of them up anew with every call that comes; the generic handlers,
    # entered beside them, serve the same methods from one.
    setattr(server, "add_registered_method_handlers", _leave_out)  # noqa: B010 - mypy: a method
    return server


def _leave_out(service: str, handlers: object) -> None:
    """What is called in place of `grpc.aio.Server.add_registered_method_handlers`."""


def _keepalive(keepalive_s: float, timeout_s: float) -> Sequence[tuple[str, int]]:
    timeout_ms = int(timeout_s * 1000)
    return (
        ("grpc.keepalive_time_ms", int(keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", timeout_ms),
        # Without this one core waits a minute for the answer, whatever the line above says.
        ("grpc.http2.ping_timeout_ms", timeout_ms),
    )


def bind(server: grpc.aio.Server, host: str, port: int) -> int:
    """Listen on a port, 0 for a free one; return the port.

    Raises:
        PortTakenError: the port is in use, or the address is not this machine's.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise PortTakenError(f"cannot listen on {address}: the port is taken") from error
    if not bound:
        raise PortTakenError(f"cannot listen on {address}: the port is taken")
    return int(bound)


class Health:
    """The health service of one server, for the server as a whole and for each of its services."""

    def __init__(self, services: Iterable[str]) -> None:
        self.servicer = health.aio.HealthServicer()
        self._names = ("", *services)

    async def set(self, *, serving: bool) -> None:
        """Tell watchers whether the server answers calls."""
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if serving
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in self._names:
            await self.servicer.set(name, status)


async def add_health_and_reflection(server: grpc.aio.Server, services: Sequence[str]) -> Health:
    """Serve health and reflection for these services; health starts as NOT_SERVING."""
    checks = Health(services)
    health_pb2_grpc.add_HealthServicer_to_server(checks.servicer, server)
    reflection.enable_server_reflection(
        (*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    await checks.set(serving=False)
    return checks
