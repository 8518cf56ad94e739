"""One real neonize client in a process of its own, driven over JSON lines.

Go reads its environment once and one process bears one client, so tests start this script with
the sandbox's environment. Commands come in on stdin, one JSON object a line: ``{"id": 1, "do":
"send", ...}``; events and answers go out on what was stdout, which neonize itself prints to.

Arguments: the session database, and ``untrusting`` to leave the pinned root key alone.
"""

# ruff: noqa: E402 - stdout and the module search path are set up before neonize is imported

import asyncio
import hashlib
import json
import os
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

_OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
# Only stickers and pictures need libmagic, which a bare machine lacks.
sys.modules.setdefault("magic", types.ModuleType("magic"))

import neonize
from neonize import events
from neonize._binder import gocode
from neonize.client import NewClient
from neonize.proto.Neonize_pb2 import ReturnFunctionWithError
from neonize.utils.enum import ReceiptType
from neonize.utils.jid import build_jid

from botmesh.errors import MeshError
from botnode import media_host_download, trust
from botnode.media_ports import MediaKind, MediaReference
from botnode.media_proxy import proxy_of_environment
from botnode.media_transfer import MediaMover

sys.path.insert(0, str(Path(__file__).parent))
import contents
import group_commands

_WATCHED = (
    "ClientOutdatedEv",
    "ConnectedEv",
    "ConnectFailureEv",
    "DisconnectedEv",
    "KeepAliveTimeoutEv",
    "LoggedOutEv",
    "OfflineSyncCompletedEv",
    "OfflineSyncPreviewEv",
    "PairStatusEv",
    "StreamErrorEv",
    "StreamReplacedEv",
    "TemporaryBanEv",
    "UndecryptableMessageEv",
)
_lock = threading.Lock()
_received: dict[str, Any] = {}
_movers: dict[int, MediaMover] = {}


def say(kind: str, **data: Any) -> None:
    with _lock:
        _OUT.write(json.dumps({"event": kind, **data}) + "\n")
        _OUT.flush()


def main() -> None:
    library = next(Path(neonize.__file__).parent.glob("neonize-*.so"))
    if "untrusting" not in sys.argv:
        trust.replace_root_key(bytes.fromhex(os.environ["BOTMESH_SANDBOX_ROOT_KEY"]), library)
    client = NewClient(sys.argv[1])
    watch(client)
    threading.Thread(target=connect, args=(client,), daemon=True).start()
    for line in sys.stdin:
        command = json.loads(line)
        threading.Thread(target=obey, args=(client, command), daemon=True).start()
    os._exit(0)


def watch(client: NewClient) -> None:
    client.qr(lambda _client, code: say("Qr", code=code.decode()))
    for name in _WATCHED:
        client.event(getattr(events, name))(
            lambda _client, event, name=name: say(name.removesuffix("Ev"), text=str(event))
        )
    client.event(events.MessageEv)(
        lambda client, event: say("Message", **message(event), **vote(client, event))
    )
    client.event(events.ReceiptEv)(lambda _client, event: say("Receipt", **receipt(event)))
    for name, read in group_commands.EVENTS.items():
        client.event(getattr(events, f"{name}Ev"))(
            lambda _client, event, name=name, read=read: say(name, **read(event))
        )


def message(event: Any) -> dict[str, Any]:
    source = event.Info.MessageSource
    content = event.Message
    _received[event.Info.ID] = content
    return {
        "id": event.Info.ID,
        "text": content.conversation or content.extendedTextMessage.text,
        "keys": content.HasField("senderKeyDistributionMessage"),
        "chat": source.Chat.User,
        "chat_server": source.Chat.Server,
        "sender": source.Sender.User,
        "sender_device": source.Sender.Device,
        "sender_alt": source.SenderAlt.User,
        "from_me": source.IsFromMe,
        "push_name": event.Info.Pushname,
    }


def vote(client: NewClient, event: Any) -> dict[str, Any]:
    """What is chosen in a vote; asked of Go while Go waits for this callback."""
    if not event.Message.HasField("pollUpdateMessage"):
        return {}
    raw = event.SerializeToString()
    # The client's own decrypt_poll_vote takes Go's pointer for bytes, and fails.
    answer = gocode.DecryptPollVote(client.uuid, raw, len(raw)).contents.get_bytes()
    found = ReturnFunctionWithError.FromString(answer)
    chosen = found.PollVoteMessage.selectedOptions
    return {"chosen": [found.Error] if found.Error else [option.hex() for option in chosen]}


