"""The one place that talks to WhatsApp: neonize 0.5.2, with all that is strange about it.

- The library's connect call blocks a thread for the life of a session, and for ever once a QR code
  was on show and nobody scanned it: it runs on a daemon thread that nothing waits for.
- Garbage collecting a client stops whichever client has its uuid: every client gets a fresh uuid
  and is kept.
- The Go side keeps its clients in maps without locks: making or stopping a client never overlaps
  with the first moments of another call, in which Go looks its client up.
- A call on a client that Go does not have dereferences nil: such calls are refused here.
- Events are pumped on one thread, one after the other, and only after pairing.
"""

import asyncio
import contextlib
import ctypes
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from google.protobuf.message import DecodeError

from botnode import neonize_loader, whatsapp_content, whatsapp_events, whatsapp_pairing
from botnode.clock import now_ms
from botnode.ports import (
    Account,
    Connected,
    Ended,
    Inbox,
    PairingCodeError,
    PairingEnded,
    QrCode,
    SendError,
    Sent,
    Signal,
    SignalSink,
)
from botnode.send_errors import UNBUILDABLE
from botnode.threads import in_daemon_thread

log = structlog.get_logger(__name__)

# How long after its beginning a call has certainly looked its client up in Go's map.
LOOKUP_S = 0.5
# More than the participants of a large group have devices.
MOST_SKIPPED = 5000
# Up to 100 messages that WhatsApp was told of wait in a channel of the library's, which stopping
# throws away. So a client hangs up first; it has run dry when nothing came for QUIET_S.
DRAIN_S = 1.5
QUIET_S = 0.5
POLL_S = 0.02
DEVICE_NAME = "botmesh"
# Ours, for a call that Go never saw; `send_errors` has it.
NOT_CONNECTED = "no client is connected"

_SIGNAL_EVENTS = (
    "Disconnected",
    "KeepAliveTimeout",
    "KeepAliveRestored",
    "StreamReplaced",
    "ClientOutdated",
    "OfflineSyncCompleted",
)


class _Client:
    """A NewClient, the thread that it lives on, and who hears of its signals.

    Attributes:
        live: Go knows the client: calls may be made.
        account: the account that it is logged in as.
        logins: how often it has logged in.
        skipped: messages, and devices that they were not encrypted for.
        handling: an event is being handled; the next ones wait.
        heard_at: when the last event was handled, or line logged.
    """

    def __init__(self, neonize: Any, sink: Callable[[Signal], None]) -> None:
        self.neonize = neonize
        self.emit = sink
        self.live = False
        self.opened_at = time.monotonic()
        self.handling = False
        self.heard_at = 0.0
        self.account: Account | None = None
        self.logins = 0
        self.skipped: deque[tuple[str, str]] = deque(maxlen=MOST_SKIPPED)
        self.references: Any = None  # what Go calls back into must not be collected


