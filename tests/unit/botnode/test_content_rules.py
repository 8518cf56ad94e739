"""What a content must be, field by field."""

import base64
from typing import Any

import pytest
from google.protobuf import json_format

from botmesh.errors import MeshError, Reason
from botmesh.v1 import MessageContent
from botnode import content_rules

PERSON = "5215512345678@s.whatsapp.net"
GROUP = "120363041234567890@g.us"
OWN = {"whatsapp_id": "3EB0", "from_me": True}
OTHERS = {"whatsapp_id": "3EB0", "sender_jid": "1@lid"}
PLACE = {"degrees_latitude": 1, "degrees_longitude": 2}
ANA = {"display_name": "Ana", "phone_numbers": ["+525512345678"]}
VCARD = {"display_name": "Ana", "vcard": "BEGIN:VCARD\nFN:Ana\nEND:VCARD\n"}
POLL = {"name": "?", "options": ["a", "b"]}
LINK = {"url": "https://example.com/ipad", "title": "iPad", "description": "Nuevo"}
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0").decode()


def text(body: str = "hola", **around: Any) -> dict[str, Any]:
    return {"text": {"body": body}, **around}


def preview(**fields: Any) -> dict[str, Any]:
    body = fields.pop("body", fields.get("url", LINK["url"]))
    return {"text": {"body": body, "link_preview": {**LINK, **fields}}}


def check(fields: dict[str, Any], to: str = PERSON) -> MessageContent:
    return content_rules.checked(json_format.ParseDict(fields, MessageContent()), to)


@pytest.mark.parametrize(
    "fields",
    [
        text("x" * 65_536),
        text(mentions=["+525512345678"] * 1024),
        text(forwarded=True, forwarding_score=127),
        text(quoted={"original": {"message_id": "m"}}),
        text(quoted={"original": OWN, "content": text("x" * 65_536)}),
        text(quoted={"original": OTHERS, "content": {"contacts": {"cards": [{**ANA, **VCARD}]}}}),
        {"location": {"degrees_latitude": 90, "degrees_longitude": -180, "url": "https://a.mx"}},
        {"location": {}},  # 0, 0 is a place
        {"text": {"body": f"ve {LINK['url']}", "link_preview": LINK}},
        {"text": {"body": LINK["url"], "link_preview": {**LINK, "thumbnail": JPEG}}},
        {"contacts": {"cards": [ANA] * 257}},
        {"contacts": {"cards": [VCARD]}},
        {"poll": {**POLL, "selectable_count": 2}},
        {"poll": {"name": "x" * 255, "options": [c * 100 for c in "abcdefghijkl"]}},
        {"reaction": {"original": OWN}},
        {"edit": {"original": OWN, "body": "x"}, "mentions": ["1@lid"]},
        {"revoke": {"original": OWN}},
    ],
)
@pytest.mark.parametrize("to", [PERSON, GROUP])
def test_what_is_taken(fields: dict[str, Any], to: str) -> None:
    check(fields, to)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "content"),
        (text(" \n"), "content.text.body"),
        (text("x" * 65_537), "content.text.body"),
        (text(mentions=["1@lid", "x"]), "content.mentions[1]"),
        (text(mentions=[GROUP]), "content.mentions[0]"),
        (text(mentions=["1@lid"] * 1025), "content.mentions"),
        (text(forwarding_score=1), "content.forwarding_score"),
        (text(forwarded=True, forwarding_score=128), "content.forwarding_score"),
        (text(quoted={}), "content.quoted.original"),
        (text(quoted={"original": {**OWN, "message_id": "m"}}), "content.quoted.original"),
        (text(quoted={"original": {**OWN, **OTHERS}}), "content.quoted.original.sender_jid"),
        (text(quoted={"original": OWN, "content": text(forwarded=True)}), "content.quoted.content"),
        (text(quoted={"original": OWN, "content": {}}), ""),
        (
            text(quoted={"original": OWN, "content": {"revoke": {"original": OWN}}}),
            "content.quoted.content",
        ),
        (
            text(quoted={"original": OWN, "content": text("x" * 524_289)}),
            "content.quoted.content",
        ),
        ({"location": {**PLACE, "degrees_latitude": 90.1}}, "content.location.degrees_latitude"),
        ({"location": {**PLACE, "degrees_latitude": "NaN"}}, "content.location.degrees_latitude"),
        ({"location": {**PLACE, "degrees_longitude": 181}}, "content.location.degrees_longitude"),
        ({"location": {**PLACE, "name": "x" * 1001}}, "content.location.name"),
        ({"location": {**PLACE, "address": "x" * 1001}}, "content.location.address"),
        ({"location": {**PLACE, "url": "javascript:x"}}, "content.location.url"),
        ({"location": {**PLACE, "live": True}}, "content.location.live"),
        (preview(url="example.com"), "content.text.link_preview.url"),
        (preview(body="mira otra cosa"), "content.text.link_preview.url"),
        (preview(url="https://example.com y"), "content.text.link_preview.url"),
        (preview(url="https://example.com/" + "x" * 2048), "content.text.link_preview.url"),
        (preview(title=" "), "content.text.link_preview.title"),
        (preview(title="x" * 1001), "content.text.link_preview.title"),
        (preview(description="x" * 1001), "content.text.link_preview.description"),
        (
            preview(thumbnail=base64.b64encode(b"GIF89a").decode()),
            "content.text.link_preview.thumbnail",
        ),
        (
            preview(thumbnail=base64.b64encode(b"\xff\xd8\xff" + bytes(65_534)).decode()),
            "content.text.link_preview.thumbnail",
        ),
        ({"poll_vote": {"options": ["hoy"]}}, "content.poll_vote"),
        ({"location": PLACE, "mentions": ["1@lid"]}, "content.mentions"),
        ({"contacts": {}}, "content.contacts.cards"),
        ({"contacts": {"cards": [ANA] * 258}}, "content.contacts.cards"),
        (
            {"contacts": {"cards": [ANA, {**ANA, "display_name": ""}]}},
            "content.contacts.cards[1].display_name",
        ),
        (
            {"contacts": {"cards": [{"display_name": "A"}]}},
            "content.contacts.cards[0].phone_numbers",
        ),
        (
            {"contacts": {"cards": [{**ANA, "phone_numbers": ["+1", "x"][:1]}]}},
            "content.contacts.cards[0].phone_numbers[0]",
        ),
        (
            {"contacts": {"cards": [{**ANA, "phone_numbers": ["+525512345678"] * 21}]}},
            "content.contacts.cards[0].phone_numbers",
        ),
        ({"contacts": {"cards": [{**ANA, **VCARD}]}}, "content.contacts.cards[0].vcard"),
        (
            {"contacts": {"cards": [{**VCARD, "vcard": "FN:Ana"}]}},
            "content.contacts.cards[0].vcard",
        ),
        (
            {
                "contacts": {
                    "cards": [{**VCARD, "vcard": f"BEGIN:VCARD\n{'x' * 262_144}\nEND:VCARD"}]
                }
            },
            "content.contacts.cards",
        ),
        ({"poll": {**POLL, "name": ""}}, "content.poll.name"),
        ({"poll": {**POLL, "name": "x" * 256}}, "content.poll.name"),
        ({"poll": {**POLL, "options": ["a"]}}, "content.poll.options"),
        ({"poll": {**POLL, "options": list("abcdefghijklm")}}, "content.poll.options"),
        ({"poll": {**POLL, "options": ["a", "a"]}}, "content.poll.options[1]"),
        ({"poll": {**POLL, "options": ["a", " "]}}, "content.poll.options[1]"),
        ({"poll": {**POLL, "options": ["a", "x" * 101]}}, "content.poll.options[1]"),
        ({"poll": {**POLL, "selectable_count": 3}}, "content.poll.selectable_count"),
        ({"poll": POLL, "forwarded": True}, "content.forwarded"),
        ({"reaction": {"emoji": "👍"}}, "content.reaction.original"),
        ({"reaction": {"original": OWN, "emoji": "ok"}}, "content.reaction.emoji"),
        ({"reaction": {"original": OWN, "emoji": "👍" * 17}}, "content.reaction.emoji"),
        ({"reaction": {"original": OWN, "emoji": "👍 👍"}}, "content.reaction.emoji"),
        ({"reaction": {"original": OWN}, "quoted": {"original": OWN}}, "content.quoted"),
        ({"edit": {"original": OTHERS, "body": "x"}}, "content.edit.original.from_me"),
        ({"edit": {"original": OWN}}, "content.edit.body"),
        ({"revoke": {"original": OTHERS}}, "content.revoke.original.from_me"),
        (
            {"revoke": {"original": {"whatsapp_id": "x" * 129, "from_me": True}}},
            "content.revoke.original.whatsapp_id",
        ),
        (
            {"revoke": {"original": {"message_id": "m", "from_me": True}}},
            "content.revoke.original",
        ),
        (
            {"reaction": {"original": {**OTHERS, "sender_jid": "Ana"}, "emoji": "👍"}},
            "content.reaction.original.sender_jid",
        ),
    ],
)
def test_what_is_refused(fields: dict[str, Any], wrong: str) -> None:
    if not wrong:  # an empty quotation is none
        check(fields)
        return
    with pytest.raises(MeshError) as caught:
        check(fields)
    assert caught.value.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in caught.value.violations] == [wrong]


