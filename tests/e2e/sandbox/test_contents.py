"""Edits, reactions, polls and revocations, as a phone sees what the real library sends."""

from hashlib import sha256
from typing import Any

import pytest

from botmesh.sandbox.v1 import VotePollRequest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("kind", "text"), [("edit", "new words"), ("reaction", "👍"), ("poll", "Shall we?")]
)
@pytest.mark.parametrize("where", ["phone", "group"])
async def test_a_phone_knows_what_it_got(world: Any, kind: str, text: str, where: str) -> None:
    client, number = await world.paired()
    customer = world.number()
    to = customer if where == "phone" else await world.group(number, customer)
    first = await client.send(to, "words")
    await client.send(to, text, kind=kind, about=first)
    found = await world.chat(customer, 2)
    assert [(item.kind, item.text) for item in found] == [("text", "words"), (kind, text)]
    own = await world.chat(number, 2)
    assert [(item.kind, item.text) for item in own] == [("text", "words"), (kind, text)]


async def test_the_library_decrypts_a_phones_vote(world: Any) -> None:
    client, number = await world.paired()
    customer = world.number()
    poll = await client.send(await world.group(number, customer), "Shall we?", kind="poll")
    await world.chat(customer, 1)
    for options in (["no"], []):
        request = VotePollRequest(phone=customer, message_id=poll, options=options)
        vote = (await world.api.VotePoll(request)).message
        told = await client.event("Message", id=vote.message_id, keys=False)
        assert told["chosen"] == [sha256(option.encode()).hexdigest() for option in options]


async def test_a_revocation_names_what_it_revokes(world: Any) -> None:
    client, _ = await world.paired()
    customer = world.number()
    first = await client.send(customer, "regret")
    await client.send(customer, "", kind="revoke", about=first)
    assert [(item.kind, item.text) for item in await world.chat(customer, 2)] == [
        ("text", "regret"),
        ("revoke", first),
    ]
