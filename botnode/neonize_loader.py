"""Imports neonize without what a botnode does not need, and without starting Go.

`import neonize` pulls in `magic` (fails on a machine without libmagic), PIL, requests, httpx, bs4
and more: some 30 MB per tenant, for features like stickers. Here these names become stand-ins
during the import; a stand-in loads the real thing when it is first used.

The import itself runs no Go code: what it says of the Go library is noted, and the library is
loaded by `load`. So a process can import neonize, and fork others that then load the library: one
in which Go had started could not be forked.
"""

import ctypes
import functools
import importlib
import logging
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from botmesh.rpc.logging import shorten_number
from botmesh.rpc.proxy_url import hide_passwords
from botnode import message_classes, stand_ins
from botnode.whatsapp_media import hide_secrets

log = structlog.get_logger(__name__)

_LEVELS = {"DEBUG": logging.DEBUG, "WARN": logging.WARNING, "ERROR": logging.ERROR}

HEAVY = (
    "PIL",
    "bs4",
    "concurrent.futures.process",
    "httpx",
    "linkpreview",
    "magic",
    "neonize.ext.interactive_message.base",
    "neonize.utils.ffmpeg",
    "phonenumbers",
    "requests",
    "segno",
    "tqdm",
    "zipfile",
)

# Held while stand-ins are in place of modules: whoever imports one of HEAVY for itself takes it.
importing = threading.Lock()

# Only dresses up a log format that is not used here; neonize does without it.
UNWANTED = ("colorlog",)


@dataclass(frozen=True, slots=True)
class Library:
    """The parts of neonize that the adapter uses.

    Attributes:
        binder: the Go library and the types of its callbacks.
        events: the module with the event types, ``MessageEv`` and so on.
        library_file: the Go library's file.
        log_level: the lowest level that Go logs.
    """

    new_client: Any
    binder: Any
    events: Any
    message: Any
    device_props: Any
    build_jid: Any
    log_entry: Any
    library_file: Path
    log_level: bytes = b"INFO"

    def write_log(self, data: bytes) -> str:
        """Write a line of Go's log into ours; return its text, without a proxy's password."""
        entry = self.log_entry.FromString(data)
        text = hide_passwords(str(entry.Message))
        level = _LEVELS.get(entry.Level.upper(), logging.INFO)
        log.log(level, "whatsmeow", part=entry.Name, text=_shown(text))
        return text


def _shown(text: str) -> str:
    return shorten_number(hide_secrets(text))


class _Prototype:
    """What is said of a function of the library before that is loaded."""

    argtypes: Any = None
    restype: Any = ctypes.c_int
    errcheck: Any = None

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: Any) -> Any:
        if self._name != "GetVersion":
            raise RuntimeError(f"{self._name}: the library is not loaded yet")
        return _version_wanted()  # the real one is asked for it when it is loaded

    def apply(self, function: Any) -> None:
        function.argtypes, function.restype = self.argtypes, self.restype
        if self.errcheck is not None:
            function.errcheck = self.errcheck


class _GoLibrary:
    """In the place of neonize's `ctypes.CDLL`: loads the library when it is told to.

    A function is looked up when it is first used: most of them never are.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._opened: ctypes.CDLL | None = None
        self._prototypes: dict[str, _Prototype] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._opened is None:
            return self._prototypes.setdefault(name, _Prototype(name))
        function = getattr(self._opened, name)
        if (prototype := self._prototypes.get(name)) is not None:
            prototype.apply(function)
        setattr(self, name, function)
        return function

    def open(self) -> None:
        """Load the library, which starts Go in this process. Idempotent.

        Raises:
            OSError: it cannot be loaded.
            RuntimeError: it is of another version than its Python part.
        """
        if self._opened is not None:
            return
        self._opened = ctypes.CDLL(self._name)
        if (found := self.GetVersion()) != (wanted := _version_wanted()):
            raise RuntimeError(f"{self._name} is of version {found!r}, not {wanted!r}")


def _version_wanted() -> bytes:
    download = importlib.import_module("neonize.download")
    return str(download.__GONEONIZE_VERSION__).encode()


def load() -> Library:
    """Import neonize lean and load its library, which starts Go in this process."""
    library = import_lean()
    library.binder.gocode.open()
    return library


def import_lean() -> Library:
    """Import neonize lean; no Go code runs until `load` is called. Leaves logging as it was."""
    with importing:
        return _import_lean()


@functools.cache
def _import_lean() -> Library:
    real = ctypes.CDLL

    def noting(name: Any, *args: Any, **kwargs: Any) -> Any:
        is_its_own = Path(str(name)).parent.name == "neonize"
        return _GoLibrary(str(name)) if is_its_own else real(name, *args, **kwargs)

    ctypes.CDLL = noting  # type: ignore[misc, assignment]  # for the time of the import
    try:
        return _without_heavy()
    finally:
        ctypes.CDLL = real  # type: ignore[misc]  # as it was


def _without_heavy() -> Library:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    absent = [name for name in UNWANTED if name not in sys.modules]
    # None makes the import fail as if the package were not there.
    sys.modules |= dict.fromkeys(absent)  # type: ignore[arg-type]  # typeshed knows modules alone
    try:
        with stand_ins.of(*HEAVY), message_classes.made_later():
            return _import()
    finally:
        for name in absent:
            del sys.modules[name]
        root.handlers[:] = handlers  # neonize calls logging.basicConfig
        root.setLevel(level)


def _import() -> Library:
    client = importlib.import_module("neonize.client")
    binder = importlib.import_module("neonize._binder")
    # Its thread for Go's log is not needed: `Library.write_log` takes the lines directly.
    own_log = importlib.import_module("neonize.utils.log")
    own_log._log_queue.put(None)  # noqa: SLF001 - no other way
    own_log._thread.join()  # noqa: SLF001 - the same
    return Library(
        new_client=client.NewClient,
        binder=binder,
        events=importlib.import_module("neonize.events"),
        message=client.Message,
        device_props=client.DeviceProps,
        build_jid=client.build_jid,
        log_entry=importlib.import_module("neonize.proto.Neonize_pb2").LogEntry,
        library_file=Path(binder.gocode._name),  # noqa: SLF001 - ctypes has no other name for it
    )
