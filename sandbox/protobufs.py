"""WhatsApp's own protobuf messages, as neonize ships them, without neonize's Go library.

Importing anything under ``neonize`` runs ``neonize/__init__.py``, which loads the Go shared
library. Its generated modules import each other as top-level packages (``waE2E``, ``waAdv``, ...)
from the folder ``neonize/proto``, so that folder on ``sys.path`` is all they need.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any


def _folder() -> str:
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the sandbox needs the package neonize for its protobuf modules")
    return str(Path(next(iter(spec.submodule_search_locations))) / "proto")


def _load(package: str, module: str) -> Any:
    folder = _folder()
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(f"{package}.{module}")


adv: Any = _load("waAdv", "WAAdv_pb2")
cert: Any = _load("waCert", "WACert_pb2")
e2e: Any = _load("waE2E", "WAWebProtobufsE2E_pb2")
server_sync: Any = _load("waServerSync", "WAWebProtobufsServerSync_pb2")
sync_action: Any = _load("waSyncAction", "WAWebProtobufSyncAction_pb2")
vname: Any = _load("waVnameCert", "WAWebProtobufsVnameCert_pb2")
web: Any = _load("waWeb", "WAWebProtobufsWeb_pb2")
wa6: Any = _load("waWa6", "WAWebProtobufsWa6_pb2")