class NeonizeWhatsApp:
    """The `WhatsApp` port over neonize."""

    def __init__(self, database: str, inbox: Inbox, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._inbox = inbox
        self._loop = loop
        self._library: neonize_loader.Library | None = None
        self._current: _Client | None = None
        self._kept: list[_Client] = []
        self._lock = threading.Lock()
        self._call_begun_at = 0.0
        self._calls = 0
        self._stopping: asyncio.Future[None] | None = None

    def load(self) -> neonize_loader.Library:
        """Load the library, which starts Go in this process."""
        self._library = neonize_loader.load()
        return self._library

    def open(self, sink: SignalSink) -> None:
        """Make a new client and let it connect; its signals go to ``sink`` on the event loop."""
        library = self._loaded()
        props = library.device_props(os=DEVICE_NAME, platformType=library.device_props.DESKTOP)
        neonize = library.new_client(self._database, uuid=uuid.uuid4().hex, props=props)

        def emit(signal: Signal) -> None:
            # The loop is closed when the process is ending.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver, client, sink, signal)

        client = _Client(neonize, emit)
        self._kept.append(client)
        with self._lock:
            self._current = client
        _Wiring(client, self._inbox, library).subscribe()
        threading.Thread(target=self._live, args=(client,), name="neonize", daemon=True).start()

    def _deliver(self, client: _Client, sink: SignalSink, signal: Signal) -> None:
        if self._current is client:  # else it was closed meanwhile
            sink(signal)

    def _live(self, client: _Client) -> None:
        self._wait_for_lookup()
        error = ""
        try:
            error = _dial(client, self._loaded())
        except Exception as failure:  # noqa: BLE001 - whatever ctypes came back with
            error = str(failure) or type(failure).__name__
        if disk := whatsapp_events.disk_failure(error):
            client.emit(disk)
        client.emit(whatsapp_events.signal_of_error(error) or Ended(error))

    def _loaded(self) -> neonize_loader.Library:
        if self._library is None:
            raise RuntimeError("load() comes first")
        return self._library

    def _wait_for_lookup(self) -> None:
        time.sleep(max(0.0, self._call_begun_at + LOOKUP_S - time.monotonic()))

    async def close(self) -> None:
        """Stop the client. Its thread may stay behind, see the module's text."""
        with self._lock:
            client, self._current = self._current, None
        if client is not None:
            stop = in_daemon_thread(lambda: self._stop(client), "neonize-stop")
            self._stopping = asyncio.ensure_future(stop)
        if (stopping := self._stopping) is None:
            return
        try:
            await asyncio.shield(stopping)
        finally:
            if stopping.done():  # else our caller was cancelled: the next one waits for it
                self._stopping = None

    async def hang_up(self, patience_s: float) -> None:
        """Leave WhatsApp, and let the client go on with what it has."""
        loop = asyncio.get_running_loop()
        until = loop.time() + patience_s
        while self._calls and loop.time() < until:  # noqa: ASYNC110 - threads end them
            await asyncio.sleep(POLL_S)
        with contextlib.suppress(SendError):
            await in_daemon_thread(self._disconnect, "neonize-disconnect")

    def _disconnect(self) -> None:
        with self._call() as client:
            client.neonize.disconnect()

    def _stop(self, client: _Client) -> None:
        if client.live:
            client.neonize.disconnect()
            _run_dry(client)
        else:  # Go may be about to enter it into its maps
            time.sleep(max(0.0, client.opened_at + LOOKUP_S - time.monotonic()))
        self._wait_for_lookup()
        client.neonize.stop()

    @contextlib.contextmanager
    def _call(self) -> Iterator[_Client]:
        """Around the beginning of a call on the client."""
        with self._lock:
            client = self._current
            if client is None or not client.live:
                raise SendError(NOT_CONNECTED)
            self._call_begun_at = time.monotonic()
            self._calls += 1
        try:
            yield client
        finally:
            with self._lock:
                self._calls -= 1

    async def account(self) -> Account | None:
        """The account that the client's store holds now."""

        def look() -> Account | None:
            with self._call() as client:
                return whatsapp_events.account_of(client.neonize.get_me())

        try:
            return await in_daemon_thread(look, "neonize-account")
        except SendError:
            return None

    async def pair_phone(self, number: str) -> str:
        """Get a code that links the account of a number."""

        def pair() -> str:
            try:
                with self._call() as client:
                    return whatsapp_pairing.pair_phone(client.neonize, number)
            except Exception as error:
                raise PairingCodeError(str(error)) from error

        return await in_daemon_thread(pair, "neonize-pair-phone")

    async def log_out(self) -> None:
        """Unlink the account at WhatsApp and delete its keys."""
        await in_daemon_thread(self._log_out, "neonize-log-out")

    def _log_out(self) -> None:
        with self._call() as client:
            try:
                client.neonize.logout()
            except Exception as error:
                raise SendError(str(error)) from error

    def send(self, recipient_jid: str, content: bytes, secret: bytes) -> Sent:
        """Send a content; blocks, up to 75 seconds when no acknowledgement comes."""
        library = self._loaded()
        user, _, server = recipient_jid.partition("@")
        current, message = self._current, library.message()
        account = current.account if current is not None else None
        place = whatsapp_content.Place(recipient_jid, account, now_ms())
        try:
            whatsapp_content.build(message, content, place, secret)
        except (ValueError, DecodeError) as error:
            raise SendError(f"{UNBUILDABLE}: {error}") from error
        with self._call() as client:
            logins = client.logins
            try:
                answer = client.neonize.send_message(library.build_jid(user, server), message)
            except Exception as error:
                raise SendError(str(error), line_lost=client.logins != logins) from error
        unreached = tuple(device for sent_id, device in client.skipped if sent_id == answer.ID)
        return Sent(str(answer.ID), whatsapp_events.moment(answer.Timestamp), unreached)


def _run_dry(client: _Client) -> None:
    """Wait until what WhatsApp brought is handled; not for ever: the disk may be full."""
    hung_up_at = time.monotonic()
    while (now := time.monotonic()) < hung_up_at + DRAIN_S:
        if not client.handling and now > max(client.heard_at, hung_up_at) + QUIET_S:
            return
        time.sleep(POLL_S)
    log.warning("events_left_in_library")


def _dial(client: _Client, library: neonize_loader.Library) -> str:
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
        None,
    )
    return error.decode() if error else ""


class _Wiring:
    """What one client's callbacks do. They run on threads of Go's."""

    def __init__(
        self,
        client: _Client,
        inbox: Inbox,
        library: neonize_loader.Library,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._library = library

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
        for name in _SIGNAL_EVENTS:
            event(getattr(proto, f"{name}Ev"))(self._guard(self._on_simple))
        self._client.references = (
            self._on_qr,
            self._on_status,
            self._on_event,
            self._on_log,
        )

    def _guard(self, handle: Callable[[Any], None]) -> Callable[[Any, Any], None]:
        def handler(_: Any, message: Any) -> None:
            try:
                handle(message)
            except Exception:
                log.exception("whatsapp_event_failed", event_kind=type(message).__name__)

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

    def _on_simple(self, event: Any) -> None:
        if (signal := whatsapp_events.simple_signal(event.DESCRIPTOR.name)) is not None:
            self._emit(signal)

    def _on_connected(self, _: Any) -> None:
        neonize = self._client.neonize
        account = whatsapp_events.account_of(neonize.get_me())
        self._client.account = account or whatsapp_events.account_of(neonize.me)
        self._emit(Connected(self._client.account))

    def _on_logged_out(self, event: Any) -> None:
        self._emit(whatsapp_events.logged_out(event))

    def _on_temporary_ban(self, event: Any) -> None:
        self._emit(whatsapp_events.temporary_ban(event))

    def _on_connect_failure(self, event: Any) -> None:
        self._emit(whatsapp_events.connect_failure(event))

    def _on_stream_error(self, event: Any) -> None:
        log.warning("whatsapp_stream_error", code=event.Code)

    def _on_message(self, event: Any) -> None:
        message = whatsapp_events.received(event, self._client.account)
        if message is not None:
            self._inbox.message(message)

    def _on_receipt(self, event: Any) -> None:
        receipt = whatsapp_events.receipts(event)
        if receipt is not None:
            self._inbox.receipt(receipt)