@pytest.mark.parametrize(
    "emoji", ["👍", "❤️", "1️⃣", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇲🇽", "\u2139\ufe0f", "©️", "‼️", "♾️"]
)
def test_emoji(emoji: str) -> None:
    assert check({"reaction": {"original": OWN, "emoji": emoji}}).reaction.emoji == emoji


def test_in_a_group_a_reference_names_who_wrote_it() -> None:
    reaction = {"reaction": {"original": {"whatsapp_id": "3EB0"}, "emoji": "👍"}}
    check(reaction)
    with pytest.raises(MeshError) as caught:
        check(reaction, GROUP)
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["content.reaction.original.sender_jid"]


def test_in_a_group_others_messages_can_be_deleted() -> None:
    check({"revoke": {"original": OTHERS}}, GROUP)


def test_numbers_and_jids_get_one_spelling() -> None:
    content = check(text(mentions=["+52 (55) 1234-5678", "77@LID"]))
    assert list(content.mentions) == ["525512345678@s.whatsapp.net", "77@lid"]
    cards = {"cards": [{"display_name": "Ana", "phone_numbers": ["+52 55 1234 5678"]}]}
    content = check({"contacts": cards})
    assert list(content.contacts.cards[0].phone_numbers) == ["+525512345678"]


def test_every_field_that_is_wrong_is_named() -> None:
    with pytest.raises(MeshError) as caught:
        check({"poll": {"options": ["a"]}, "mentions": ["1@lid"]})
    fields = {violation.field for violation in caught.value.violations}
    assert fields == {"content.poll.name", "content.poll.options", "content.mentions"}
