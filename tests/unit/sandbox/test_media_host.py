"""The media host over plain connections: what it takes, what it gives, and how it misbehaves."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import Disturbance, DisturbMedia, Faults, Transfer
from sandbox.media_auth import MediaAuth
from sandbox.media_host import MediaHost
from sandbox.state.store import Store
from sandbox.unknown import Unknown

NUMBER = "5215550001"
BODY = bytes(range(256)) * 600


class World:
    """A media host that listens."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.faults = Faults()
        self.unknown = Unknown()
        self.auth = MediaAuth(store.database)
        self.host = MediaHost(store.media, self.auth, self.faults, self.unknown)
        self.port = 0

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """The answer to one request; raises what a cut connection raises."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(head.encode() + b"\r\n\r\n" + body)
            line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = dict(item.split(": ", 1) for item in lines)
            length = headers.get("Content-Length")
            told = await (reader.read() if length is None else reader.readexactly(int(length)))
            return int(line.split()[1]), headers, told
        finally:
            writer.close()

    async def bring(self, body: bytes = BODY, auth: str | None = None, **wrong: str) -> Any:
        token = wrong.get("token") or token_of(body)
        auth = self.auth.grant(NUMBER) if auth is None else auth
        head = (
            f"POST /mms/{wrong.get('kind', 'image')}/{token}?auth={auth}&token={token} HTTP/1.1\r\n"
            f"Host: mmg.whatsapp.net\r\nContent-Length: {len(body)}"
        )
        return await self.ask(head, body)

    async def brought(self) -> str:
        """The direct path of a body that is there."""
        _, _, told = await self.bring()
        return str(json.loads(told)["direct_path"])

    async def fetch(self, place: str, **headers: str) -> Any:
        lines = [f"GET {place} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
        return await self.ask("\r\n".join(lines))


def token_of(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = Store(tmp_path / "sandbox.db")
    world = World(store)
    server = await asyncio.start_server(world.host.serve, "127.0.0.1", 0)
    world.port = server.sockets[0].getsockname()[1]
    yield world
    server.close()
    await server.wait_closed()
    store.close()


async def test_what_is_brought_is_given_back(world: World) -> None:
    status, _, told = await world.bring()
    answer = json.loads(told)
    assert status == 200
    assert answer["url"].startswith(f"https://mmg.whatsapp.net{answer['direct_path']}")
    query = f"&hash={token_of(BODY)}&mms-type=image&__wa-mms="
    assert (await world.fetch(answer["direct_path"] + query))[::2] == (200, BODY)
    assert json.loads((await world.bring())[2])["direct_path"] == answer["direct_path"]


async def test_parts_are_given(world: World) -> None:
    place = await world.brought()
    status, headers, told = await world.fetch(place, Range="bytes=1000-")
    assert (status, told) == (206, BODY[1000:])
    assert headers["Content-Range"] == f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"
    assert (await world.fetch(place, Range="bytes=5-9"))[2] == BODY[5:10]
    assert (await world.fetch(place, Range=f"bytes={len(BODY)}-"))[0] == 416


async def test_only_who_may_brings_something(world: World) -> None:
    assert (await world.bring(auth="nobody"))[0] == 401
    forged = world.auth.grant(NUMBER).replace(NUMBER, "5215550002")
    assert (await world.bring(auth=forged))[0] == 401
    assert (await world.bring(token=token_of(b"other")))[0] == 400
    assert not world.unknown.all()
    assert (await world.bring(kind="history"))[0] == 400
    assert world.unknown.all()
    assert not [path for path in (world.store.media._folder).glob("*") if path.is_file()]


async def test_a_ticket_outlives_the_host(world: World) -> None:
    assert MediaAuth(world.store.database).holder(world.auth.grant(NUMBER)) == NUMBER


async def test_what_is_not_there_is_not_given(world: World) -> None:
    place = await world.brought()
    assert (await world.fetch("/v/t62.7118-24/1_2_n.enc?oh=1"))[0] == 404
    assert (await world.fetch(place.replace("oh=", "oh=x")))[0] == 403
    assert (await world.fetch(f"{place}&hash={token_of(b'other')}"))[0] == 404
    assert (await world.fetch(f"{place}&mms-type=video"))[0] == 404
    media = world.store.media.at(place)
    assert media is not None
    world.store.media.expire(media)
    assert (await world.fetch(place))[0] == 410
    assert json.loads((await world.bring())[2])["direct_path"] != place


async def test_faults_disturb_one_way(world: World) -> None:
    place = await world.brought()

    def disturb(how: Disturbance, transfer: Transfer = Transfer.DOWNLOAD, **fields: Any) -> None:
        world.faults.clear()
        world.faults.set(DisturbMedia(how, transfer, **fields), number=NUMBER)

    disturb(Disturbance.REFUSE, status=503)
    assert (await world.fetch(place))[0] == 503
    assert (await world.bring())[0] == 200
    disturb(Disturbance.DAMAGE, bytes=70_000)
    damaged = (await world.fetch(place))[2]
    assert [at for at in range(len(BODY)) if damaged[at] != BODY[at]] == [70_000]
    disturb(Disturbance.LENGTHEN, bytes=100_000)
    assert (await world.fetch(place))[2] == BODY + bytes(100_000)
    disturb(Disturbance.REDIRECT)
    status, headers, _ = await world.fetch(place)
    assert (status, headers["Location"]) == (302, f"https://mmg-fna.whatsapp.net{place}")
    disturb(Disturbance.CUT, bytes=1000)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await world.fetch(place)
    disturb(Disturbance.CUT, Transfer.UPLOAD, bytes=len(BODY))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await world.bring()
    disturb(Disturbance.SLOW, bytes=len(BODY) * 20)
    assert (await world.fetch(place))[2] == BODY


async def test_a_held_body_goes_on_when_the_fault_is_cleared(world: World) -> None:
    place = await world.brought()
    fault = world.faults.set(DisturbMedia(Disturbance.HOLD, bytes=1000), number=NUMBER)
    fetching = asyncio.create_task(world.fetch(place))
    await world.faults.wait(fault, 1, 10)
    while not fault.held:  # noqa: ASYNC110 - the fault has no event for it
        await asyncio.sleep(0)
    assert not fetching.done()
    world.faults.clear()
    assert (await fetching)[2] == BODY
