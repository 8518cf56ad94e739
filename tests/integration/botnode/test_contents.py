"""Contents that refer to messages of the outbox."""

import asyncio
import dataclasses
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf import json_format

from botmesh.errors import MeshError, Reason
from botmesh.v1 import message_pb2
from botnode import outbox as outbox_module
from botnode.ports import Account, SendError
from botnode.whatsapp_content import Place, is_own
from tests.integration.botnode.conftest import Node, error_of, text_content
from tests.integration.botnode.fake_whatsapp import ACCOUNT
from tests.integration.botnode.test_receiving import MESSAGE

DELIVERY_QUEUE = message_pb2.DELIVERY_QUEUE


def content_of(**fields: Any) -> message_pb2.MessageContent:
    return json_format.ParseDict(fields, message_pb2.MessageContent())


def edit(message_id: str, body: str = "dos") -> message_pb2.MessageContent:
    return content_of(edit={"original": {"message_id": message_id}, "body": body})


def fields_of(error: MeshError) -> list[str]:
    assert error.reason is Reason.INVALID_REQUEST
    return [violation.field for violation in error.violations]


def age(node: Node, message_id: str, by: timedelta) -> None:
    """Let a message have been sent earlier."""
    with closing(sqlite3.connect(node.folder.node_db)) as database, database:
        database.execute(
            "UPDATE messages SET sent_ms = sent_ms - ? WHERE message_id = ?",
            (int(by.total_seconds() * 1000), message_id),
        )


async def test_a_reference_is_completed(node: Node) -> None:
    first = await node.send("uno")
    edited = await node.send(content=edit(first.message_id))
    original = edited.content.edit.original
    assert (original.message_id, original.whatsapp_id) == (first.message_id, first.whatsapp_id)
    assert original.from_me
    assert node.whatsapp.contents[-1] == edited.content


async def test_a_quotation_is_filled_in_without_what_surrounded_it(node: Node) -> None:
    first = await node.send(content=content_of(text={"body": "uno"}, forwarded=True))
    quoted = {"original": {"message_id": first.message_id}}
    reply = await node.send(content=content_of(text={"body": "dos"}, quoted=quoted))
    assert reply.content.quoted.content == text_content("uno")
    given = {**quoted, "content": {"text": {"body": "otro"}}}
    reply = await node.send(content=content_of(text={"body": "dos"}, quoted=given))
    assert reply.content.quoted.content == text_content("otro")


async def test_a_text_can_be_edited_for_twenty_minutes(node: Node) -> None:
    first = await node.send("uno")
    age(node, first.message_id, timedelta(minutes=19))
    accepted = await node.send(content=edit(first.message_id), request_id="in-time")
    age(node, first.message_id, timedelta(minutes=2))
    error = await error_of(node.send(content=edit(first.message_id), request_id="late"))
    assert fields_of(error) == ["content.edit.original"]
    by_whatsapp_id = {"original": {"whatsapp_id": first.whatsapp_id, "from_me": True}}
    late = content_of(edit={**by_whatsapp_id, "body": "dos"})
    assert fields_of(await error_of(node.send(content=late))) == ["content.edit.original"]
    # What was accepted in time is joined for ever.
    again = await node.send(content=edit(first.message_id), request_id="in-time")
    assert again.message_id == accepted.message_id
    # What was refused is not bound to its id.
    await node.send("otra cosa", request_id="late")


async def test_an_edit_that_failed_may_be_too_late_when_it_comes_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await node.send("uno")

    def fail(_to: str, _text: str) -> str:
        raise SendError("server returned error 429")

    answer, node.whatsapp.answer = node.whatsapp.answer, fail
    await error_of(node.send(content=edit(first.message_id), request_id="edit"))
    node.whatsapp.answer = answer
    monkeypatch.setattr(outbox_module, "ASK_AGAIN_AFTER_RATE_LIMIT", timedelta(0))
    age(node, first.message_id, timedelta(minutes=21))
    error = await error_of(node.send(content=edit(first.message_id), request_id="edit"))
    assert fields_of(error) == ["content.edit.original"]
    age(node, first.message_id, -timedelta(minutes=21))
    again = await node.send(content=edit(first.message_id), request_id="edit")
    assert again.content.edit.original.whatsapp_id == first.whatsapp_id


async def test_a_deletion_has_no_such_limit(node: Node) -> None:
    first = await node.send("uno")
    age(node, first.message_id, timedelta(hours=1))
    await node.send(content=content_of(revoke={"original": {"message_id": first.message_id}}))