def receipt(event: Any) -> dict[str, Any]:
    source = event.MessageSource
    return {
        "ids": list(event.MessageIDs),
        "type": event.ReceiptType.Name(event.Type),
        "sender": source.Sender.User,
        "sender_device": source.Sender.Device,
        "chat": source.Chat.User,
    }


def connect(client: NewClient) -> None:
    try:
        client.connect()
    except Exception as error:  # noqa: BLE001 - told to the test
        say("ConnectError", text=str(error))


def obey(client: NewClient, command: dict[str, Any]) -> None:
    started = time.monotonic()
    try:
        answer = COMMANDS[command["do"]](client, command)
    except Exception as error:  # noqa: BLE001 - the answer to the test
        answer = {"error": str(error)}
    say("Answer", request=command["id"], seconds=time.monotonic() - started, **answer)


def send(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    content = contents.build(
        client,
        command.get("kind", "text"),
        command["to"],
        command["text"],
        command.get("about", ""),
    )
    return {"message_id": client.send_message(contents.jid(command["to"]), content).ID}


def send_media(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    content = contents.media(client, command["kind"], Path(command["path"]).read_bytes())
    return {"message_id": client.send_message(contents.jid(command["to"]), content).ID}


def download(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    data = client.download_any(_received[command["message_id"]])
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


class Asking:
    """Puts questions to the client, as a botnode does."""

    def __init__(self, client: NewClient) -> None:
        self._client = client

    async def ask(self, question: Any, *, timeout_s: float = 20) -> Any:
        async with asyncio.timeout(timeout_s):
            return await asyncio.to_thread(question, self._client)


def mover(client: NewClient) -> MediaMover:
    if id(client) not in _movers:
        _movers[id(client)] = MediaMover(Asking(client), proxy_of_environment())
    return _movers[id(client)]


def move_up(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    """Bring a file to WhatsApp as a botnode does, and send it."""
    kind = MediaKind(command["kind"])
    uploaded = asyncio.run(mover(client).upload(Path(command["path"]), kind))
    content = contents.placed(command["kind"], uploaded)
    return {"message_id": client.send_message(contents.jid(command["to"]), content).ID}


media_host_download._PAUSE_S = 0.01


def move_down(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    """Fetch a message's media as a botnode does."""
    part = contents.part(_received[command["message_id"]])
    told = {
        "kind": MediaKind(command["kind"]),
        "url": part.URL,
        "direct_path": part.directPath,
        "media_key": part.mediaKey,
        "file_sha256": part.fileSHA256,
        "file_enc_sha256": part.fileEncSHA256,
        "file_length": part.fileLength,
    }
    told |= command.get("lies", {})
    path, limit = Path(command["path"]), command.get("limit", 1 << 30)
    try:
        size = asyncio.run(mover(client).download(MediaReference(**told), path, limit))
    except MeshError as error:
        return {"reason": error.reason.value, "text": error.message}
    return {"size": size, "mode": path.stat().st_mode & 0o777}


def mark_read(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    sender = build_jid(command.get("sender", command["chat"]), "lid")
    chat = contents.jid(command["chat"], "lid")
    client.mark_read(command["message_id"], chat=chat, sender=sender, receipt=ReceiptType.READ)
    return {}


def on_whatsapp(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    found = client.is_on_whatsapp(*command["numbers"])
    return {"found": {item.Query: item.IsIn for item in found}}


def contact_link(client: NewClient, _command: dict[str, Any]) -> dict[str, Any]:
    return {"link": client.get_contact_qr_link()}


def pair_phone(client: NewClient, command: dict[str, Any]) -> dict[str, Any]:
    browser, system = (types.SimpleNamespace(name=name) for name in command["calls_itself"])
    browser.value = 1
    return {"code": client.PairPhone(command["number"], True, system, browser)}


def log_out(client: NewClient, _command: dict[str, Any]) -> dict[str, Any]:
    client.logout()
    return {}


COMMANDS = {
    "send": send,
    "mark_read": mark_read,
    "on_whatsapp": on_whatsapp,
    "contact_link": contact_link,
    "pair_phone": pair_phone,
    "log_out": log_out,
    "send_media": send_media,
    "download": download,
    "move_up": move_up,
    "move_down": move_down,
    **group_commands.COMMANDS,
}

if __name__ == "__main__":
    main()
