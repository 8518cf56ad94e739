"""Makes of this process one that botnodes can be forked from, and share most of their memory with.

What a forked process writes to becomes its own, a page at a time; reading a Python object counts a
reference to it, and that is a write. So all that is written once, in any botnode, is done here
before: modules are imported, code has run often enough for its bytecode to be specialised, and what
is left is taken out of the garbage collector's sight.
"""

import asyncio
import contextlib
import gc
import os
import threading
import time
from pathlib import Path

import structlog

from botmesh.rpc import logging
from botmesh.rpc.lifecycle import StartError
from botmesh.rpc.variables import MeshVariables
from botnode import neonize_loader
from botnode.forkserver import heap, rehearsal
from botnode.threads import crew

# How long the threads of the rehearsal may take to end.
THREADS_LIMIT_S = 5.0

log = structlog.get_logger(__name__)


def run() -> None:
    """Import, warm up and freeze.

    Raises:
        StartError: a thread runs, with which this process cannot be forked.
    """
    settings = MeshVariables.load()
    neonize_loader.import_lean()
    if settings.discovery != "embedded":
        import registry.discovery.consul  # noqa: F401, PLC0415 - 10 MB
    _configure_log(settings.log_level, settings.log_format)
    try:
        _rehearse()
    except Exception:  # a full disk: it only costs memory
        log.warning("rehearsal_failed", exc_info=True)
    _configure_log(settings.log_level, settings.log_format)
    freeze()


def freeze() -> None:
    """Collect what is garbage, and let nobody look at the rest again.

    Raises:
        StartError: a thread runs, with which this process cannot be forked.
    """
    gc.collect()
    crew.dismiss()
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(THREADS_LIMIT_S)
    gc.collect()
    heap.fill_holes()
    gc.freeze()
    # A thread that was joined is on its way out: the kernel may have it a moment longer.
    until = time.monotonic() + THREADS_LIMIT_S
    while len(list(Path("/proc/self/task").iterdir())) > 1:
        if time.monotonic() > until:
            names = ", ".join(thread.name for thread in threading.enumerate())
            raise StartError(f"the forkserver has threads: {names}")
        time.sleep(0.001)


def _rehearse() -> None:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        _configure_log("info", "json", tenant_id=rehearsal.TENANT)
        asyncio.run(rehearsal.rehearse())


def _configure_log(level: str, fmt: logging.LogFormat, **bound: str) -> None:
    logging.configure(level, fmt, process="forkserver", **bound)
    # A logger that is kept once it was used would be all botnodes'.
    structlog.configure(cache_logger_on_first_use=False)
