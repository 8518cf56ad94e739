"""Keeps stdout for nobody: what the library and Go print there goes into the log."""

import asyncio
import os

import structlog

from botmesh.rpc.logging import shorten_number
from botnode.whatsapp_media import hide_secrets

log = structlog.get_logger(__name__)

LONGEST_LINE = 500


class CapturedOutput:
    """Puts a pipe in the place of file descriptor 1 and logs what comes out of it."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        os.dup2(writing, 1)
        os.close(writing)
        os.set_blocking(self._reading, False)
        self._rest = b""

    def start(self) -> None:
        """Read it on the running event loop."""
        asyncio.get_running_loop().add_reader(self._reading, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._reading, 65536)
        except BlockingIOError:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text:
                log.info("library_output", text=shorten_number(hide_secrets(text)[:LONGEST_LINE]))
