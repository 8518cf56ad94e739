"""What WhatsApp brings, kept before the library is told to go on.

whatsmeow has acknowledged a message to the server when it is handed over, so it is on disk when
the callback returns. These methods run on the library's thread.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import structlog
from sqlalchemy import bindparam, select

from botnode import message_secrets, receipts
from botnode.media_ports import ReceivedMedia
from botnode.message import OutboundMessage
from botnode.message_row import find_whatsapp_id
from botnode.messages import MessageRows
from botnode.pacer import Pacer
from botnode.ports import MessageKey, Original, Receipt, ReceivedMessage
from botnode.statement import Statement
from botnode.store import Store, StoreClosedError, Transaction
from botnode.tables import inbound

log = structlog.get_logger(__name__)

_KNOWN = Statement(
    select(inbound.c.sequence).where(
        *(
            inbound.c[name] == bindparam(f"its_{name}")
            for name in ("account", "chat_jid", "sender_jid", "whatsapp_id", "kind")
        )
    )
)
_INSERT = Statement(inbound.insert())

EVENT_KIND = "message_received"


class MediaShelf(Protocol):
    """Takes the media of received messages: `media_fetcher.MediaFetcher`."""

    def add(self, tx: Transaction, account: str, received: ReceivedMedia) -> None:
        """Write media down, with the message that brings it."""

    def came(self, media_id: str) -> None:
        """Media was written down; called on the event loop."""


class StoredInbox:
    """The `Inbox` port over node.db.

    Args:
        account: the number that the tenant has now, or empty.
        encode: the event's content for a message; its second argument gives our id for WhatsApp's
            of a message that we sent, or nothing.
        publish: told, on the loop, of messages whose state a receipt raised.
        media: gives what takes media; there by the time that WhatsApp brings something.
        crash: called, on the loop, when something could not be kept: WhatsApp was told that it
            arrived, so the process must not go on as if nothing had happened.
        wrote: told, on the loop, that somebody wrote.
    """

    def __init__(
        self,
        store: Store,
        rows: MessageRows,
        loop: asyncio.AbstractEventLoop,
        *,
        account: Callable[[], str],
        encode: Callable[[ReceivedMessage, Callable[[str], str]], bytes],
        pacer: Pacer,
        publish: Callable[..., None],
        media: Callable[[], MediaShelf],
        crash: Callable[[], None],
        wrote: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._rows = rows
        self._loop = loop
        self._account = account
        self._encode = encode
        self._pacer = pacer
        self._publish = publish
        self._media = media
        self._crash = crash
        self._wrote = wrote

    def message(self, message: ReceivedMessage) -> None:
        """Keep a message, once."""
        account = self._account()
        with self._must_keep():
            fresh = self._store.write_and_wait(lambda tx: self._keep(tx, account, message))
            self._on_loop(self._wrote)
            log.info("message_received", chat=message.chat_jid, kind=message.kind, fresh=fresh)
            if fresh and message.media is not None:
                self._on_loop(self._media().came, message.media.media_id)

    def _keep(self, tx: Transaction, account: str, message: ReceivedMessage) -> bool:
        key = {
            "account": account,
            "chat_jid": message.chat_jid,
            "sender_jid": message.sender_jid,
            "whatsapp_id": message.whatsapp_id,
            "kind": message.kind,
        }
        if _KNOWN.first(tx.connection, {f"its_{name}": value for name, value in key.items()}):
            return False

        def own_id(whatsapp_id: str) -> str:
            sent = find_whatsapp_id(tx.connection, whatsapp_id)
            return sent.message_id if sent is not None and sent.account == account else ""

        sequence = tx.append_event(EVENT_KIND, account, self._encode(message, own_id))
        _INSERT.run(tx.connection, {"sequence": sequence, **key})
        self._pacer.received(tx, account, message)
        message_secrets.put_received(tx, account, message)
        if message.media is not None:
            self._media().add(tx, account, message.media)
        return True

    def receipt(self, receipt: Receipt) -> None:
        """Keep a receipt, and raise the messages that it speaks of."""
        account = self._account() or None

        def apply(tx: Transaction) -> list[OutboundMessage]:
            raised = receipts.apply(tx, self._rows.changer, receipt, account)
            self._pacer.receipt(tx, receipt, raised)
            return raised

        with self._must_keep():
            raised = self._store.write_and_wait(apply)
            self._on_loop(self._publish, *raised)

    def notice(self, kind: str, event: bytes, about: MessageKey | None = None) -> None:
        """Keep another event; one about a message that is not here, once and until it is."""
        account = self._account()

        def keep(tx: Transaction) -> bool:
            key = {} if about is None else {"account": account, **dataclasses.asdict(about)}
            known = select(inbound.c.sequence).filter_by(**key)
            if about is not None and tx.connection.execute(known).first() is not None:
                return False
            sequence = tx.append_event(kind, account, event)
            if about is not None:
                row = inbound.insert().values(sequence=sequence, kind=kind, **key)
                tx.connection.execute(row)
            return True

        with self._must_keep():
            fresh = self._store.write_and_wait(keep)
            log.info("notice_received", kind=kind, fresh=fresh)

    def originals(self, whatsapp_id: str) -> Sequence[Original]:
        """The messages with an id that have a secret."""
        account = self._account()
        with self._must_keep():
            return self._store.write_and_wait(
                lambda tx: message_secrets.find(tx.connection, account, whatsapp_id)
            )
        return []

    def untraceable(self) -> None:
        """Keep that the library's store has no record of the message that is being sent."""
        with self._must_keep():
            self._store.write_and_wait(self._rows.mark_untraceable)

    @contextlib.contextmanager
    def _must_keep(self) -> Iterator[None]:
        try:
            yield
        except StoreClosedError:
            # The store closes last, so the disk is full.
            why = "the botnode stopped while nothing could be written"
            log.error("inbound_lost", error=why)  # noqa: TRY400 - the trace says no more
        except Exception:
            log.exception("inbound_lost")
            self._on_loop(self._crash)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: we are ending
            self._loop.call_soon_threadsafe(call, *arguments)
