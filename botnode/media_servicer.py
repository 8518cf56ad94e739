"""MediaService for one tenant: turns pb into work on the tenant's media and back."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from botmesh.errors import MeshError, Reason, Violation, invalid, invalid_fields
from botmesh.v1 import media_pb2, media_pb2_grpc
from botnode.calls import Context, TenantCalls
from botnode.convert import media_to_pb
from botnode.deadlines import patience_s
from botnode.media import MOST_BYTES, canonical_media_id, is_content_type
from botnode.media_rows import Announced
from botnode.media_upload import IDLE_S
from botnode.tenant import Tenant

MOST_PIECE = 1_048_576
# How long a download without a deadline waits for media that is still fetched.
NO_DEADLINE_S = 30.0
SHA256_BYTES = 32
# How long a piece that is being written may hold up the end of a download.
LAST_PIECE_S = 1.0

_Requests = AsyncIterator[media_pb2.UploadMediaRequest]


class MediaServicer(media_pb2_grpc.MediaServiceServicer):
    """The contract's MediaService."""

    def __init__(self, calls: TenantCalls) -> None:
        self._calls = calls

    async def UploadMedia(
        self, request_iterator: _Requests, context: Context
    ) -> media_pb2.UploadMediaResponse:
        return await self._calls.unless_stopped(self._upload(aiter(request_iterator), context))

    async def _upload(self, requests: _Requests, context: Context) -> media_pb2.UploadMediaResponse:
        try:
            async with asyncio.timeout(IDLE_S):
                first = await anext(requests, media_pb2.UploadMediaRequest())
        except TimeoutError:
            raise invalid("start", f"did not come within {IDLE_S:g} s") from None
        self._calls.check(first, context)
        tenant = self._calls.tenant()
        if not first.HasField("start"):
            raise invalid("start", "is required in the first request")
        announced, resumable = announced_by(first.start)
        media = await tenant.media.upload(
            announced, first.start.offset, _pieces(requests, first.tenant_id), resumable=resumable
        )
        return media_pb2.UploadMediaResponse(media=media_to_pb(media))

    async def GetMedia(
        self, request: media_pb2.GetMediaRequest, context: Context
    ) -> media_pb2.GetMediaResponse:
        self._calls.check(request, context)
        media = await self._calls.tenant().media.get(checked_media_id(request.media_id))
        return media_pb2.GetMediaResponse(media=media_to_pb(media))

    async def DownloadMedia(  # type: ignore[override]  # gRPC's other way: it writes
        self, request: media_pb2.DownloadMediaRequest, context: Context
    ) -> None:
        self._calls.check(request, context)
        with self._calls.open_until_stop():
            async with aclosing(self._download(self._calls.tenant(), request, context)) as items:
                async for item in items:
                    await _write(context, item)

    async def _download(
        self, tenant: Tenant, request: media_pb2.DownloadMediaRequest, context: Context
    ) -> AsyncGenerator[media_pb2.DownloadMediaResponse, None]:
        media_id = checked_media_id(request.media_id)
        if request.offset < 0:
            raise invalid("offset", "must not be negative")
        media = await tenant.media.fetched(media_id, patience_s(context, NO_DEADLINE_S))
        if request.offset > media.size_bytes:
            raise invalid("offset", f"is behind the end: the media has {media.size_bytes} bytes")
        yield media_pb2.DownloadMediaResponse(media=media_to_pb(media))
        async with aclosing(tenant.media.read(media, request.offset)) as pieces:
            async for piece in pieces:
                yield media_pb2.DownloadMediaResponse(data=piece)

    async def DeleteMedia(
        self, request: media_pb2.DeleteMediaRequest, context: Context
    ) -> media_pb2.DeleteMediaResponse:
        self._calls.check(request, context)
        await self._calls.tenant().media.delete(checked_media_id(request.media_id))
        return media_pb2.DeleteMediaResponse()


async def _pieces(requests: _Requests, tenant_id: str) -> AsyncIterator[bytes]:
    """The bytes that the requests after the first bring."""
    async for request in requests:
        if request.tenant_id not in ("", tenant_id):
            raise invalid("tenant_id", "differs from the first request's")
        if request.WhichOneof("part") != "data":
            raise invalid("data", "is required after the first request")
        if not 1 <= len(request.data) <= MOST_PIECE:
            raise invalid("data", f"must be 1 to {MOST_PIECE} bytes")
        yield request.data


def announced_by(start: media_pb2.UploadStart) -> tuple[Announced, bool]:
    """What an upload shall bring, and whether it can go on if it breaks off.

    Raises:
        MeshError: INVALID_REQUEST, naming every field that is wrong, or MEDIA_TOO_LARGE.
    """
    media_id = canonical_media_id(start.media_id) if start.media_id else str(uuid.uuid4())
    violations = []
    if media_id is None:
        violations.append(Violation("start.media_id", "must be a UUID, or empty"))
    if start.size_bytes < 1:
        violations.append(Violation("start.size_bytes", "must be at least 1"))
    if len(start.sha256) != SHA256_BYTES:
        violations.append(Violation("start.sha256", f"must be {SHA256_BYTES} bytes"))
    if start.content_type and not is_content_type(start.content_type):
        violations.append(Violation("start.content_type", "is no MIME type"))
    if start.offset < 0:
        violations.append(Violation("start.offset", "must not be negative"))
    if start.offset and not start.media_id:
        violations.append(Violation("start.media_id", "is required to go on with an upload"))
    if violations or media_id is None:
        raise invalid_fields(violations)
    if start.size_bytes > MOST_BYTES:
        text = f"the media has {start.size_bytes} bytes, {MOST_BYTES} at most"
        raise MeshError(
            Reason.MEDIA_TOO_LARGE, text, violations=[Violation("start.size_bytes", text)]
        )
    announced = Announced(media_id, start.size_bytes, start.sha256, start.content_type)
    return announced, bool(start.media_id)


async def _write(context: Context, item: media_pb2.DownloadMediaResponse) -> None:
    """Write a piece; once it is begun it is finished, if the caller takes it.

    While gRPC's core has a message in hand it takes no status, and the caller would not be told
    why the download ends.
    """
    writing = asyncio.ensure_future(context.write(item))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing}, timeout=LAST_PIECE_S)
        writing.cancel()
        raise


def checked_media_id(value: str, field: str = "media_id") -> str:
    """A media id in its one spelling.

    Raises:
        MeshError: INVALID_REQUEST.
    """
    if not value:
        raise invalid(field, "is required")
    media_id = canonical_media_id(value)
    if media_id is None:
        raise invalid(field, "must be a UUID")
    return media_id
