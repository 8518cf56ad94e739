"""A way to WhatsApp's media hosts that does what a test says."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from botnode.clock import now
from botnode.media_ports import MediaKind, MediaReference, Uploaded


class FakeTransfer:
    """The `MediaTransfer` port.

    Attributes:
        uploads: what was brought, as what.
        before: what an upload does first: waits, or raises.
        fetch: what a download does; without, it never ends.
        fetched: what downloads asked for.
    """

    def __init__(self) -> None:
        self.uploads: list[tuple[bytes, MediaKind]] = []
        self.before: Callable[[], Awaitable[None]] | None = None
        self.fetch: Callable[[MediaReference, Path, int], Awaitable[int]] | None = None
        self.fetched: list[MediaReference] = []

    async def upload(self, path: Path, kind: MediaKind) -> Uploaded:
        content = path.read_bytes()  # noqa: ASYNC240 - a small one
        self.uploads.append((content, kind))
        if self.before is not None:
            await self.before()
        return Uploaded(
            url=f"https://media.example/{len(self.uploads)}",
            direct_path=f"/v/{len(self.uploads)}?x",
            media_key=bytes(32),
            media_key_time=now(),
            file_sha256=hashlib.sha256(content).digest(),
            file_enc_sha256=bytes(32),
            file_length=len(content),
        )

    async def download(self, reference: MediaReference, path: Path, limit_bytes: int) -> int:
        self.fetched.append(reference)
        if self.fetch is None:
            await asyncio.Event().wait()
            raise AssertionError
        return await self.fetch(reference, path, limit_bytes)
