"""Imports neonize without what a botnode does not need.

`import neonize` pulls in `magic` (fails on a machine without libmagic), PIL, requests, httpx, bs4
and more: some 30 MB per tenant, for features like stickers. Here these names become stand-ins
during the import; a stand-in loads the real thing when it is first used.
"""

import importlib
import logging
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog

from botmesh.rpc.logging import shorten_number
from botmesh.rpc.proxy_url import hide_passwords
from botnode.whatsapp_media import hide_secrets

log = structlog.get_logger(__name__)

_LEVELS = {"DEBUG": logging.DEBUG, "WARN": logging.WARNING, "ERROR": logging.ERROR}

HEAVY = (
    "PIL",
    "bs4",
    "httpx",
    "linkpreview",
    "magic",
    "phonenumbers",
    "requests",
    "segno",
    "tqdm",
)

# Held while stand-ins are in place of modules: whoever imports one of HEAVY for itself takes it.
importing = threading.Lock()

# Only dresses up a log format that is not used here; neonize does without it.
UNWANTED = ("colorlog",)


class _Later:
    """A name of a module that is loaded on first use."""

    def __init__(self, module: str, path: tuple[str, ...]) -> None:
        self._module = module
        self._path = path

    def _load(self) -> Any:
        found: Any = importlib.import_module(self._module)
        for name in self._path:
            if isinstance(found, ModuleType) and not hasattr(found, name):
                found = importlib.import_module(f"{found.__name__}.{name}")
            else:
                found = getattr(found, name)
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self._module, (*self._path, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._load()(*args, **kwargs)

    def __or__(self, other: Any) -> Any:  # annotations such as Image.Image | None
        return Any

    __ror__ = __or__


class _StandIn(ModuleType):
    """A module whose every name is a `_Later`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self.__name__, (name,))


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


def load() -> Library:
    """Import neonize lean, which starts Go in this process; leave logging as it was."""
    with importing:
        return _load()


def _load() -> Library:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    absent = [name for name in (*HEAVY, *UNWANTED) if name not in sys.modules]
    for name in absent:
        # None makes the import fail as if the package were not there; typeshed knows modules alone.
        stand_in: Any = None if name in UNWANTED else _StandIn(name)
        sys.modules[name] = stand_in
    try:
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
    importlib.import_module("neonize.utils.log")._log_queue.put(None)  # noqa: SLF001 - no other way
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
