"""Makes of this process one that botnodes can be forked from, and share most of their memory with.

What a forked process writes to becomes its own, a page at a time; reading a Python object counts a
reference to it, and that is a write. So all that is written once, in any botnode, is done here
before: modules are imported, what is called is brought together, code has run often enough for its
bytecode to be specialised, what is left is made immortal, where Python has that, and taken out of
the garbage collector's sight. What the loader writes is copied for all (`botnode.relocations`).
"""

import asyncio
import contextlib
import gc
import os
import sys
import threading
import time
from pathlib import Path

import structlog

from botmesh.rpc import logging
from botmesh.rpc.lifecycle import StartError
from botmesh.rpc.settings import MeshSettings
from botnode import neonize_loader, relocations
from botnode.forkserver import heap, immortal, rehearsal
from botnode.forkserver.neighbours import Calls
from botnode.threads import crew

# What runs at a start, and the rehearsal goes without: a server, the library, the environment.
_AT_START = (
    *("botmesh.rpc.lifecycle", "botnode.forkserver.child", "botnode.forkserver.orders"),
    *("botnode.forkserver.server", "botnode.output", "botnode.program", "botnode.relocations"),
    *("botnode.trust", "grpc.aio._server"),
)
# Bytecode is specialised after some runs, and what is found on the way is kept for good.
LIVES, ROUNDS = 3, 3
# How long the threads of the rehearsal may take to end.
THREADS_LIMIT_S = 5.0
# And one of them, before it is looked for who has it.
JOIN_S = 0.02

log = structlog.get_logger(__name__)


def run() -> None:
    """Import, warm up and freeze.

    Raises:
        StartError: a thread runs, with which this process cannot be forked.
    """
    settings = MeshSettings.load()
    library = neonize_loader.import_lean()
    if settings.discovery != "embedded":
        import registry.discovery.consul  # noqa: F401, PLC0415 - 10 MB
    _configure_log(settings.log_level, settings.log_format)
    try:
        _rehearse()
    except Exception:  # a full disk: it only costs memory
        log.warning("rehearsal_failed", exc_info=True)
    _configure_log(settings.log_level, settings.log_format)
    freeze()
    relocations.copy(library.library_file)


def freeze() -> None:
    """Collect what is garbage, and let nobody look at the rest again.

    Raises:
        StartError: a thread runs, with which this process cannot be forked.
    """
    _end_threads()
    gc.collect()
    immortal.immortalize()
    _number_types()
    heap.fill_holes()
    gc.freeze()
    _wait_for_threads()


def _end_threads() -> None:
    """End those of the rehearsal: each ends once nobody has it, and the last call of one may."""
    until = time.monotonic() + THREADS_LIMIT_S
    crew.dismiss()
    while threading.active_count() > 1 and time.monotonic() < until:
        gc.collect()
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join(JOIN_S)


def _number_types() -> None:
    """Let each class have the version number that it gets when something is first looked up in it.

    Bytecode that was specialised for a class, and the cache of methods, know it by that.
    """
    for thing in gc.get_objects():
        if isinstance(thing, type):
            hasattr(thing, "__no_such_name__")


def _wait_for_threads() -> None:
    """Until this is the only one: the kernel may have one that was joined a moment longer."""
    until = time.monotonic() + THREADS_LIMIT_S
    while len(list(Path("/proc/self/task").iterdir())) > 1:
        if time.monotonic() > until:
            names = ", ".join(thread.name for thread in threading.enumerate())
            raise StartError(f"the forkserver has threads: {names}")
        time.sleep(0.001)


def _rehearse() -> None:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        _configure_log("info", "json", tenant_id=rehearsal.TENANT)
        with rehearsal.folder() as data_dir:
            asyncio.run(rehearsal.rehearse(data_dir, rounds=1))
            _bring_together(data_dir)
            for _ in range(LIVES):
                asyncio.run(rehearsal.rehearse(data_dir, rounds=ROUNDS))


def _bring_together(data_dir: Path) -> None:
    """Let what a start calls, and then a life, lie side by side."""
    calls = Calls()
    _begin_threads_anew()  # what those call that run already is not noted
    with calls.noted():
        asyncio.run(rehearsal.rehearse(data_dir, rounds=1))
    _begin_threads_anew()
    calls.add({str(sys.modules[name].__file__) for name in _AT_START if name in sys.modules})
    gc.collect()
    heap.fill_holes()
    calls.bring_together()


def _begin_threads_anew() -> None:
    crew.dismiss()
    crew.forget()


def _configure_log(level: str, fmt: logging.LogFormat, **bound: str) -> None:
    logging.configure(level, fmt, process="forkserver", **bound)
    # A logger that is kept once it was used would be all botnodes'.
    structlog.configure(cache_logger_on_first_use=False)
