"""One real neonize client that sends messages with secrets of their own, driven over JSON lines.

Takes the commands of ``tests/e2e/sandbox/neonize_client.py`` and three more: ``send_secret``, which
says the secret before it calls the library; ``stop_at_log``, after which the line of log that says
that a secret could not be stored is held inside Go's callback; and ``go_on``, which lets it go.
"""

import ctypes
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sandbox"))

import contents
import neonize_client
from neonize import client as neonize_module
from neonize.proto.Neonize_pb2 import LogEntry

UNSTORED = "Failed to store message secret key"
_stopping = threading.Event()
_go_on = threading.Event()


def on_log(data: int, size: int) -> None:
    """Go's own callback: whatsmeow waits until this returns."""
    entry = LogEntry.FromString(ctypes.string_at(data, size))
    if entry.Level not in {"WARN", "ERROR"}:
        return
    unstored = entry.Message.startswith(UNSTORED)
    neonize_client.say("Log", text=entry.Message, unstored=unstored)
    if unstored and _stopping.is_set():
        neonize_client.say("Stopped")
        _go_on.wait()


def send_secret(client: Any, command: dict[str, Any]) -> dict[str, Any]:
    to, kind = command["to"], command["kind"]
    content = contents.build(client, kind, to, command["text"], command["about"])
    context = content.messageContextInfo
    context.messageSecret = context.messageSecret or os.urandom(32)
    neonize_client.say("Begun", request=command["id"], secret=context.messageSecret.hex())
    return {"message_id": client.send_message(contents.jid(to), content).ID}


def stop_at_log(_client: Any, _command: dict[str, Any]) -> dict[str, Any]:
    _stopping.set()
    return {}


def go_on(_client: Any, _command: dict[str, Any]) -> dict[str, Any]:
    _go_on.set()
    return {}


if __name__ == "__main__":
    neonize_module.log_whatsmeow = on_log
    neonize_client.COMMANDS |= {
        "send_secret": send_secret,
        "stop_at_log": stop_at_log,
        "go_on": go_on,
    }
    neonize_client.main()
