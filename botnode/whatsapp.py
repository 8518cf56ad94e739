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
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import structlog
from google.protobuf.message import DecodeError

from botmesh.rpc.proxy_url import hide_passwords
from botnode import (
    neonize_loader,
    query_errors,
    relocations,
    whatsapp_content,
    whatsapp_events,
    whatsapp_pairing,
    whatsapp_proxy,
)
from botnode.clock import now_ms
from botnode.media_ports import Uploaded
from botnode.ports import (
    Account,
    Ended,
    Inbox,
    PairingCodeError,
    QueryError,
    SendError,
    Sent,
    Signal,
    SignalSink,
    UnansweredError,
)
from botnode.query_errors import TOO_MANY_OPEN
from botnode.send_errors import UNBUILDABLE
from botnode.threads import in_daemon_thread
from botnode.whatsapp_client import POLL_S, Client, Wiring, dial, run_dry

log = structlog.get_logger(__name__)

# How long after its beginning a call has certainly looked its client up in Go's map.
LOOKUP_S = 0.5
DEVICE_NAME = "botmesh"
# Ours, for a call that Go never saw; `send_errors` has it.
NOT_CONNECTED = "no client is connected"
# So many questions may wait for WhatsApp's answer at a time.
MOST_OPEN_QUESTIONS = 64

T = TypeVar("T")


class NeonizeWhatsApp:
    """The `WhatsApp` port over neonize."""

    def __init__(
        self,
        database: str,
        inbox: Inbox,
        loop: asyncio.AbstractEventLoop,
        *,
        proxy_url: str = "",
    ) -> None:
        self._database = database
        self._proxy_url = proxy_url
        self._inbox = inbox
        self._loop = loop
        self._library: neonize_loader.Library | None = None
        self._current: Client | None = None
        self._kept: list[Client] = []
        self._lock = threading.Lock()
        self._call_begun_at = 0.0
        self._calls = 0
        self._open_questions = 0
        self._stopping: asyncio.Future[None] | None = None

    def load(self) -> neonize_loader.Library:
        """Load the library, which starts Go in this process."""
        with relocations.shared(neonize_loader.import_lean().library_file):
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

        client = Client(neonize, emit)
        self._kept.append(client)
        with self._lock:
            self._current = client
        Wiring(client, self._inbox, library, lambda: self._call(client)).subscribe()
        threading.Thread(target=self._live, args=(client,), name="neonize", daemon=True).start()

    def _deliver(self, client: Client, sink: SignalSink, signal: Signal) -> None:
        if self._current is client:  # else it was closed meanwhile
            sink(signal)

    def _live(self, client: Client) -> None:
        self._wait_for_lookup()
        error = ""
        try:
            error = dial(client, self._loaded(), self._proxy_url)
        except Exception as failure:  # noqa: BLE001 - whatever ctypes came back with
            error = str(failure) or type(failure).__name__
        error = whatsapp_proxy.explained(error)
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

    def _stop(self, client: Client) -> None:
        if client.live:
            client.neonize.disconnect()
            run_dry(client)
        else:  # Go may be about to enter it into its maps
            time.sleep(max(0.0, client.opened_at + LOOKUP_S - time.monotonic()))
        with self._lock:  # a handler of its events may be at work, and ask
            client.stopped = True
        self._wait_for_lookup()
        client.neonize.stop()

    @contextlib.contextmanager
    def _call(self, asked: Client | None = None) -> Iterator[Client]:
        """Around the beginning of a call on the client.

        Args:
            asked: the client that is meant, for a handler of its events: they are handled after
                it was hung up too, until it is stopped. Otherwise the one that is open.
        """
        with self._lock:
            client = asked or self._current
            if client is None or not client.live or client.stopped:
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
                raise PairingCodeError(hide_passwords(str(error))) from error

        return await in_daemon_thread(pair, "neonize-pair-phone")

    async def ask(self, question: Callable[[Any], T], timeout_s: float) -> T:
        """Let a question be put to the library's client, on a thread of its own."""
        with self._lock:
            # Who asked may be gone, and the library waits on: its threads must not pile up.
            if self._open_questions >= MOST_OPEN_QUESTIONS:
                raise QueryError(TOO_MANY_OPEN)
            self._open_questions += 1
        return await self._put(question, timeout_s, self._end_question)

    def _end_question(self) -> None:
        with self._lock:
            self._open_questions -= 1

    async def _put(
        self, question: Callable[[Any], T], timeout_s: float, ended: Callable[[], None]
    ) -> T:
        def put() -> T:
            try:
                with self._call() as client:
                    return question(client.neonize)
            except Exception as error:
                raise QueryError(hide_passwords(str(error)) or type(error).__name__) from error
            finally:
                ended()

        try:
            async with asyncio.timeout(timeout_s):
                return await in_daemon_thread(put, "neonize-ask")
        except TimeoutError:
            raise UnansweredError(f"no answer in {timeout_s:.0f} s") from None

    async def answers(self, timeout_s: float) -> bool:
        """Whether WhatsApp answers a question in time. Nobody else notices it."""
        try:
            await self._put(lambda client: client.get_blocklist(), timeout_s, lambda: None)
        except UnansweredError:
            return False
        except QueryError as error:
            return query_errors.is_answer(str(error))
        return True

    def heard_at(self) -> float:
        """When WhatsApp last brought something, in monotonic time; 0 for never."""
        return max((client.brought_at for client in self._kept[-2:]), default=0.0)

    async def log_out(self) -> None:
        """Unlink the account at WhatsApp and delete its keys."""
        await in_daemon_thread(self._log_out, "neonize-log-out")

    def _log_out(self) -> None:
        with self._call() as client:
            try:
                client.neonize.logout()
            except Exception as error:
                raise SendError(hide_passwords(str(error))) from error

    def send(
        self, recipient_jid: str, content: bytes, secret: bytes, media: Uploaded | None = None
    ) -> Sent:
        """Send a content; blocks, up to 75 seconds when no acknowledgement comes."""
        library = self._loaded()
        user, _, server = recipient_jid.partition("@")
        current, message = self._current, library.message()
        account = current.account if current is not None else None
        place = whatsapp_content.Place(recipient_jid, account, now_ms())
        try:
            whatsapp_content.build(message, content, place, secret, media)
        except (ValueError, DecodeError) as error:
            raise SendError(f"{UNBUILDABLE}: {error}") from error
        with self._call() as client:
            logins = client.logins
            try:
                answer = client.neonize.send_message(library.build_jid(user, server), message)
            except Exception as error:
                raise SendError(
                    hide_passwords(str(error)), line_lost=client.logins != logins
                ) from error
        unreached = tuple(device for sent_id, device in client.skipped if sent_id == answer.ID)
        return Sent(str(answer.ID), whatsapp_events.moment(answer.Timestamp), unreached)
