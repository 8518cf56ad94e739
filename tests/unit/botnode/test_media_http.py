"""What is made of media hosts that give nothing, not all or no answer."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botmesh.errors import MeshError, Reason
from botnode import media_host_download, media_host_upload, media_http
from botnode.media_host_download import Download
from botnode.media_http import Answer, Cut, LineError, MediaClient, Place
from botnode.media_ports import MediaKind, MediaReference

PLACE = Place("mmg.whatsapp.net", "/v")
OK = b"HTTP/1.1 200 OK\r\n"
# Nothing is cut for a rest as long as this.
RESTS_S = 29.0
CUT_WITHIN_S = 200.0


class Time:
    """A clock that others move."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Drip(io.RawIOBase):
    """A line on which a head comes at once, and then a byte now and then."""

    def __init__(self, time: Time, head: bytes, rest: Iterator[bytes]) -> None:
        super().__init__()
        self._time = time
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._head:
            piece, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        else:
            self._time.now += RESTS_S
            piece = next(self._rest)
        buffer[: len(piece)] = piece
        return len(piece)

    def makefile(self, _mode: str, buffering: int = -1) -> Any:
        return self if buffering == 0 else io.BufferedReader(self)

    def sendall(self, data: bytes) -> None:
        pass


def endless(piece: bytes) -> Iterator[bytes]:
    for _ in range(200_000):
        yield from (piece[at : at + 1] for at in range(len(piece)))


def pieces(answer: Answer) -> None:
    for _ in answer.pieces():
        pass


def whole(answer: Answer) -> None:
    answer.whole()


@pytest.mark.parametrize(
    ("head", "rest", "read"),
    [
        (b"", b"H", pieces),
        (OK + b"X: ", b"a", pieces),
        (OK + b"Content-Length: 1000000\r\n\r\n", b"a", pieces),
        (OK + b"Content-Length: 1000000\r\n\r\n", b"a", whole),
        (OK + b"\r\n", b"a", pieces),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", pieces),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n", pieces),
    ],
)
def test_a_byte_now_and_then_is_too_slow(
    monkeypatch: pytest.MonkeyPatch, head: bytes, rest: bytes, read: Any
) -> None:
    time = Time()
    monkeypatch.setattr(media_http, "time", time)
    client = MediaClient()
    monkeypatch.setattr(client, "_dial", lambda _: Drip(time, head, endless(rest)))

    def fetch() -> None:
        with client.get(PLACE, Cut()) as answer:
            read(answer)

    with pytest.raises(LineError, match="too slow"):
        fetch()
    assert time.now < CUT_WITHIN_S


@pytest.mark.parametrize("answer", [b"", b"[" * 65_000, b"[]", b'{"url": 1}', b"\xff"])
def test_an_answer_that_is_none_has_a_reason(answer: bytes) -> None:
    with pytest.raises(MeshError) as caught:
        media_host_upload._told(answer)
    assert caught.value.reason is Reason.MEDIA_TRANSFER_FAILED


class Hosts:
    """Media hosts that answer with a status, or break off with 0."""

    def __init__(self, *answers: int) -> None:
        self._answers = dict(zip(("mmg.whatsapp.net", "cdn.whatsapp.net"), answers, strict=True))

    @contextlib.contextmanager
    def get(self, place: Place, _cut: Cut, *, offset: int = 0) -> Iterator[Any]:
        assert not offset
        status = self._answers[place.host]
        if not status:
            raise LineError("the media host did not answer in time")
        yield SimpleNamespace(status=status)


@pytest.mark.parametrize(
    ("answers", "expired"),
    [
        ((404, 410), True),
        ((403, 404), True),
        ((404, 503), False),
        ((503, 404), False),
        ((404, 0), False),
        ((0, 403), False),
        ((429, 410), False),
    ],
)
def test_media_is_gone_only_where_all_hosts_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: tuple[int, int], expired: bool
) -> None:
    monkeypatch.setattr(media_host_download, "_PAUSE_S", 0)
    reference = MediaReference(
        MediaKind.IMAGE, "https://cdn.whatsapp.net/v", "/v", *(b"a" * 32,) * 3, file_length=9
    )
    hosts: Any = Hosts(*answers)
    with pytest.raises((MeshError, LineError)) as caught:
        Download(reference, tmp_path / "file", 100).run(hosts, Cut())
    assert (getattr(caught.value, "reason", None) is Reason.MEDIA_EXPIRED) is expired
