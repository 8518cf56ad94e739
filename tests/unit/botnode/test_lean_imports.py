"""What a botnode does without is not loaded, and is there for who asks for it after all."""

import asyncio
import json
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.certificates import make_certificates


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_botnode_does_not_load_what_it_does_not_use() -> None:
    loaded = _run("""
        import json, sys
        from botnode import lean_imports
        lean_imports.run()
        from botnode import neonize_loader, program
        neonize_loader.import_lean()
        print(json.dumps(list(sys.modules)))
    """)
    unwanted = {
        *("asyncio.sslproto", "bz2", "concurrent.futures.process", "cryptography"),
        *("email", "google.protobuf.descriptor_pb2", "google.protobuf.text_format"),
        *("http.client", "importlib.metadata", "lzma", "multiprocessing", "neonize.utils.ffmpeg"),
        *("PIL", "pydantic", "requests", "sqlalchemy.dialects.sqlite.aiosqlite", "sqlalchemy.orm"),
        *("ssl", "xml", "zipfile"),
    }
    if sys.version_info >= (3, 13):  # before, `inspect` inherits from what is in it
        unwanted.add("ast")
    assert unwanted & set(json.loads(loaded)) == set()


def test_what_was_left_out_works_when_it_is_used() -> None:
    _run("""
        from botnode import lean_imports
        lean_imports.run()
        import asyncio, inspect, shutil, ssl
        assert asyncio.base_events.ssl.SSLContext is ssl.SSLContext
        assert asyncio.selector_events.sslproto.SSLProtocol.__module__ == "asyncio.sslproto"
        assert str(inspect.signature(dict.get)) == "(self, key, default=None, /)"
        assert {"bztar", "xztar"} <= {name for name, _ in shutil.get_archive_formats()}
        from grpc_reflection.v1alpha import _base
        from botmesh.v1 import bot_pb2
        described = _base.descriptor_pb2.FileDescriptorProto()
        bot_pb2.DESCRIPTOR.CopyToProto(described)
        assert described.service[0].name == "BotService"
        import sqlalchemy
        try:
            sqlalchemy.create_engine("nobody://")
        except sqlalchemy.exc.NoSuchModuleError:
            pass
    """)


async def test_tls_works_on_a_loop_that_was_loaded_without_it(tmp_path: Path) -> None:
    """As with an agent of Consul that asks for it."""
    files = make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files["server"], files["server_key"])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    program = f"""
        from botnode import lean_imports
        lean_imports.run()
        import asyncio, ssl, sys

        async def main():
            context = ssl.create_default_context(cafile={str(files["ca"])!r})
            reader, writer = await asyncio.open_connection("127.0.0.1", {port}, ssl=context)
            writer.write(b"hello\\n")
            print((await reader.readline()).decode().strip())
            writer.close()

        asyncio.run(main())
    """
    async with server:
        assert await asyncio.to_thread(_run, program) == "HELLO\n"
