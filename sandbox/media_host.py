"""The media host: takes encrypted bodies and gives them back, over HTTP inside a tunnel.

``POST /mms/<kind>/<base64url of the body's SHA-256>?auth=..&token=..`` takes one and answers with
where it is; ``GET`` of that place gives it back, whole or from a byte on. Bodies go through in
pieces and stand on disk; none is ever whole in memory.

Source: whatsmeow's upload.go and download.go.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

import structlog

from sandbox.faults import Disturbance, DisturbMedia, Faults, Transfer
from sandbox.media_auth import MediaAuth
from sandbox.media_cipher import KINDS
from sandbox.media_course import Course
from sandbox.state.media import HOSTS, Media, MediaBodies
from sandbox.unknown import Kind, Unknown

PIECE: Final = 64 * 1024
_LINGER_SECONDS: Final = 2.0
_UPLOAD: Final = re.compile(r"/mms/([a-z-]+)/([A-Za-z0-9_=-]+)")
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
_log = structlog.get_logger()


@dataclass(slots=True)
class _Request:
    method: str
    target: str
    headers: dict[str, str]

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = parts.path
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}

    path: str = field(init=False)
    query: dict[str, str] = field(init=False)

    @property
    def length(self) -> int | None:
        """How many bytes of body are announced."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdigit() else None


class _StatusError(Exception):
    """A request that is answered with a status alone."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = HTTPStatus(status)
        self.headers = headers or {}


class MediaHost:
    """Serves the connections to the hosts that media is at."""

    def __init__(
        self, bodies: MediaBodies, auth: MediaAuth, faults: Faults, unknown: Unknown
    ) -> None:
        self._bodies = bodies
        self._auth = auth
        self._faults = faults
        self._unknown = unknown

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        try:
            with contextlib.suppress(*ends):
                while await self._answer(reader, writer):
                    await writer.drain()
        except Exception as error:  # noqa: BLE001 - logged; one connection must not end all
            _log.exception("media_connection_failed")
            self._unknown.report(Kind.REQUEST, "", f"the media host failed: {error!r}")
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow: not where a body is under way."""
        head = await reader.readuntil(b"\r\n\r\n")
        request = _parsed(head.decode("latin-1"))
        upload = _UPLOAD.fullmatch(request.path)
        try:
            if request.method == "POST" and upload is not None:
                await self._take(request, (upload[1], upload[2]), reader, writer)
                return True
            return await self._give(request, writer)
        except _StatusError as error:
            headers = {"Content-Length": "0", "Connection": "close", **error.headers}
            _head(writer, error.status, headers)
            await writer.drain()
            await _linger(reader)
            return False

    async def _take(
        self,
        request: _Request,
        place: tuple[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        kind, token = place
        number = self._auth.holder(request.query.get("auth", ""))
        if number is None:
            raise _StatusError(HTTPStatus.UNAUTHORIZED)
        if kind not in KINDS or request.query.get("token") != token:
            self._report(request)
            raise _StatusError(HTTPStatus.BAD_REQUEST)
        length = request.length
        if length is None:
            raise _StatusError(HTTPStatus.LENGTH_REQUIRED)
        course = self._course(writer, Transfer.UPLOAD, number)
        with self._bodies.arriving() as file:
            digest, done = hashlib.sha256(), 0
            while done < length:
                piece = await reader.read(await course.next(done, min(PIECE, length - done)))
                if not piece:
                    raise ConnectionResetError
                digest.update(piece)
                file.write(piece)
                done += len(piece)
            await course.finish(done)
            if base64.urlsafe_b64encode(digest.digest()).decode() != token:
                raise _StatusError(HTTPStatus.BAD_REQUEST)
            media = self._bodies.add(file, kind, number, digest.digest())
        told = {"url": media.url, "direct_path": media.direct_path, "object_id": media.id}
        body = json.dumps(told).encode()
        _head(writer, HTTPStatus.OK, {"Content-Length": str(len(body))})
        writer.write(body)

    async def _give(self, request: _Request, writer: asyncio.StreamWriter) -> bool:
        media = self._bodies.at(request.path)
        if request.method != "GET" or not request.path.startswith("/v/"):
            self._report(request)
        if request.method != "GET" or media is None:
            raise _StatusError(HTTPStatus.NOT_FOUND)
        course = self._course(writer, Transfer.DOWNLOAD, media.number)
        if course.how is Disturbance.REDIRECT:
            place = f"https://{HOSTS[-1]}{request.target}"
            raise _StatusError(HTTPStatus.FOUND, {"Location": place})
        if media.expired:
            raise _StatusError(HTTPStatus.GONE)
        _check(request, media)
        asked = request.headers.get("range")
        span = _span(asked, media.size) if asked else range(media.size)
        if not span:
            raise _StatusError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        await self._send(media, span, course, writer, partly=asked is not None)
        return course.how is not Disturbance.LENGTHEN

    async def _send(
        self,
        media: Media,
        span: range,
        course: Course,
        writer: asyncio.StreamWriter,
        *,
        partly: bool,
    ) -> None:
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        if course.how is Disturbance.LENGTHEN:
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(span))
        if partly:
            headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{media.size}"
        _head(writer, HTTPStatus.PARTIAL_CONTENT if partly else HTTPStatus.OK, headers)
        with self._bodies.open(media) as file:
            file.seek(span.start)
            done = 0
            while done < len(span):
                piece = file.read(await course.next(done, min(PIECE, len(span) - done)))
                writer.write(course.damaged(piece, done))
                await writer.drain()
                done += len(piece)
        await course.finish(done)
        for piece in course.more():
            writer.write(piece)
            await writer.drain()

    def _course(self, writer: asyncio.StreamWriter, transfer: Transfer, number: str) -> Course:
        """How a body of a number's goes; raises _StatusError if a fault refuses it."""
        fault = self._faults.caught(
            lambda found: isinstance(found, DisturbMedia) and found.transfer in (None, transfer),
            number,
        )
        course = Course(writer.transport, fault)
        if course.status:
            raise _StatusError(course.status)
        return course

    def _report(self, request: _Request) -> None:
        self._unknown.report(Kind.REQUEST, "", f"{request.method} {request.path}")


async def _linger(reader: asyncio.StreamReader) -> None:
    """Take in what is still under way: a reset would overtake the answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while await reader.read(PIECE):
                pass


def _parsed(head: str) -> _Request:
    line, *lines = head.rstrip("\r\n").split("\r\n")
    method, _, rest = line.partition(" ")
    headers = {}
    for item in lines:
        name, _, value = item.partition(":")
        headers[name.strip().lower()] = value.strip()
    return _Request(method, rest.rpartition(" ")[0], headers)


def _check(request: _Request, media: Media) -> None:
    """Refuse a place that is forged, or a client that says something else of the body than we."""
    told = base64.urlsafe_b64encode(media.enc_sha256).decode()
    if request.query.get("oh") != media.signature:
        raise _StatusError(HTTPStatus.FORBIDDEN)
    if request.query.get("hash", told) != told:
        raise _StatusError(HTTPStatus.NOT_FOUND)
    if request.query.get("mms-type", media.kind) != media.kind:
        raise _StatusError(HTTPStatus.NOT_FOUND)


def _span(asked: str, size: int) -> range:
    found = _RANGE.fullmatch(asked)
    if found is None:
        return range(0)
    return range(int(found[1]), min(int(found[2] or size) + bool(found[2]), size))


def _head(writer: asyncio.StreamWriter, status: HTTPStatus, headers: dict[str, str]) -> None:
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
