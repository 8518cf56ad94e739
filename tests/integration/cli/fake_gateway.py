"""A gateway for the command whose answers a test writes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from botmesh.v1 import (
    BotServiceServicer,
    MediaServiceServicer,
    TenantServiceServicer,
    add_BotServiceServicer_to_server,
    add_MediaServiceServicer_to_server,
    add_TenantServiceServicer_to_server,
)


@contextmanager
def serving(
    bots: BotServiceServicer,
    tenants: TenantServiceServicer,
    port: int = 0,
    media: MediaServiceServicer | None = None,
) -> Iterator[str]:
    """Serve them; the address."""
    with ThreadPoolExecutor(20) as pool:
        server = grpc.server(pool)
        add_BotServiceServicer_to_server(bots, server)
        add_TenantServiceServicer_to_server(tenants, server)
        add_MediaServiceServicer_to_server(media or MediaServiceServicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()
