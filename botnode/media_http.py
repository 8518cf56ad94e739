"""HTTPS to WhatsApp's media hosts, and to nowhere else, through the tenant's proxy.

A message names the place of its media, and whoever wrote the message chose it: only https addresses
on WhatsApp's own hosts are asked, and no redirection is followed. Bodies go in pieces.

Sources: whatsmeow's download.go and upload.go for requests and headers.
"""

import contextlib
import http.client
import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botnode.media_proxy import MediaProxy, ProxyError
from botnode.media_trouble import failed

PIECE_BYTES = 64 * 1024
# Which hosts media may be at. The names of others' machines cannot end so.
_DOMAIN = "whatsapp.net"
_PORT = 443
_ORIGIN = "https://web.whatsapp.com"
# A transfer that rests so long is cut, and so is one that is slower than SLOWEST after GRACE_S:
# whatever comes is counted as it comes, the answer's head too, or a byte now and then would keep a
# transfer for days.
_STALL_S = 30.0
_GRACE_S = 60.0
_SLOWEST_BYTES_PER_S = 8 * 1024
_MOST_ANSWER_BYTES = 64 * 1024


class PlaceError(Exception):
    """An address is not one of WhatsApp's media hosts."""


class LineError(Exception):
    """The transfer did not come to its end; the text has no address in it."""


class Cut:
    """Ends a transfer from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._close: Callable[[], None] | None = None

    def now(self) -> None:
        """End it."""
        with self._lock:
            self._over = True
            close = self._close
        if close is not None:
            close()

    def check(self) -> None:
        """Raise LineError if it is over."""
        if self._over:
            raise LineError("the transfer was given up")

    @contextlib.contextmanager
    def closing(self, close: Callable[[], None]) -> Iterator[None]:
        """While inside, ending means this call too; raises LineError if it is over already."""
        with self._lock:
            self._close = close
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._close = None


@dataclass(frozen=True, slots=True)
class Place:
    """An address at a media host.

    Attributes:
        target: path and query.
    """

    host: str
    target: str


def place_of(url: str) -> Place:
    """The place that an address names; raises PlaceError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise PlaceError("the address of the media is none") from None
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" or parts.username is not None or port not in (None, _PORT):
        raise PlaceError("the address of the media is no https address of a media host")
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return place_at(host, target)


def place_at(host: str, target: str) -> Place:
    """A place on a host; raises PlaceError."""
    if not host.isascii() or not (host == _DOMAIN or host.endswith(f".{_DOMAIN}")):
        raise PlaceError("the media is not at a host of WhatsApp's")
    if not all(part.replace("-", "").isalnum() for part in host.split(".")):
        raise PlaceError("the media is not at a host of WhatsApp's")
    if not target.startswith("/") or not target.isascii() or not target.isprintable():
        raise PlaceError("the path of the media is none")
    if " " in target or "#" in target:
        raise PlaceError("the path of the media is none")
    return Place(host, target)


class Answer:
    """An answer whose body is still to come.

    Attributes:
        status: of HTTP.
        length: how many bytes of body are announced; None if that is not said.
    """

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.length = response.length
        self.content_range = response.getheader("Content-Range", "")

    def pieces(self) -> Iterator[bytes]:
        """The body; raises LineError when it breaks off, as far as that can be seen."""
        left = self.length
        while piece := self._read():
            if left is not None:
                left -= len(piece)
            yield piece
        if left:
            raise LineError("the transfer broke off")

    def whole(self) -> bytes:
        """A short body."""
        return self._read(_MOST_ANSWER_BYTES)

    def _read(self, size: int = PIECE_BYTES) -> bytes:
        with _explained():
            return self._response.read(size)


