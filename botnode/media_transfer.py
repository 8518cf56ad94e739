"""The `MediaTransfer` port over HTTPS: tickets from the library, threads that move the bytes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from botmesh.errors import MeshError
from botnode.media_ports import MediaKind, MediaReference, Uploaded
from botnode.media_trouble import failed, too_large
from botnode.threads import in_daemon_thread
from botnode.whatsapp_media import Ticket, TicketError, get_ticket

if TYPE_CHECKING:
    from botnode.media_http import Cut, MediaClient

log = structlog.get_logger(__name__)

# WhatsApp's own tickets work for hours, and the library asks for a new one after some minutes.
TICKET_S = 240.0
# Some milliseconds where the library has a ticket, else an IQ.
TICKET_TIMEOUT_S = 20.0

T = TypeVar("T")


class Asking(Protocol):
    """What puts questions to the library's client: `questions.Questions`."""

    async def ask(self, question: Callable[[Any], T], *, timeout_s: float = ...) -> T:
        """The answer; raises MeshError."""


class MediaMover:
    """Moves files to and from WhatsApp's media hosts."""

    def __init__(self, questions: Asking, proxy_url: str) -> None:
        """Make it.

        Args:
            questions: to the library.
            proxy_url: the proxy that the library's media goes through; empty for none.
        """
        self._questions = questions
        self._proxy_url = proxy_url
        self._ticket: tuple[Ticket, float] | None = None
        self._asking = asyncio.Lock()

    async def upload(self, path: Path, kind: MediaKind) -> Uploaded:
        """Encrypt a file and bring it to WhatsApp."""
        ticket = await self._get_ticket()
        uploaded = await self._push(path, kind, ticket)
        if uploaded is None:
            ticket = await self._get_ticket(instead_of=ticket)
            uploaded = await self._push(path, kind, ticket)
        if uploaded is None:
            raise failed("the media host takes nothing from this account")
        log.info("media_uploaded", kind=kind.value, size=uploaded.file_length, host=ticket.host)
        return uploaded

    async def download(self, reference: MediaReference, path: Path, limit_bytes: int) -> int:
        """Fetch media from WhatsApp, check and decrypt it; return its size in bytes."""
        if reference.file_length > limit_bytes:
            raise too_large(limit_bytes)

        def fetch(client: "MediaClient", cut: "Cut") -> int:
            from botnode.media_host_download import Download  # noqa: PLC0415 - 7 MB, on first use

            return Download(reference, path, limit_bytes).run(client, cut)

        size = await self._move(fetch)
        log.info("media_downloaded", kind=reference.kind.value, size=size)
        return size

    async def _push(self, path: Path, kind: MediaKind, ticket: Ticket) -> Uploaded | None:
        def push(client: "MediaClient", cut: "Cut") -> Uploaded | None:
            from botnode import media_host_upload  # noqa: PLC0415 - 7 MB, on first use

            return media_host_upload.run(client, cut, path, kind, ticket)

        return await self._move(push)

    async def _move(self, move: "Callable[[MediaClient, Cut], T]") -> T:
        """Run a transfer on a thread of its own; cancelling ends it soon."""
        from botnode.media_http import Cut, LineError, MediaClient  # noqa: PLC0415 - TLS and HTTP: 3 MB, on first use

        cut, client = Cut(), MediaClient(self._proxy_url)
        try:
            return await in_daemon_thread(lambda: move(client, cut), "media")
        except asyncio.CancelledError:
            cut.now()
            raise
        except LineError as error:
            raise failed(str(error)) from None

    async def _get_ticket(self, *, instead_of: Ticket | None = None) -> Ticket:
        async with self._asking:
            if self._ticket is not None:
                ticket, until = self._ticket
                if time.monotonic() < until and ticket is not instead_of:
                    return ticket
            found = await self._questions.ask(self._ask, timeout_s=TICKET_TIMEOUT_S)
            if isinstance(found, MeshError):
                raise found
            self._ticket = (found, time.monotonic() + TICKET_S)
            return found

    def _ask(self, neonize: Any) -> Ticket | MeshError:
        try:
            return get_ticket(neonize, self._proxy_url)
        except TicketError as error:
            return failed(f"the library told no media host: {error}")
