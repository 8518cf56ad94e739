"""How a botnode moves media, beside the real library: tickets, bytes, and what goes wrong."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from botmesh.sandbox.v1 import ClearFaultsRequest, ExpireMediaRequest
from tests.e2e.sandbox.test_media import UP, disturbing, kind_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

KINDS = ["image", "video", "audio", "document", "sticker"]


async def test_every_kind_goes_both_ways(paired_world: Any, tmp_path: Path) -> None:
    world, client, number = paired_world
    customer = world.number()
    for count, kind in enumerate(KINDS):
        data = os.urandom(16 * 10_000 + count - 1)
        (tmp_path / kind).write_bytes(data)
        sent = await client.do("move_up", to=customer, kind=kind, path=str(tmp_path / kind))
        assert "error" not in sent, sent
        _, opened = await world.opened(customer, sent["message_id"])
        assert opened == data

        posted = await world.post(data[::-1], phone=customer, to=number, kind=kind_of(kind))
        await client.event("Message", id=posted.message_id)
        path = tmp_path / f"{kind}.part"
        got = await client.do("move_down", message_id=posted.message_id, kind=kind, path=str(path))
        assert (got.get("size"), got.get("mode")) == (len(data), 0o600), got
        assert path.read_bytes() == data[::-1]
    # The library's own media still has its proxy.
    own = await client.do("send_media", to=customer, kind="image", path=str(tmp_path / "image"))
    assert "error" not in own, own
    assert await client.send(customer, "and the line its own")
    auth = [event for event in client.seen if "auth=" in str(event)]
    assert not auth


async def test_what_goes_wrong_is_told_apart(paired_world: Any, tmp_path: Path) -> None:
    world, client, number = paired_world
    customer = world.number()
    data = os.urandom(300_000)
    posted = await world.post(data, phone=customer, to=number, kind=kind_of("image"))
    await client.event("Message", id=posted.message_id)
    path = tmp_path / "file"
    wanted = {"message_id": posted.message_id, "kind": "image", "path": str(path)}

    async def fetch(disturbance: Any = None, times: int = 0, **other: Any) -> Any:
        if disturbance is not None:
            fault = await world.fault(disturb_media=disturbance, phone=customer, times=times)
        got = await client.do("move_down", **{**wanted, **other})
        if disturbance is not None:
            await world.bitten(fault)
            await world.api.ClearFaults(ClearFaultsRequest())
        return got

    # Cut in the middle, twice: it goes on where it broke off.
    got = await fetch(disturbing("CUT", bytes=100_000), times=2)
    assert got.get("size") == len(data), got
    assert path.read_bytes() == data
    got = await fetch(disturbing("CUT", bytes=1000))
    assert got["reason"] == "MEDIA_TRANSFER_FAILED", got
    got = await fetch(disturbing("REFUSE", status=503))
    assert (got["reason"], "503" in got["text"]) == ("MEDIA_TRANSFER_FAILED", True), got
    got = await fetch(disturbing("REDIRECT"))
    assert (got["reason"], "302" in got["text"]) == ("MEDIA_TRANSFER_FAILED", True), got
    for at in (0, 150_000, 300_000):
        assert (await fetch(disturbing("DAMAGE", bytes=at)))["reason"] == "MEDIA_DAMAGED"
    got = await fetch(disturbing("LENGTHEN", bytes=10))
    assert got["reason"] == "MEDIA_DAMAGED", got
    got = await fetch(disturbing("LENGTHEN", bytes=10_000_000), limit=len(data))
    assert got["reason"] == "MEDIA_TOO_LARGE", got
    assert path.stat().st_size <= len(data) + 65536
    # The message lies.
    assert (await fetch(limit=len(data) - 1))["reason"] == "MEDIA_TOO_LARGE"
    lying = {"lies": {"file_length": 5}, "limit": len(data) - 1}
    assert (await fetch(**lying))["reason"] == "MEDIA_TOO_LARGE"
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        place = f"https://127.0.0.1:{trap.getsockname()[1]}/x"
        got = await fetch(lies={"direct_path": "", "url": place})
        assert got["reason"] == "MEDIA_DAMAGED", got
        with pytest.raises(BlockingIOError):
            trap.accept()

    await world.media.ExpireMedia(ExpireMediaRequest(phone=number, message_id=posted.message_id))
    assert (await fetch())["reason"] == "MEDIA_EXPIRED"


async def test_a_refused_ticket_is_asked_for_anew_once(paired_world: Any, tmp_path: Path) -> None:
    world, client, number = paired_world
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1_000_000))
    wanted = {"to": world.number(), "kind": "document", "path": str(path)}
    await world.fault(disturb_media=disturbing("REFUSE", UP, status=401), phone=number, times=1)
    assert "error" not in await client.do("move_up", **wanted)
    await world.fault(disturb_media=disturbing("REFUSE", UP, status=401), phone=number)
    answer = await client.do("move_up", **wanted)
    assert "takes nothing from this account" in answer["error"], answer
    await world.api.ClearFaults(ClearFaultsRequest())
    await world.fault(disturb_media=disturbing("REFUSE", UP, status=413), phone=number, times=1)
    assert "too large" in (await client.do("move_up", **wanted))["error"]
    await world.fault(disturb_media=disturbing("CUT", UP, bytes=500_000), phone=number, times=1)
    assert "error" in (answer := await client.do("move_up", **wanted)), answer
    assert "https" not in answer["error"], answer
    assert "error" not in await client.do("move_up", **wanted)
