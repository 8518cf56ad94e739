"""Where WhatsApp takes media now, and the ticket for it: got out of neonize, which does not tell.

WhatsApp gives both to a linked device on request (IQ ``w:m media_conn``). neonize exports neither
the request nor its answer, only a whole upload that holds the file several times in memory. But
when an upload's HTTP request fails, whatsmeow's error names the whole address, ticket included
(rawUpload in its upload.go; Go's url.Error). So one byte is "uploaded" through a proxy that cannot
be: the request fails inside this process, nothing leaves the machine, and the text tells.

The library's other media (history, settings) goes through the same HTTP client, so the proxy is put
back at once; its own retries outlast that moment. The WebSocket has another client
(setTransport in whatsmeow's client.go) and feels nothing.

The ticket is a secret: it is taken out of the text here, and the text goes no further.
"""

import re
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Nothing can listen on port 0.
NOWHERE = "http://127.0.0.1:0"

_URL = re.compile(r'https://[^"\s]+')
_SECRET = re.compile(r"(auth|token)=[^&\s\"]+")
_AS_IMAGE = SimpleNamespace(value=0)  # MediaType.MediaImage of neonize
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where media is brought to, and what lets us."""

    host: str
    auth: str = field(repr=False)


class TicketError(Exception):
    """The library did not tell; the text is its own, without secrets."""


def get_ticket(neonize: Any, media_proxy: str) -> Ticket:
    """Get a ticket from neonize's client; raises TicketError.

    Args:
        neonize: the connected client.
        media_proxy: the proxy that its media goes through; empty for none.
    """
    with _one_at_a_time:
        neonize.set_proxy_address(NOWHERE, no_websocket=True)
        try:
            neonize.upload(b"\0", _AS_IMAGE)
        except Exception as error:  # noqa: BLE001 - whatever ctypes came back with
            text = str(error)
        else:
            text = "an upload through no proxy went out"
        finally:
            neonize.set_proxy_address(media_proxy, no_websocket=True)
    return read_ticket(text)


def read_ticket(text: str) -> Ticket:
    """The ticket in the text of a failed upload; raises TicketError."""
    found = _URL.search(text)
    parts = urlsplit(found[0]) if found else None
    auth = parse_qs(parts.query).get("auth", [""])[0] if parts else ""
    if parts is None or not parts.hostname or not auth:
        raise TicketError(hide_secrets(text))
    return Ticket(parts.hostname, auth)


def hide_secrets(text: str) -> str:
    """A text of the library's without tickets for media hosts."""
    return _SECRET.sub(r"\1=…", text)
