"""Passes bytes on between two sockets: ``relay.py LISTEN CONNECT``.

Each is ``tcp:HOST:PORT`` or ``unix:PATH``. A Unix socket crosses network namespaces, so a pair of
relays makes the sandbox's loopback port appear on the loopback of another "machine", as WhatsApp
is reachable from any machine whatever becomes of the network between them.
"""

import asyncio
import contextlib
import sys


async def main(listen: str, connect: str) -> None:
    """Serve until killed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await _connect(connect)
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    kind, _, place = listen.partition(":")
    if kind == "unix":
        server = await asyncio.start_unix_server(serve, place)
    else:
        host, _, port = place.rpartition(":")
        server = await asyncio.start_server(serve, host, int(port))
    print("ready", flush=True)
    await server.serve_forever()


async def _connect(place: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, _, address = place.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(address)
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