class MediaClient:
    """Makes requests of media hosts."""

    def __init__(self, proxy_url: str = "") -> None:
        """Make it.

        Args:
            proxy_url: http, https or socks5, with user and password where needed; empty for none.

        Raises:
            MeshError: MEDIA_TRANSFER_FAILED, as media cannot go through that proxy. Nobody is
                asked without it in its place.
        """
        try:
            self._proxy = MediaProxy(proxy_url) if proxy_url else None
        except ProxyError as error:
            raise failed(str(error)) from None

    @contextlib.contextmanager
    def get(self, place: Place, cut: Cut, *, offset: int = 0) -> Iterator[Answer]:
        """Ask for what is at a place, from a byte on; raises LineError."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._connection(place.host, cut, _Pace()) as connection:
            with _explained():
                _begin(connection, "GET", place.target, headers)
                response = connection.getresponse()
            yield Answer(response)

    @contextlib.contextmanager
    def post(
        self, place: Place, cut: Cut, *, body: Iterable[bytes], length: int
    ) -> Iterator[Answer]:
        """Bring a body to a place; raises LineError."""
        pace = _Pace()
        with self._connection(place.host, cut, pace) as connection:
            with _explained():
                _begin(connection, "POST", place.target, {"Content-Length": str(length)})
                response = _push(connection, body, pace)
            yield Answer(response)

    @contextlib.contextmanager
    def _connection(
        self, host: str, cut: Cut, pace: "_Pace"
    ) -> Iterator[http.client.HTTPConnection]:
        connection = _Connection(host, pace)
        with _explained():
            connection.sock = self._dial(host)
        with contextlib.closing(connection), cut.closing(lambda: _shut(connection)):
            yield connection

    def _dial(self, host: str) -> Any:
        context = ssl.create_default_context()
        if self._proxy is not None:
            return self._proxy.dial(host, _PORT, context, _STALL_S)
        plain = socket.create_connection((host, _PORT), timeout=_STALL_S)
        return context.wrap_socket(plain, server_hostname=host)


class _Connection(http.client.HTTPConnection):
    """A connection whose answers are watched as they come."""

    def __init__(self, host: str, pace: "_Pace") -> None:
        super().__init__(host, _PORT)
        self._pace = pace
        self.response_class = self._response  # type: ignore[assignment]  # called, as a class is

    def _response(self, sock: Any, **more: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Watched(sock, self._pace), **more)  # type: ignore[arg-type]  # only makefile is called


class _Watched:
    """What `http.client` reads an answer from."""

    def __init__(self, sock: Any, pace: "_Pace") -> None:
        self._sock = sock
        self._pace = pace

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_WatchedReader(self._sock.makefile(mode, 0), self._pace))


class _WatchedReader(io.RawIOBase):
    """Bytes as they come; raises LineError when they come too slowly."""

    def __init__(self, raw: io.RawIOBase, pace: "_Pace") -> None:
        super().__init__()
        self._raw = raw
        self._pace = pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        size = self._raw.readinto(buffer)
        self._pace.moved(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Pace:
    """Watches that a transfer goes on; raises LineError when it is too slow."""

    def __init__(self) -> None:
        self._begun_at = time.monotonic()
        self._moved = 0

    def moved(self, size: int) -> None:
        self._moved += size
        lasted = time.monotonic() - self._begun_at
        if lasted > _GRACE_S + self._moved / _SLOWEST_BYTES_PER_S:
            raise LineError("the transfer is too slow")


def _begin(
    connection: http.client.HTTPConnection, method: str, target: str, headers: dict[str, str]
) -> None:
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    told = {
        "Host": connection.host,  # without the port, which http.client would add
        "Origin": _ORIGIN,
        "Referer": f"{_ORIGIN}/",
        "Accept-Encoding": "identity",
        **headers,
    }
    for name, value in told.items():
        connection.putheader(name, value)
    connection.endheaders()


def _push(
    connection: http.client.HTTPConnection, body: Iterable[bytes], pace: _Pace
) -> http.client.HTTPResponse:
    try:
        for piece in body:
            connection.send(piece)
            pace.moved(len(piece))
    except OSError:
        # A host that refuses a body says so, and may hang up before it has the whole of it.
        with contextlib.suppress(OSError, http.client.HTTPException):
            return connection.getresponse()
        raise
    return connection.getresponse()


def _shut(connection: http.client.HTTPConnection) -> None:
    """Wake whoever reads or writes on a connection."""
    raw = connection.sock
    while raw is not None and not isinstance(raw, socket.socket):
        raw = getattr(raw, "socket", None)  # TLS inside TLS, as the proxy's library has it
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Make whatever fails on the way a LineError, which does not tell the address."""
    try:
        yield
    except ProxyError as error:
        raise LineError(str(error)) from None
    except TimeoutError:
        raise LineError("the media host did not answer in time") from None
    except ssl.SSLCertVerificationError as error:
        # What may follow is the name that was asked for, which may be the proxy's.
        words = error.verify_message.partition(",")[0]
        raise LineError(f"the media host, or the proxy, is not to be trusted: {words}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LineError(f"the line to the media host broke: {_words(error)}") from None


def _words(error: Exception) -> str:
    """The kind of a failure, and not what an exception says, which may be an address."""
    if isinstance(error, socket.gaierror):
        return "its name is not found"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or type(error).__name__})"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return type(error).__name__
