"""A WhatsApp library that does what a test says."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from botmesh.v1 import MessageContent
from botnode.media_ports import Uploaded
from botnode.ports import (
    Account,
    CaughtUp,
    Connected,
    Inbox,
    PairingEnded,
    QrCode,
    QueryError,
    SendError,
    Sent,
    Signal,
    SignalSink,
)

T = TypeVar("T")

ACCOUNT = Account("5215512345678:1@s.whatsapp.net", "119271086564630@lid")


@dataclass
class FakeWhatsApp:
    """The `WhatsApp` port.

    Attributes:
        answer: what a send does: return WhatsApp's id, or raise.
        login: what a new client says by itself.
        numbers: those that a code was asked for.
        pairing_code: the code for a number, or an error's text raised.
        catches_up: nothing waits for the session when it logs in.
        client: what questions are put to.
        answering: WhatsApp answers when it is asked something for the sake of the answer.
        asked: how often it was.
        brought_at: when WhatsApp last brought something, in monotonic time.
    """

    inbox: Inbox
    stored: Account | None = None
    answer: Callable[[str, str], str] = lambda _to, _text: f"3EB0{time.monotonic_ns():X}"
    login: list[Signal] = field(default_factory=list)
    sink: SignalSink | None = None
    opened: int = 0
    closed: int = 0
    hung_up: int = 0
    sent: list[tuple[str, str]] = field(default_factory=list)
    contents: list[MessageContent] = field(default_factory=list)
    secrets: list[bytes] = field(default_factory=list)
    media: list[Uploaded | None] = field(default_factory=list)
    can_log_out: bool = True
    catches_up: bool = True
    unreached: tuple[str, ...] = ()
    numbers: list[str] = field(default_factory=list)
    pairing_code: Callable[[str], str] = lambda _number: "ABCD-EFGH"
    client: Any = None
    answering: bool = False
    asked: int = 0
    brought_at: float = 0.0
    in_hand: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def open(self, sink: SignalSink) -> None:
        self.opened += 1
        self.sink = sink
        for signal in self.login:
            self.say(signal)

    def say(self, signal: Signal) -> None:
        assert self.sink is not None, "no client is open"
        if isinstance(signal, Connected) and self.catches_up:
            self.sink(CaughtUp())
        self.sink(signal)

    def show(self, code: str) -> None:
        self.say(QrCode(code))

    def scan(self) -> None:
        self.stored = ACCOUNT
        self.say(PairingEnded("success"))
        self.say(Connected(ACCOUNT))

    async def ask(self, question: Callable[[Any], T], timeout_s: float) -> T:
        """Put it to `client`."""
        try:
            return question(self.client)
        except Exception as error:
            raise QueryError(str(error)) from error

    async def answers(self, timeout_s: float) -> bool:
        self.asked += 1
        if not self.answering:
            await asyncio.sleep(timeout_s)
        return self.answering

    def heard_at(self) -> float:
        return self.brought_at

    async def hang_up(self, patience_s: float) -> None:
        self.hung_up += 1

    async def close(self) -> None:
        self.closed += 1
        self.sink = None

    async def account(self) -> Account | None:
        return self.stored

    async def pair_phone(self, number: str) -> str:
        self.numbers.append(number)
        return self.pairing_code(number)

    async def log_out(self) -> None:
        if not self.can_log_out:
            raise SendError("websocket not connected")
        self.stored = None

    def send(
        self, recipient_jid: str, content: bytes, secret: bytes, media: Uploaded | None = None
    ) -> Sent:
        self.media.append(media)
        self.contents.append(MessageContent.FromString(content))
        text = self.contents[-1].text.body
        self.sent.append((recipient_jid, text))
        self.secrets.append(secret)
        self.in_hand.release()
        return Sent(self.answer(recipient_jid, text), datetime.now(UTC), self.unreached)
