"""Edits, reactions, polls and revocations, as a phone sees what the real library sends."""

from typing import Any

import pytest

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


async def test_a_revocation_names_what_it_revokes(world: Any) -> None:
    client, _ = await world.paired()
    customer = world.number()
    first = await client.send(customer, "regret")
    await client.send(customer, "", kind="revoke", about=first)
    assert [(item.kind, item.text) for item in await world.chat(customer, 2)] == [
        ("text", "regret"),
        ("revoke", first),
    ]
