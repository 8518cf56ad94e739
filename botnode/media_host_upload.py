"""Bringing one file to a media host: encrypted on the way, in pieces.

The address has the hash of the encrypted bytes in it, so the file is encrypted twice: once for the
hash, once for the host. That costs a second of one core for 100 MB, and neither memory nor disk.

Source: whatsmeow's upload.go.
"""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from botmesh.errors import MeshError, Reason
from botnode.media_cipher import Encryption, encrypted_size
from botnode.media_http import PIECE_BYTES, Cut, MediaClient, PlaceError, place_at
from botnode.media_ports import MediaKind, Uploaded
from botnode.media_trouble import failed
from botnode.whatsapp_media import Ticket

_MMS_KINDS = {MediaKind.STICKER: MediaKind.IMAGE}
_OK, _TOO_LARGE = 200, 413
_TICKET_REFUSED = (401, 403)


def run(
    client: MediaClient, cut: Cut, path: Path, kind: MediaKind, ticket: Ticket
) -> Uploaded | None:
    """Bring a file to the media host; None if it does not take the ticket.

    Raises:
        MeshError: MEDIA_TRANSFER_FAILED, MEDIA_TOO_LARGE, MEDIA_DAMAGED.
        LineError: the transfer did not come to its end.
        OSError: the file cannot be read.
    """
    made_at = datetime.now(UTC)
    hashed = Encryption(kind)
    for _ in _sealed(path, hashed):
        cut.check()
    token = base64.urlsafe_b64encode(hashed.enc_sha256).decode()
    query = urlencode({"auth": ticket.auth, "token": token})
    try:
        place = place_at(ticket.host, f"/mms/{_MMS_KINDS.get(kind, kind)}/{token}?{query}")
    except PlaceError as error:
        raise failed(str(error)) from None
    body, length = _again(path, kind, hashed), encrypted_size(hashed.size)
    with client.post(place, cut, body=body, length=length) as answer:
        if answer.status in _TICKET_REFUSED:
            return None
        if answer.status == _TOO_LARGE:
            raise MeshError(Reason.MEDIA_TOO_LARGE, "WhatsApp's media host finds it too large")
        if answer.status != _OK:
            raise failed(f"the media host answered {answer.status}", answer.status)
        url, direct_path = _told(answer.whole())
    return Uploaded(
        url=url,
        direct_path=direct_path,
        media_key=hashed.media_key,
        media_key_time=made_at,
        file_sha256=hashed.sha256,
        file_enc_sha256=hashed.enc_sha256,
        file_length=hashed.size,
    )


def _sealed(path: Path, encryption: Encryption) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield encryption.update(piece)
    yield encryption.finish()


def _again(path: Path, kind: MediaKind, hashed: Encryption) -> Iterator[bytes]:
    """The same encrypted bytes once more; raises MeshError before the host would take others."""
    encryption = Encryption(kind, hashed.media_key)
    pieces, last = _sealed(path, encryption), b""
    for piece in pieces:
        if encryption.size > hashed.size:
            break
        yield last
        last = piece
    if encryption.size != hashed.size or encryption.enc_sha256 != hashed.enc_sha256:
        raise MeshError(Reason.MEDIA_DAMAGED, "the file changed while it was being sent")
    yield last


def _told(answer: bytes) -> tuple[str, str]:
    """Where the media lies, as the host says; raises MeshError."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        url, direct_path = told.get("url"), told.get("direct_path")
        if isinstance(url, str) and isinstance(direct_path, str) and url and direct_path:
            return url, direct_path
    raise failed("the media host did not say where the media lies")
