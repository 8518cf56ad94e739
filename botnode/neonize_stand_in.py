"""What a rehearsed botnode has in place of the part of the library that is in Go.

No Go may run in a process that others are forked from. Neonize's own Python is the real one.
"""

import contextlib
import ctypes
import importlib
import secrets
import time
from collections.abc import Iterator
from functools import partial
from queue import Queue
from typing import Any

from botnode import neonize_loader
from botnode.ports import Account

# Numbers that nobody has.
ACCOUNT = Account("15550000001:1@s.whatsapp.net", "100000000000001@lid")
OTHER = "15550000002@s.whatsapp.net"


@contextlib.contextmanager
def in_place(go: "Go") -> Iterator[None]:
    """Let neonize call this one in the block."""
    library = neonize_loader.import_lean().binder.gocode
    known = set(vars(library))
    library._opened = go  # noqa: SLF001 - what `open` sets
    try:
        yield
    finally:
        library._opened = None  # noqa: SLF001 - the same
        for name in set(vars(library)) - known:  # functions that were looked up
            delattr(library, name)


class Go:
    """The functions of the Go library for one client, with nobody at the other end of the line.

    Whatever is sent arrives, and is answered with the same.
    """

    def __init__(self) -> None:
        self._library = neonize_loader.import_lean()
        self._answers = importlib.import_module("neonize.proto.Neonize_pb2")
        self._brought: Queue[tuple[int, bytes] | None] = Queue()
        # Prototypes are set on them, which bound methods do not take.
        self.Neonize = partial(self._neonize)
        self.GetMe = partial(self._get_me)
        self.SendMessage = partial(self._send_message)
        self.Stop = partial(_nothing)  # comes late, when a client of a life before is collected

    @property
    def is_busy(self) -> bool:
        """Whether an event is being handled, or waits."""
        return self._brought.unfinished_tasks > 0

    def hang_up(self) -> None:
        """End the client's connection."""
        self._brought.put(None)

    def _neonize(self, *given: Any) -> bytes:
        """Connect, and bring events until the client hangs up: as Go does, by its callbacks."""
        on_event, on_log = given[8:10]
        self._log(on_log, "Successfully authenticated")
        events = self._library.events
        self._bring(events.Device(JID=_jid(ACCOUNT.jid), LID=_jid(ACCOUNT.lid)))
        self._bring(events.ConnectedEv(status=True))
        self._bring(events.OfflineSyncCompletedEv(Count=0))
        while (event := self._brought.get()) is not None:
            code, data = event
            on_event(given[1], *_place(data), code)
            self._brought.task_done()
        return b""

    def _log(self, on_log: Any, text: str) -> None:
        line = self._library.log_entry(Message=text, Level="INFO", Name="Client")
        on_log(*_place(line.SerializeToString()))

    def _bring(self, event: Any) -> None:
        code = self._library.events.EVENT_TO_INT[type(event)]
        self._brought.put((code, event.SerializePartialToString()))

    def _get_me(self, *_: object) -> bytes:
        device = self._library.events.Device(JID=_jid(ACCOUNT.jid), LID=_jid(ACCOUNT.lid))
        return bytes(device.SerializePartialToString())

    def _send_message(self, *given: Any) -> bytes:
        sent, now, events = secrets.token_hex(10).upper(), int(time.time()), self._library.events
        source = {"Chat": _jid(OTHER), "Sender": _jid(OTHER), "SenderAlt": _jid("1@lid")}
        self._bring(
            events.ReceiptEv(MessageSource=source, MessageIDs=[sent], Timestamp=now, Type=1)
        )
        info = {"MessageSource": source, "ID": secrets.token_hex(10).upper(), "Timestamp": now}
        message = self._library.message.FromString(given[3])
        self._bring(events.MessageEv(Info=info, Message=message))
        answer = self._answers.SendMessageReturnFunction(
            SendResponse={"ID": sent, "Timestamp": now}
        )
        return bytes(answer.SerializePartialToString())


def _nothing(_: bytes) -> None:
    pass


def _jid(text: str) -> dict[str, object]:
    user, _, server = text.partition("@")
    number, _, device = user.partition(":")
    return {"User": number, "Device": int(device or 0), "Server": server}


def _place(data: bytes) -> tuple[int, int]:
    """Where bytes are that somebody holds, and how many."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0, len(data)
