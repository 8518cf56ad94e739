"""Media between the real library and phones: every kind, both ways, and what goes wrong."""

import hashlib
import os
from pathlib import Path
from typing import Any

import grpc
import pytest

from botmesh.sandbox.v1 import (
    ClearFaultsRequest,
    DisturbMedia,
    ExpireMediaRequest,
    MediaDisturbance,
    MediaKind,
    MediaTransfer,
)

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

KINDS = ["image", "video", "audio", "voice", "document", "sticker"]
DOWN = MediaTransfer.MEDIA_TRANSFER_DOWNLOAD
UP = MediaTransfer.MEDIA_TRANSFER_UPLOAD


def kind_of(name: str) -> Any:
    return MediaKind.Value(f"MEDIA_KIND_{name.upper()}")


def disturbing(how: str, transfer: Any = DOWN, **fields: Any) -> DisturbMedia:
    value = MediaDisturbance.Value(f"MEDIA_DISTURBANCE_{how}")
    return DisturbMedia(how=value, transfer=transfer, **fields)


async def test_every_kind_goes_both_ways(paired_world: Any, tmp_path: Path) -> None:
    world, client, number = paired_world
    customer = world.number()
    for count, kind in enumerate(KINDS, 1):
        data = os.urandom(200_000 + count)
        (tmp_path / kind).write_bytes(data)
        answer = await client.do("send_media", to=customer, kind=kind, path=str(tmp_path / kind))
        assert "error" not in answer, answer
        message = (await world.chat(customer, 2 * count - 1))[-1]
        assert message.kind == kind
        for phone in (number, customer):
            media, opened = await world.opened(phone, answer["message_id"])
            assert opened == data
            assert (media.kind, media.size_bytes) == (kind_of(kind), len(data))
            assert media.sha256 == hashlib.sha256(data).digest()
        caption = "look" if kind in ("image", "video", "document") else ""
        sent = await world.post(
            data[::-1], phone=customer, to=number, kind=kind_of(kind), piece=10_007, caption=caption
        )
        assert (sent.kind, sent.text) == (kind, caption or sent.text)
        await client.event("Message", id=sent.message_id)
        got = await client.do("download", message_id=sent.message_id)
        assert got.get("sha256") == hashlib.sha256(data[::-1]).hexdigest(), got


async def test_the_library_hears_of_what_is_wrong(paired_world: Any, tmp_path: Path) -> None:
    world, client, number = paired_world
    customer = world.number()
    sent = await world.post(b"x" * 999, phone=customer, to=number, kind=kind_of("image"))
    await client.event("Message", id=sent.message_id)
    for disturbance, text in (
        (disturbing("REFUSE", status=403), "status code 403"),
        (disturbing("DAMAGE", bytes=100), "hash"),
        (disturbing("LENGTHEN", bytes=100), "hash"),
    ):
        fault = await world.fault(disturb_media=disturbance, phone=customer)
        got = await client.do("download", message_id=sent.message_id)
        assert text in got["error"], got
        await world.api.ClearFaults(ClearFaultsRequest(fault_id=fault))

    await world.media.ExpireMedia(ExpireMediaRequest(phone=number, message_id=sent.message_id))
    got = await client.do("download", message_id=sent.message_id)
    assert "410" in got["error"], got
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.opened(customer, sent.message_id)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION

    (tmp_path / "file").write_bytes(b"words")
    await world.fault(disturb_media=disturbing("REFUSE", UP, status=507), phone=number)
    answer = await client.do(
        "send_media", to=customer, kind="document", path=str(tmp_path / "file")
    )
    assert "507" in answer["error"], answer
