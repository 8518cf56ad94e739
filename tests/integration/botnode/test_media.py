"""MediaService of a botnode: a real server, a real folder."""

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1 import media_pb2, media_pb2_grpc
from botnode import media_rows, media_servicer, media_store, media_upload
from botnode.clock import now_ms
from botnode.media_ports import MediaKind, MediaReference, ReceivedMedia
from botnode.media_store import PIECE_BYTES
from botnode.tables import media as media_table
from tests import media_samples
from tests.integration.botnode.conftest import Node, error_of, eventually, typed_errors
from tests.integration.botnode.fake_whatsapp import ACCOUNT

CONTENT = os.urandom(300_000)


class Client:
    """Calls MediaService of a node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.stub = media_pb2_grpc.MediaServiceStub(node.channel)
        self.tenant_id = node.identity.tenant_id

    def start(self, content: bytes = CONTENT, **fields: Any) -> media_pb2.UploadMediaRequest:
        usual: dict[str, Any] = {
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).digest(),
        }
        start = media_pb2.UploadStart(**(usual | fields))
        return media_pb2.UploadMediaRequest(tenant_id=self.tenant_id, start=start)

    async def upload(
        self, content: bytes = CONTENT, piece: int = 65_536, **fields: Any
    ) -> media_pb2.StoredMedia:
        offset = fields.get("offset", 0)
        return await self.send([self.start(content, **fields), *data(content[offset:], piece)])

    async def send(self, requests: Any) -> media_pb2.StoredMedia:
        with typed_errors():
            return await asyncio.to_thread(self._send, requests)

    def _send(self, requests: Any) -> media_pb2.StoredMedia:
        # Not grpc.aio: where an answer comes before the last request was written, that puts an
        # error of its own in its place.
        with grpc.insecure_channel(self.node.address) as channel:
            stub = media_pb2_grpc.MediaServiceStub(channel)
            upload: Any = stub.UploadMedia
            return upload(iter(requests), metadata=self.node.metadata, timeout=10).media

    def open(self) -> Any:
        """An upload that a test writes message by message."""
        return self.stub.UploadMedia(metadata=self.node.metadata)

    async def get(self, media_id: str) -> media_pb2.StoredMedia:
        request = media_pb2.GetMediaRequest(tenant_id=self.tenant_id, media_id=media_id)
        with typed_errors():
            return (await self.stub.GetMedia(request, metadata=self.node.metadata)).media

    async def download(
        self, media_id: str, offset: int = 0, timeout_s: float = 10
    ) -> tuple[media_pb2.StoredMedia, list[bytes]]:
        request = media_pb2.DownloadMediaRequest(
            tenant_id=self.tenant_id, media_id=media_id, offset=offset
        )
        call = self.stub.DownloadMedia(request, metadata=self.node.metadata, timeout=timeout_s)
        with typed_errors():
            items = [item async for item in call]
        return items[0].media, [item.data for item in items[1:]]

    async def delete(self, media_id: str) -> None:
        request = media_pb2.DeleteMediaRequest(tenant_id=self.tenant_id, media_id=media_id)
        with typed_errors():
            await self.stub.DeleteMedia(request, metadata=self.node.metadata)

    @property
    def files(self) -> dict[str, int]:
        """What is in the folder: names and sizes."""
        sizes = {}
        for entry in self.node.folder.media.iterdir():
            with contextlib.suppress(FileNotFoundError):  # it goes as we look
                sizes[entry.name] = entry.stat().st_size
        return sizes

    async def begin(self, media_id: str, content: bytes = CONTENT, size: int = 100_000) -> Any:
        """An upload that has brought its first bytes, and stays open."""
        call = self.open()
        await call.write(self.start(content, media_id=media_id))
        await call.write(media_pb2.UploadMediaRequest(data=content[:size]))
        await eventually(lambda: size in self.files.values())
        return call


def data(content: bytes, piece: int = 65_536) -> Iterator[media_pb2.UploadMediaRequest]:
    for begin in range(0, len(content), piece):
        yield media_pb2.UploadMediaRequest(data=content[begin : begin + piece])


def new_id() -> str:
    return str(uuid.uuid4())


async def failure_of(call: Any) -> MeshError:
    async def wait() -> Any:
        with typed_errors():
            return await call

    return await error_of(wait())


@pytest.fixture
def client(node: Node) -> Client:
    return Client(node)


async def test_what_goes_up_comes_down(client: Client) -> None:
    media_id = new_id()
    stored = await client.upload(media_id=media_id.upper(), content_type="text/plain")
    assert (stored.media_id, stored.state) == (media_id, media_pb2.MEDIA_STATE_AVAILABLE)
    assert (stored.size_bytes, stored.stored_bytes) == (len(CONTENT), len(CONTENT))
    assert stored.content_type == "text/plain"
    assert 6.9 < (stored.expire_time.seconds - stored.create_time.seconds) / 86400 < 7.1
    record, pieces = await client.download(media_id)
    assert record == stored == await client.get(media_id)
    assert b"".join(pieces) == CONTENT
    assert max(map(len, pieces)) == PIECE_BYTES
    _, rest = await client.download(media_id, offset=299_990)
    assert rest == [CONTENT[-10:]]
    assert await client.download(media_id, offset=len(CONTENT)) == (record, [])
    error = await error_of(client.download(media_id, offset=len(CONTENT) + 1))
    assert [v.field for v in error.violations] == ["offset"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "image/png"),
        ("application/octet-stream", "image/png"),
        ("application/pdf", "image/png"),
        ("image/png; a=b", "image/png; a=b"),
    ],
)
async def test_the_bytes_tell_the_type(client: Client, said: str, told: str) -> None:
    picture = media_samples.picture("PNG", (9, 9))
    assert (await client.upload(picture, content_type=said)).content_type == told


async def test_the_files_are_the_tenants_alone_and_named_here(client: Client) -> None:
    media_id = new_id()
    await client.upload(media_id=media_id)
    folder = client.node.folder.media
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(uuid.UUID(file.name)) == file.name != media_id


async def test_without_an_id_one_is_made(client: Client) -> None:
    first, second = await client.upload(), await client.upload()
    assert uuid.UUID(first.media_id) != uuid.UUID(second.media_id)


async def test_a_whole_upload_is_answered_at_once(client: Client) -> None:
    media_id = new_id()
    stored = await client.upload(media_id=media_id)
    again = await client.send([client.start(media_id=media_id)])  # without its bytes
    assert (again.media_id, again.stored_bytes) == (media_id, stored.stored_bytes)
    assert len(client.files) == 1


async def test_an_id_stands_for_one_content(client: Client) -> None:
    media_id = new_id()
    await client.upload(media_id=media_id)
    other = await error_of(client.upload(b"other", media_id=media_id))
    assert other.reason is Reason.MEDIA_ID_REUSED
    unfinished = new_id()
    call = await client.begin(unfinished)
    call.cancel()
    other = await error_of(client.upload(b"other", media_id=unfinished))
    assert other.reason is Reason.MEDIA_ID_REUSED


async def test_an_upload_that_broke_off_goes_on(client: Client) -> None:
    media_id = new_id()
    call = await client.begin(media_id)
    call.cancel()
    stored = await client.get(media_id)
    assert (stored.state, stored.stored_bytes) == (media_pb2.MEDIA_STATE_UPLOADING, 100_000)
    for offset in (0, 99_999, 100_001):
        error = await error_of(client.upload(media_id=media_id, offset=offset))
        assert error.reason is Reason.MEDIA_OFFSET_WRONG
        assert error.metadata["stored_bytes"] == "100000"
    error = await error_of(client.download(media_id))
    assert error.reason is Reason.MEDIA_INCOMPLETE
    await client.upload(media_id=media_id, offset=100_000)
    assert b"".join((await client.download(media_id))[1]) == CONTENT


async def test_an_upload_goes_on_after_the_process_was_killed(
    make_node: Callable[..., Node],
) -> None:
    first = await make_node().start(dataclasses.replace(ACCOUNT))
    media_id = new_id()
    call = await Client(first).begin(media_id)
    await first.crash()
    second = await make_node().start(dataclasses.replace(ACCOUNT))
    client = Client(second)
    assert (await client.get(media_id)).stored_bytes == 100_000
    stored = await client.upload(media_id=media_id, offset=100_000)
    assert stored.state == media_pb2.MEDIA_STATE_AVAILABLE
    del call


async def test_a_stream_that_ends_early_can_go_on(client: Client) -> None:
    media_id = new_id()
    requests = [client.start(media_id=media_id), *data(CONTENT[:70_000])]
    error = await error_of(client.send(requests))
    assert error.reason is Reason.MEDIA_INCOMPLETE
    assert error.metadata["stored_bytes"] == "70000"
    await client.upload(media_id=media_id, offset=70_000)


async def test_without_an_id_of_the_callers_nothing_stays(client: Client) -> None:
    error = await error_of(client.send([client.start(), *data(CONTENT[:70_000])]))
    assert error.reason is Reason.MEDIA_INCOMPLETE
    assert client.files == {}
    call = await client.begin("")
    call.cancel()
    await eventually(lambda: client.files == {})


@pytest.mark.parametrize("sent", [CONTENT + b"!", CONTENT[:-1] + b"!"], ids=["longer", "other"])
async def test_what_is_not_as_announced_is_forgotten(client: Client, sent: bytes) -> None:
    media_id = new_id()
    error = await error_of(client.send([client.start(media_id=media_id), *data(sent)]))
    assert error.reason is Reason.MEDIA_DAMAGED
    assert client.files == {}
    assert (await error_of(client.get(media_id))).reason is Reason.MEDIA_NOT_FOUND
    await client.upload(media_id=media_id)  # the same id may be used again


async def test_a_file_that_changed_while_it_rested_is_damaged(client: Client) -> None:
    media_id = new_id()
    call = await client.begin(media_id)
    call.cancel()
    (file,) = client.node.folder.media.iterdir()
    await eventually(lambda: not client.node.tenant.media._uploads)
    file.write_bytes(bytes(100_000))
    error = await error_of(client.upload(media_id=media_id, offset=100_000))
    assert error.reason is Reason.MEDIA_DAMAGED


async def test_a_second_call_takes_an_upload_over(client: Client) -> None:
    media_id = new_id()
    first = await client.begin(media_id)
    stored = await client.upload(media_id=media_id, offset=100_000)
    assert stored.state == media_pb2.MEDIA_STATE_AVAILABLE
    error = await failure_of(first)
    assert error.reason is Reason.MEDIA_OFFSET_WRONG
    assert b"".join((await client.download(media_id))[1]) == CONTENT


async def test_many_calls_for_one_upload_do_not_garble_it(client: Client) -> None:
    media_id = new_id()

    async def persist() -> None:
        offset = 0
        while True:
            try:
                await client.upload(piece=7_000, media_id=media_id, offset=offset)
            except MeshError as error:
                offset = int(error.metadata["stored_bytes"])  # of nothing but MEDIA_OFFSET_WRONG
            else:
                return

    await asyncio.gather(*(persist() for _ in range(6)))
    assert b"".join((await client.download(media_id))[1]) == CONTENT


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"media_id": "../../node.db"}, "start.media_id"),
        ({"size_bytes": 0}, "start.size_bytes"),
        ({"sha256": b"short"}, "start.sha256"),
        ({"content_type": "no type\n"}, "start.content_type"),
        ({"offset": -1}, "start.offset"),
        ({"offset": 1}, "start.media_id"),
    ],
)
async def test_a_bad_start_names_its_field(
    client: Client, fields: dict[str, Any], wrong: str
) -> None:
    error = await error_of(client.send([client.start(**fields)]))
    assert error.reason is Reason.INVALID_REQUEST
    assert wrong in [violation.field for violation in error.violations]
    assert client.files == {}


async def test_bad_requests_within_a_stream(client: Client) -> None:
    request = media_pb2.UploadMediaRequest
    for first, wrong in (
        ([], "tenant_id"),
        ([request(tenant_id=client.tenant_id)], "start"),
        ([client.start(), client.start()], "data"),
        ([client.start(), request(data=b"")], "data"),
        ([client.start(), request(data=bytes(1_048_577))], "data"),
        ([client.start(), request(tenant_id="other", data=b"x")], "tenant_id"),
    ):
        error = await error_of(client.send(first))
        assert error.reason is Reason.INVALID_REQUEST
        assert [violation.field for violation in error.violations] == [wrong]
    too_large = await error_of(client.send([client.start(size_bytes=104_857_601)]))
    assert too_large.reason is Reason.MEDIA_TOO_LARGE
    assert client.files == {}


async def test_bytes_that_are_no_request(client: Client) -> None:
    call: Any = client.node.channel.stream_unary("/botmesh.v1.MediaService/UploadMedia")(
        iter([b"\xff\xff"]),  # type: ignore[arg-type]  # the stubs know no bytes here
        metadata=client.node.metadata,
    )
    assert (await failure_of(call)).reason is Reason.INVALID_REQUEST


async def test_another_tenants_upload_is_refused(client: Client) -> None:
    start = client.start()
    start.tenant_id = "other"
    assert (await error_of(client.send([start]))).reason is Reason.WRONG_BOTNODE


async def test_ids_of_nothing(client: Client) -> None:
    assert (await error_of(client.get(new_id()))).reason is Reason.MEDIA_NOT_FOUND
    assert (await error_of(client.download(new_id()))).reason is Reason.MEDIA_NOT_FOUND
    await client.delete(new_id())
    for media_id in ("", "../node.db"):
        for call in (client.get, client.download, client.delete):
            error = await error_of(call(media_id))
            assert [violation.field for violation in error.violations] == ["media_id"]


async def test_deleting(client: Client) -> None:
    media_id = new_id()
    await client.upload(media_id=media_id)
    await client.delete(media_id)
    await client.delete(media_id)
    assert client.files == {}
    assert (await error_of(client.get(media_id))).reason is Reason.MEDIA_NOT_FOUND
    under_way = await client.begin(media_id)
    await client.delete(media_id)
    assert (await failure_of(under_way)).reason is Reason.MEDIA_OFFSET_WRONG
    assert client.files == {}


async def test_a_full_disk_takes_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, media_id = client.node.tenant._storage, new_id()
    monkeypatch.setattr(storage, "lacks_room_for", lambda size: "too little room for it")
    error = await error_of(client.upload(media_id=media_id))
    assert (error.reason, error.retryable) == (Reason.STORAGE_FULL, True)
    assert client.files == {}
    monkeypatch.undo()
    call = await client.begin(media_id)
    monkeypatch.setattr(storage, "error", "the disk is full")
    await call.write(media_pb2.UploadMediaRequest(data=b"x"))
    assert (await failure_of(call)).reason is Reason.STORAGE_FULL
    assert client.files == {}


async def test_an_announcement_takes_no_room(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = client.node.tenant._storage
    room = 2 * len(CONTENT)
    monkeypatch.setattr(storage, "media_room_bytes", lambda: room - sum(client.files.values()))
    calls = [client.open() for _ in range(5)]
    for call in calls:
        await call.write(client.start())
    await eventually(lambda: len(client.node.tenant.media._uploads) == 5)
    first = (await client.upload()).media_id
    for call in calls:
        call.cancel()
    call = await client.begin(new_id())
    await client.upload(CONTENT[:150_000])
    await call.write(media_pb2.UploadMediaRequest(data=CONTENT[100_000:]))
    assert (await failure_of(call)).reason is Reason.STORAGE_FULL
    assert (await client.get(first)).state == media_pb2.MEDIA_STATE_AVAILABLE


async def test_an_upload_that_brings_nothing_ends(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = new_id()
    monkeypatch.setattr(media_upload, "IDLE_S", 0.3)
    call = await client.begin(media_id)
    error = await failure_of(call)
    assert (error.reason, error.metadata["stored_bytes"]) == (Reason.MEDIA_INCOMPLETE, "100000")
    await client.upload(media_id=media_id, offset=100_000)


async def test_a_stream_that_says_nothing_ends(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_servicer, "IDLE_S", 0.1)
    error = await failure_of(client.open())
    assert [violation.field for violation in error.violations] == ["start"]


async def test_uploads_at_once_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_store, "MOST_UPLOADS", 1)
    media_id = new_id()
    call = await client.begin(media_id)
    error = await error_of(client.upload())
    assert (error.reason, error.retryable) == (Reason.QUEUE_FULL, True)
    await client.upload(media_id=media_id, offset=100_000)  # takes its own over
    await client.upload()
    del call


async def test_what_a_crash_left_is_removed_at_the_start(make_node: Callable[..., Node]) -> None:
    first = await make_node().start(dataclasses.replace(ACCOUNT))
    kept, lost, cut = [(await Client(first).upload(CONTENT + bytes([n]))).media_id for n in b"012"]
    known = {
        media.media_id: media for media in await first.tenant._store.read(media_rows.all_files)
    }
    await first.stop()
    folder = first.folder.media
    (folder / known[lost].file_id).unlink()
    os.truncate(folder / known[cut].file_id, 5)
    (folder / new_id()).write_bytes(b"of nobody")
    client = Client(await make_node().start(dataclasses.replace(ACCOUNT)))
    assert set(client.files) == {known[kept].file_id}
    for media_id in (lost, cut):
        assert (await error_of(client.get(media_id))).reason is Reason.MEDIA_NOT_FOUND
    assert (await client.get(kept)).state == media_pb2.MEDIA_STATE_AVAILABLE


async def test_what_is_too_old_is_forgotten(client: Client) -> None:
    tenant = client.node.tenant
    old, young = [(await client.upload()).media_id for _ in range(2)]

    def age(tx: Any) -> None:
        mine = media_table.c.media_id == old
        tx.connection.execute(media_table.update().where(mine).values(expire_ms=now_ms() - 1))

    await tenant._store.write(age)
    await tenant.media.trim()
    assert (await error_of(client.get(old))).reason is Reason.MEDIA_NOT_FOUND
    assert (await client.get(young)).media_id == young
    assert len(client.files) == 1


# -- received media


@pytest.fixture
async def fetching(client: Client) -> str:
    """Media that was received and is being fetched."""
    media_id = new_id()
    place = MediaReference(MediaKind.IMAGE, "", "/v/1?x", bytes(32), bytes(32), bytes(32), 5)
    received = ReceivedMedia(media_id, place, "image/jpeg", "")
    tenant = client.node.tenant
    await tenant._store.write(lambda tx: tenant._fetcher.add(tx, "", received))
    return media_id


async def test_a_download_waits_for_what_is_fetched(client: Client, fetching: str) -> None:
    tenant = client.node.tenant
    waiting = asyncio.create_task(client.download(fetching))
    record = await tenant.media.get(fetching)
    tenant.media.files.path(record.file_id).write_bytes(b"bytes")
    await tenant._store.write(
        lambda tx: media_rows.finish(tx, fetching, "image/png", tenant.media.keeping.received, 5)
    )
    tenant.media.changed()
    stored, pieces = await waiting
    assert (stored.content_type, stored.received, pieces) == ("image/png", True, [b"bytes"])


async def test_a_download_gives_up_before_its_deadline(client: Client, fetching: str) -> None:
    error = await error_of(client.download(fetching, timeout_s=0.4))
    assert error.reason is Reason.MEDIA_TRANSFER_FAILED


async def test_why_media_cannot_be_fetched(client: Client, fetching: str) -> None:
    await client.node.tenant._store.write(
        lambda tx: media_rows.fail(tx, fetching, Reason.MEDIA_EXPIRED, "status code 410")
    )
    error = await error_of(client.download(fetching))
    assert (error.reason, error.message) == (Reason.MEDIA_EXPIRED, "status code 410")
    stored = await client.get(fetching)
    assert (stored.state, stored.reason) == (media_pb2.MEDIA_STATE_FAILED, "MEDIA_EXPIRED")
    reused = await error_of(client.upload(media_id=fetching))
    assert reused.reason is Reason.MEDIA_ID_REUSED


async def test_a_stopping_botnode_ends_uploads_and_downloads(client: Client, fetching: str) -> None:
    media_id = new_id()
    call = await client.begin(media_id)
    waiting = asyncio.create_task(client.download(fetching))
    await eventually(lambda: client.node.tenant.media._uploads)
    client.node.services.stop()
    assert (await failure_of(call)).reason is Reason.SHUTTING_DOWN
    assert (await error_of(waiting)).reason is Reason.SHUTTING_DOWN
    assert 100_000 in client.files.values()


async def test_a_stopping_botnode_ends_a_download_under_way(client: Client) -> None:
    content = bytes(8 * 1024 * 1024)  # more than may be on its way
    request = media_pb2.DownloadMediaRequest(
        tenant_id=client.tenant_id, media_id=(await client.upload(content)).media_id
    )
    call = client.stub.DownloadMedia(request, metadata=client.node.metadata, timeout=10)
    items = aiter(call)
    await anext(items)
    client.node.services.stop()
    with pytest.raises(MeshError) as caught, typed_errors():
        [item async for item in items]
    assert caught.value.reason is Reason.SHUTTING_DOWN
