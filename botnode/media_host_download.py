"""Fetching one piece of media from a media host: checked and decrypted on the way, in pieces.

Whoever wrote the message chose all that it says about its media. So nothing of it is believed: the
place must be WhatsApp's, the size is counted, the bytes are good only when key, code and hashes
agree.

Source: whatsmeow's download.go.
"""

import base64
import contextlib
import os
import time
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

from botmesh.errors import MeshError, Reason
from botnode.media_cipher import DamagedError, Decryption, encrypted_size
from botnode.media_http import (
    Answer,
    Cut,
    LineError,
    MediaClient,
    Place,
    PlaceError,
    place_at,
    place_of,
)
from botnode.media_ports import MediaKind, MediaReference
from botnode.media_trouble import too_large

HOST = "mmg.whatsapp.net"

# How often a transfer that breaks off goes on where it broke off.
_TRIES = 3
_PAUSE_S = 0.25
_MMS_KINDS = {MediaKind.STICKER: MediaKind.IMAGE}
_OK, _PARTIAL = 200, 206
_GONE = (403, 404, 410)  # 403: an address that is too old, as whatsmeow's users take it


class Download:
    """One download into one file."""

    def __init__(self, reference: MediaReference, path: Path, limit_bytes: int) -> None:
        """Begin; raises MeshError MEDIA_DAMAGED where the message cannot be right."""
        self._reference = reference
        self._path = path
        self._limit_bytes = limit_bytes
        self._decryption = self._begin()

    def run(self, client: MediaClient, cut: Cut) -> int:
        """Fetch it; return how many bytes it has.

        Raises:
            MeshError: MEDIA_EXPIRED, MEDIA_DAMAGED, MEDIA_TOO_LARGE, MEDIA_TRANSFER_FAILED.
            LineError: the transfer did not come to its end.
            OSError: the file cannot be written.
        """
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW
        trouble: LineError | None = None
        with os.fdopen(os.open(self._path, flags, 0o600), "wb") as file:
            for place in places(self._reference):
                try:
                    status = self._fetch_from(place, client, cut, file)
                except LineError as error:
                    cut.check()
                    trouble = error
                    continue
                if status in (_OK, _PARTIAL):
                    return self._decryption.size
                if status not in _GONE:
                    trouble = LineError(f"the media host answered {status}")
        # One place that has trouble may have what the others do not.
        if trouble is not None:
            raise trouble
        raise MeshError(Reason.MEDIA_EXPIRED, "WhatsApp does not keep the media any more")

    def _fetch_from(self, place: Place, client: MediaClient, cut: Cut, file: IO[bytes]) -> int:
        """Fetch it from a place, going on where it broke off; return the status."""
        for attempt in range(_TRIES):
            try:
                with client.get(place, cut, offset=self._decryption.taken) as answer:
                    if answer.status in (_OK, _PARTIAL):
                        self._take(answer, file)
                    return answer.status
            except LineError:
                cut.check()
                if attempt == _TRIES - 1:
                    raise
                time.sleep(_PAUSE_S * 2**attempt)
        raise AssertionError

    def _take(self, answer: Answer, file: IO[bytes]) -> None:
        if answer.status == _OK and self._decryption.taken:
            self._decryption = self._begin()
            file.seek(0)
            file.truncate()
        elif answer.status == _PARTIAL and not self._goes_on(answer):
            raise LineError("the media host gave another part than was asked for")
        most = encrypted_size(self._limit_bytes)
        if answer.length is not None and self._decryption.taken + answer.length > most:
            raise too_large(self._limit_bytes)
        for piece in answer.pieces():
            file.write(self._decryption.update(piece))
            if self._decryption.taken > most or self._decryption.size > self._limit_bytes:
                raise too_large(self._limit_bytes)
        try:
            file.write(self._decryption.finish())
        except DamagedError as error:
            if answer.length is None and self._is_short():
                raise LineError("the transfer broke off") from None
            raise _damaged(str(error)) from None
        if self._decryption.size > self._limit_bytes:
            raise too_large(self._limit_bytes)
        file.flush()

    def _goes_on(self, answer: Answer) -> bool:
        return answer.content_range.startswith(f"bytes {self._decryption.taken}-")

    def _is_short(self) -> bool:
        return self._decryption.taken < encrypted_size(self._reference.file_length)

    def _begin(self) -> Decryption:
        reference = self._reference
        try:
            return Decryption(
                reference.kind,
                reference.media_key,
                reference.file_sha256,
                reference.file_enc_sha256,
            )
        except DamagedError as error:
            raise _damaged(str(error)) from None


def places(reference: MediaReference) -> list[Place]:
    """Where the media may be asked for; raises MeshError where that is nowhere at WhatsApp's."""
    found = []
    with contextlib.suppress(PlaceError):
        if reference.direct_path:
            found.append(place_at(HOST, _target(reference)))
    with contextlib.suppress(PlaceError):
        if reference.url and (place := place_of(reference.url)).host not in _hosts(found):
            found.append(place)
    if not found:
        raise _damaged("the message names no place at WhatsApp's media hosts")
    return found


def _hosts(found: list[Place]) -> set[str]:
    return {place.host for place in found}


def _target(reference: MediaReference) -> str:
    """A direct path with what whatsmeow adds to it."""
    added = urlencode(
        {
            "hash": base64.urlsafe_b64encode(reference.file_enc_sha256).decode(),
            "mms-type": _MMS_KINDS.get(reference.kind, reference.kind).value,
            "__wa-mms": "",
        }
    )
    path = reference.direct_path
    return f"{path}{'&' if '?' in path else '?'}{added}"


def _damaged(text: str) -> MeshError:
    return MeshError(Reason.MEDIA_DAMAGED, text)
