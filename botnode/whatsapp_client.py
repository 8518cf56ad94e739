"""One client of neonize's: what Go knows it by, how it dials, and what its callbacks do."""

import contextlib
import ctypes
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import structlog

from botnode import (
    neonize_loader,
    whatsapp_events,
    whatsapp_group_notices,
    whatsapp_notices,
    whatsapp_people_notices,
    whatsapp_proxy,
    whatsapp_unreadable,
)
from botnode.ports import Account, Connected, Inbox, PairingEnded, QrCode, SendError, Signal

log = structlog.get_logger(__name__)

# More than the participants of a large group have devices.
MOST_SKIPPED = 5000
# Up to 100 messages that WhatsApp was told of wait in a channel of the library's, which stopping
# throws away. So a client hangs up first; it has run dry when nothing came for QUIET_S.
DRAIN_S = 1.5
QUIET_S = 0.5
POLL_S = 0.02

_SIGNAL_EVENTS = (
    "Disconnected",
    "KeepAliveRestored",
    "StreamReplaced",
    "ClientOutdated",
    "OfflineSyncCompleted",
)
# What the library says of itself, and not because WhatsApp sent something.
_OF_THE_LIBRARY = frozenset({"Disconnected"})


class Client:
    """A NewClient, the thread that it lives on, and who hears of its signals.

    Attributes:
        live: Go knows the client: calls may be made.
        stopped: Go is about to forget the client, or has: no call may be made any more.
        account: the account that it is logged in as.
        logins: how often it has logged in.
        skipped: messages, and devices that they were not encrypted for.
        handling: an event is being handled; the next ones wait.
        heard_at: when the last event was handled, or line logged.
        brought_at: when the last event came that WhatsApp itself sent.
    """

    def __init__(self, neonize: Any, sink: Callable[[Signal], None]) -> None:
        self.neonize = neonize
        self.emit = sink
        self.live = False
        self.stopped = False
        self.opened_at = time.monotonic()
        self.handling = False
        self.heard_at = 0.0
        self.brought_at = 0.0
        self.account: Account | None = None
        self.logins = 0
        self.skipped: deque[tuple[str, str]] = deque(maxlen=MOST_SKIPPED)
        self.references: Any = None  # what Go calls back into must not be collected


def run_dry(client: Client) -> None:
    """Wait until what WhatsApp brought is handled; not for ever: the disk may be full."""
    hung_up_at = time.monotonic()
    while (now := time.monotonic()) < hung_up_at + DRAIN_S:
        if not client.handling and now > max(client.heard_at, hung_up_at) + QUIET_S:
            return
        time.sleep(POLL_S)
    log.warning("events_left_in_library")


def dial(client: Client, library: neonize_loader.Library, proxy_url: str = "") -> str:
    """What ``NewClient.connect`` does, on this thread; return Go's error.

    connect() would start a second, non-daemon thread for it and poll that five times a second.
    """
    neonize, binder = client.neonize, library.binder
    codes = bytearray(neonize.event.list_func)
    props = neonize.device_props.SerializeToString()
    on_qr, on_status, on_event, on_log = client.references
    subscriptions = (ctypes.c_char * len(codes)).from_buffer(codes)
    client.references = (
        binder.func_string(on_qr),
        binder.func_string(on_status),
        binder.func_callback_bytes(on_event),
        binder.func_callback_bytes2(on_log),
        subscriptions,
        codes,
    )
    error = binder.gocode.Neonize(
        neonize.name.encode(),
        neonize.uuid,
        b"",
        0,
        int(neonize.new_device),
        library.log_level,
        *client.references[:4],
        subscriptions,
        len(codes),
        props,
        len(props),
        b"",
        0,
        whatsapp_proxy.settings_of(binder, proxy_url),
    )
    return error.decode() if error else ""


