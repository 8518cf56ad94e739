"""What media costs in memory: 100 MiB up and down through the gateway, alone and four at once.

A real `python -m gateway` and a real `python -m botnode` (not paired: media needs no WhatsApp), and
this process as the caller. Prints how far the peak of each process's memory (PSS of
/proc/PID/smaps_rollup, sampled) lies above what it had before. The reference is the same for unary
calls of the same count: what any traffic costs.

    python -m benchmarks.media_memory [--mebibytes 100] [--piece 65536]
"""

import argparse
import asyncio
import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc.aio

from benchmarks.processes import free_port, pss_mb, running
from botmesh.v1 import media_pb2, media_pb2_grpc, tenant_pb2, tenant_pb2_grpc

TENANT = "bench"
SAMPLE_S = 0.02
AT_ONCE = 4
LIMIT_S = 600


class Peaks:
    """How far each process's memory rises above where it was."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes = processes

    async def during(self, work: Callable[[], Awaitable[None]]) -> tuple[dict[str, float], float]:
        """Peak growth in MiB by process, and how long the work took in seconds."""
        before = {name: pss_mb(pid) for name, pid in self._processes.items()}
        peak = dict(before)
        started = time.perf_counter()
        task = asyncio.ensure_future(work())
        while not task.done():
            await asyncio.wait({task}, timeout=SAMPLE_S)
            for name, pid in self._processes.items():
                peak[name] = max(peak[name], pss_mb(pid))
        task.result()
        took = time.perf_counter() - started
        return {name: peak[name] - before[name] for name in before}, took


class Caller:
    """Moves media through the gateway."""

    def __init__(self, channel: grpc.aio.Channel, size: int, piece: int) -> None:
        self._stub = media_pb2_grpc.MediaServiceStub(channel)
        self._size = size
        self._piece = os.urandom(piece)
        digest = hashlib.sha256()
        for _ in range(size // piece):
            digest.update(self._piece)
        self._sha256 = digest.digest()

    async def upload(self) -> str:
        """Upload; return the media's id."""
        answer = await self._stub.UploadMedia(self._requests(), timeout=LIMIT_S)
        return answer.media.media_id

    async def _requests(self) -> AsyncIterator[media_pb2.UploadMediaRequest]:
        start = media_pb2.UploadStart(
            media_id=str(uuid.uuid4()), size_bytes=self._size, sha256=self._sha256
        )
        yield media_pb2.UploadMediaRequest(tenant_id=TENANT, start=start)
        for _ in range(self._size // len(self._piece)):
            yield media_pb2.UploadMediaRequest(data=self._piece)

    async def download(self, media_id: str) -> None:
        """Download, and look whether the bytes are the same."""
        digest = hashlib.sha256()
        request = media_pb2.DownloadMediaRequest(tenant_id=TENANT, media_id=media_id)
        async for item in self._stub.DownloadMedia(request, timeout=LIMIT_S):
            digest.update(item.data)
        if digest.digest() != self._sha256:
            raise SystemExit("what came down is not what went up")

    async def ask(self, media_id: str) -> None:
        """As many unary calls as an upload has messages."""
        request = media_pb2.GetMediaRequest(tenant_id=TENANT, media_id=media_id)
        for _ in range(self._size // len(self._piece)):
            await self._stub.GetMedia(request, timeout=30)


async def compare(caller: Caller, peaks: Peaks, size: int) -> None:
    """Print one line for each kind of traffic."""
    media_ids: list[str] = []

    async def up(times: int) -> None:
        media_ids.extend(await asyncio.gather(*(caller.upload() for _ in range(times))))

    async def down(times: int) -> None:
        await asyncio.gather(*(caller.download(media_ids[n]) for n in range(times)))

    async def asked() -> None:
        await caller.ask(media_ids[0])

    rounds: list[tuple[str, Callable[[], Awaitable[None]], int]] = [
        ("first upload", lambda: up(1), 1),
        ("unary calls (reference)", asked, 0),
        ("one up", lambda: up(1), 1),
        ("one down", lambda: down(1), 1),
        (f"{AT_ONCE} up at once", lambda: up(AT_ONCE), AT_ONCE),
        (f"{AT_ONCE} down at once", lambda: down(AT_ONCE), AT_ONCE),
        (f"{AT_ONCE} up at once again", lambda: up(AT_ONCE), AT_ONCE),
    ]
    print("                           peak growth in MiB")
    print("                           gateway   botnode      MB/s")
    for name, work, count in rounds:
        growth, took = await peaks.during(work)
        rate = f"{count * size / took / 1e6:10.0f}" if count else ""
        print(f"{name:25}  {growth['gateway']:7.1f}  {growth['botnode']:8.1f}{rate}", flush=True)


async def main(size: int, piece: int) -> None:
    """Start the processes and compare."""
    gateway_port, bot_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        mesh = {"BOTMESH_DATA_DIR": folder, "BOTMESH_MESH": "bench"}
        with (
            running("gateway", BOTMESH_GATEWAY_PORT=str(gateway_port), **mesh) as gateway,
            running("botnode", TENANT_ID=TENANT, BOT_API_PORT=str(bot_port), **mesh) as botnode,
        ):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway_port}") as channel:
                await tenant_pb2_grpc.TenantServiceStub(channel).CreateTenant(
                    tenant_pb2.CreateTenantRequest(tenant_id=TENANT, bot_port=bot_port),
                    wait_for_ready=True,
                )
                peaks = Peaks({"gateway": gateway.pid, "botnode": botnode.pid})
                await compare(Caller(channel, size, piece), peaks, size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=100)
    parser.add_argument("--piece", type=int, default=65_536)
    given = parser.parse_args()
    asyncio.run(main(given.mebibytes * 1024 * 1024, given.piece))
