"""Imports what a botnode stands on, without what that brings along and a botnode never uses."""

import importlib
import sys

from botnode import stand_ins

# By the module that imports them: what is given a stand-in.
_LEFT_OUT = {
    # To read signatures that are written as text.
    "inspect": ("ast",),
    # For TLS, of which loops here have none; media's connections load it when there are some.
    "asyncio": ("ssl", "asyncio.sslproto"),
    # Protobuf written in Python: what is used is written in C.
    "google.protobuf.descriptor_pool": ("google.protobuf.internal.python_message",),
    "google.protobuf.internal.builder": ("google.protobuf.internal.python_message",),
    # Descriptions of the services, for who asks for them.
    "grpc_reflection.v1alpha._base": ("google.protobuf.descriptor_pb2",),
    # Ways to compress archives.
    "shutil": ("bz2", "lzma"),
    # To look for dialects that others have installed.
    "sqlalchemy.util.compat": ("importlib.metadata",),
    "sqlalchemy.dialects.sqlite": (
        "sqlalchemy.dialects.sqlite.aiosqlite",
        "sqlalchemy.dialects.sqlite.pysqlcipher",
    ),
}


def run() -> None:
    """Import them; to be called first of all."""
    # structlog would load it for tracebacks in colour.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None: as if it were not there
    for name, left_out in _LEFT_OUT.items():
        with stand_ins.of(*left_out):
            importlib.import_module(name)