class Wiring:
    """What one client's callbacks do. They run on threads of Go's.

    Args:
        client: the one.
        inbox: takes what came.
        library: neonize.
        call: goes around every call on the client, and refuses it once the client is stopped.
    """

    def __init__(
        self,
        client: Client,
        inbox: Inbox,
        library: neonize_loader.Library,
        call: Callable[[], AbstractContextManager[Client]],
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._library = library
        self._call = call
        self._unavailable = whatsapp_unreadable.Unavailable()

    def subscribe(self) -> None:
        """Hook everything up; Go reads the subscriptions when it connects."""
        event, proto = self._client.neonize.event, self._library.events
        event(proto.ConnectedEv)(self._guard(self._on_connected))
        event(proto.LoggedOutEv)(self._guard(self._on_logged_out))
        event(proto.TemporaryBanEv)(self._guard(self._on_temporary_ban))
        event(proto.ConnectFailureEv)(self._guard(self._on_connect_failure))
        event(proto.StreamErrorEv)(self._guard(self._on_stream_error))
        event(proto.MessageEv)(self._guard(self._on_message))
        event(proto.ReceiptEv)(self._guard(self._on_receipt))
        event(proto.UndecryptableMessageEv)(self._guard(self._on_undecryptable))
        for name in _SIGNAL_EVENTS:
            event(getattr(proto, f"{name}Ev"))(self._guard(self._on_simple))
        for name, translate in whatsapp_notices.NOTICES.items():
            event(getattr(proto, f"{name}Ev"))(self._guard(self._notice(translate)))
        for name, tell in whatsapp_group_notices.GROUP_NOTICES.items():
            event(getattr(proto, f"{name}Ev"))(self._guard(self._group_notice(tell)))
        self._client.references = (
            self._on_qr,
            self._on_status,
            self._on_event,
            self._on_log,
        )

    def _guard(self, handle: Callable[[Any], None]) -> Callable[[Any, Any], None]:
        def handler(_: Any, message: Any) -> None:
            name = type(message).__name__
            if name not in _OF_THE_LIBRARY:
                self._client.brought_at = time.monotonic()
            try:
                handle(message)
            except Exception:
                log.exception("whatsapp_event_failed", event_kind=name)

        return handler

    def _emit(self, signal: Signal) -> None:
        self._client.live = True
        self._client.emit(signal)

    def _on_qr(self, _: int, code: int) -> None:
        self._emit(QrCode(ctypes.string_at(code).decode()))

    def _on_status(self, _: int, status: int) -> None:
        self._emit(PairingEnded(ctypes.string_at(status).decode()))

    def _on_event(self, identity: int, data: int, size: int, code: int) -> None:
        client = self._client
        client.live = client.handling = True
        try:
            client.neonize.event.execute(identity, data, size, code)
        except Exception:
            log.exception("whatsapp_event_unreadable", code=code)
        finally:
            client.heard_at = time.monotonic()
            client.handling = False

    def _on_log(self, data: int, size: int) -> None:
        with contextlib.suppress(Exception):  # a line of log is not worth a crash inside Go
            text = self._library.write_log(ctypes.string_at(data, size))
            self._client.heard_at = time.monotonic()  # Go is still at work
            if signal := whatsapp_events.signal_of_log(text):
                self._emit(signal)
            elif whatsapp_events.is_untraceable(text):
                # Go waits for this callback, and sends the message after it.
                self._inbox.untraceable()
            elif skipped := whatsapp_events.skipped_device(text):
                self._client.skipped.append(skipped)
            elif whatsapp_events.is_login(text):
                # Go waits for this callback, and repeats a frame that was cut after it.
                self._client.logins += 1
            elif lost := whatsapp_unreadable.lost(text, self._client.account):
                self._inbox.notice(whatsapp_unreadable.KIND, lost.SerializeToString())
            else:
                self._unavailable.hear(text)

    def _on_simple(self, event: Any) -> None:
        if (signal := whatsapp_events.simple_signal(event.DESCRIPTOR.name)) is not None:
            self._emit(signal)

    def _on_connected(self, _: Any) -> None:
        client = self._client
        account = None
        with contextlib.suppress(SendError), self._call():
            account = whatsapp_events.account_of(client.neonize.get_me())
        client.account = account or whatsapp_events.account_of(client.neonize.me)
        self._emit(Connected(client.account))

    def _on_logged_out(self, event: Any) -> None:
        self._emit(whatsapp_events.logged_out(event))

    def _on_temporary_ban(self, event: Any) -> None:
        self._emit(whatsapp_events.temporary_ban(event))

    def _on_connect_failure(self, event: Any) -> None:
        self._emit(whatsapp_events.connect_failure(event))

    def _on_stream_error(self, event: Any) -> None:
        log.warning("whatsapp_stream_error", code=event.Code)

    def _on_message(self, event: Any) -> None:
        message = whatsapp_events.received(event, self._client.account, self._inbox.originals)
        if message is not None:
            self._inbox.message(message)

    def _on_undecryptable(self, event: Any) -> None:
        if (told := whatsapp_unreadable.told(event, self._unavailable)) is not None:
            about, notice = told
            kind = whatsapp_unreadable.KIND
            self._inbox.notice(kind, notice.SerializeToString(), about=about)

    def _notice(self, translate: whatsapp_notices.Translate) -> Callable[[Any], None]:
        def keep(event: Any) -> None:
            told = translate(event, self._client.account)
            kind = told.WhichOneof("kind") if told is not None else None
            if told is not None and kind is not None:
                whatsapp_people_notices.add_numbers(told, self._number_of)
                self._inbox.notice(kind, told.SerializeToString())

        return keep

    def _group_notice(self, tell: whatsapp_group_notices.Translate) -> Callable[[Any], None]:
        def keep(event: Any) -> None:
            told = tell(event, self._number_of)
            self._inbox.notice(str(told.WhichOneof("kind")), told.SerializeToString())

        return keep

    def _number_of(self, jid: Any) -> str:
        """The number of a JID, as the library's store knows it; empty if it does not."""
        if jid.Server != whatsapp_events.LID_SERVER:
            return whatsapp_events.number(jid)
        try:
            with self._call() as client:
                return whatsapp_events.number(client.neonize.get_pn_from_lid(jid))
        except Exception:  # noqa: BLE001 - whatever it is: the event goes without the number
            return ""

    def _on_receipt(self, event: Any) -> None:
        receipt = whatsapp_events.receipts(event)
        if receipt is not None:
            self._inbox.receipt(receipt)