@pytest.mark.parametrize("kind", ["reaction", "edit", "revoke"])
async def test_what_is_about_a_message_is_no_message(node: Node, kind: str) -> None:
    first = await node.send("uno")
    original = {"message_id": first.message_id}
    about = {"original": original, "body": "dos"} if kind == "edit" else {"original": original}
    second = await node.send(content=content_of(**{kind: about}))
    original = {"message_id": second.message_id}
    revoke = content_of(revoke={"original": original})
    assert fields_of(await error_of(node.send(content=revoke))) == ["content.revoke.original"]
    reply = content_of(text={"body": "tres"}, quoted={"original": original})
    assert fields_of(await error_of(node.send(content=reply))) == ["content.quoted.original"]


async def test_only_a_text_can_be_edited(node: Node) -> None:
    poll = await node.send(content=content_of(poll={"name": "?", "options": ["a", "b"]}))
    error = await error_of(node.send(content=edit(poll.message_id)))
    assert fields_of(error) == ["content.edit.original"]


async def test_a_message_that_the_outbox_cannot_refer_to(node: Node) -> None:
    path = ["content.edit.original.message_id"]
    assert fields_of(await error_of(node.send(content=edit("nobody")))) == path
    first = await node.send("uno")
    elsewhere = node.send(content=edit(first.message_id), to="+525512345679")
    assert fields_of(await error_of(elsewhere)) == path

    def fail(_to: str, _text: str) -> str:
        raise SendError("server returned error 479")

    answer, node.whatsapp.answer = node.whatsapp.answer, fail
    failed = await error_of(node.send("dos"))
    node.whatsapp.answer = answer
    error = await error_of(node.send(content=edit(failed.metadata["message_id"])))
    assert fields_of(error) == path
    assert [content.text.body for content in node.whatsapp.contents] == ["uno", "dos"]


async def test_a_message_of_another_account(node: Node) -> None:
    first = await node.send("uno")
    with closing(sqlite3.connect(node.folder.node_db)) as database, database:
        database.execute("UPDATE messages SET account = '+15550001111'")
    error = await error_of(node.send(content=edit(first.message_id)))
    assert fields_of(error) == ["content.edit.original.message_id"]


async def test_a_content_that_cannot_be_built_has_failed(node: Node) -> None:
    def fail(_to: str, _text: str) -> str:
        raise SendError("the content cannot be built: the content's kind is None")

    node.whatsapp.answer = fail
    error = await error_of(node.send("uno"))
    assert error.reason is Reason.INTERNAL
    assert error.metadata["message_id"]


def test_the_account_is_as_the_chat_names_it() -> None:
    account = Account("5215512345678:3@s.whatsapp.net", "77@lid")
    assert Place("1@s.whatsapp.net", account, 0).own_jid == "5215512345678@s.whatsapp.net"
    assert Place("1@g.us", account, 0).own_jid == "77@lid"
    assert Place("1@lid", account, 0).own_jid == "77@lid"
    assert is_own("5215512345678:9@s.whatsapp.net", account)
    assert is_own("77:2@lid", account)
    assert not is_own("5215512345678@lid", account)
    assert not is_own("77@s.whatsapp.net", account)
    assert not is_own("", account)
    assert not is_own("77@lid", None)


async def test_a_quotation_of_a_received_message(node: Node) -> None:
    await asyncio.to_thread(node.whatsapp.inbox.message, MESSAGE)
    original = {"whatsapp_id": MESSAGE.whatsapp_id, "sender_jid": MESSAGE.sender_jid}
    reply = content_of(text={"body": "sí"}, quoted={"original": original})
    accepted = await node.send(content=reply)
    assert accepted.content.quoted.content == text_content("¿abren hoy?")
    unknown = {**original, "whatsapp_id": "3EB0OTHER"}
    reply = content_of(text={"body": "sí"}, quoted={"original": unknown})
    assert not (await node.send(content=reply)).content.quoted.HasField("content")


@pytest.mark.parametrize("account", [ACCOUNT.phone_number, "+15550001111"])
async def test_a_received_reference_to_a_message_of_the_outbox(node: Node, account: str) -> None:
    sent = await node.send("uno")
    with closing(sqlite3.connect(node.folder.node_db)) as database, database:
        database.execute("UPDATE messages SET account = ?", (account,))
    original = {"whatsapp_id": sent.whatsapp_id, "from_me": True}
    content = content_of(reaction={"original": original, "emoji": "👍"}).SerializeToString()
    message = dataclasses.replace(MESSAGE, content=content)
    await asyncio.to_thread(node.whatsapp.inbox.message, message)
    events = await node.events(6)
    found = [e.message_received for e in events if e.HasField("message_received")]
    known = sent.message_id if account == ACCOUNT.phone_number else ""
    assert found[0].content.reaction.original.message_id == known
