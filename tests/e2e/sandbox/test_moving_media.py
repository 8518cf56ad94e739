"""How a botnode moves media, beside the real library: tickets, bytes, and what goes wrong."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.sandbox.test_media import kind_of

pytestmark = pytest.mark.e2e

KINDS = ["image", "video", "audio", "document", "sticker"]


async def test_every_kind_goes_both_ways(world: Any, tmp_path: Path) -> None:
    client, number = await world.paired()
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
