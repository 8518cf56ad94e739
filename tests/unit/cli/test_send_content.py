"""What the options of `botmesh send` make."""

from typing import Any

import pytest
import typer
from google.protobuf import json_format

from botmesh.cli.send_content import Wanted, content
from botmesh.v1 import MessageContent

UUID = "5f0c1d2e-8a7b-4c6d-9e0f-1a2b3c4d5e6f"
OURS = {"message_id": UUID}
THEIRS = {"whatsapp_id": "3EB0", "sender_jid": "1@lid"}
LINK = "https://example.com/ipad"


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ({"text": "hola"}, {"text": {"body": "hola"}}),
        ({"text": ""}, {"text": {"body": ""}}),  # which the botnode refuses, with the field
        (
            {"text": "sí", "reply_to": UUID.upper(), "forwarded": True, "mentions": ["+52"]},
            {
                "text": {"body": "sí"},
                "quoted": {"original": OURS},
                "mentions": ["+52"],
                "forwarded": True,
            },
        ),
        (
            {"text": "sí", "reply_to": "3EB0", "sender": "1@lid"},
            {"text": {"body": "sí"}, "quoted": {"original": THEIRS}},
        ),
        (
            {"text": f"mira {LINK} ya", "preview": "iPad | Nuevo"},
            {
                "text": {
                    "body": f"mira {LINK} ya",
                    "link_preview": {"url": LINK, "title": "iPad", "description": "Nuevo"},
                }
            },
        ),
        (
            {"text": "Centro", "location": "19.5, -99.25"},
            {
                "location": {
                    "degrees_latitude": 19.5,
                    "degrees_longitude": -99.25,
                    "name": "Centro",
                }
            },
        ),
        (
            {"text": "Ana", "contact": ["+521", "+522"]},
            {"contacts": {"cards": [{"display_name": "Ana", "phone_numbers": ["+521", "+522"]}]}},
        ),
        (
            {"text": "¿Sí?", "poll": ["sí", "no"], "choices": 1},
            {"poll": {"name": "¿Sí?", "options": ["sí", "no"], "selectable_count": 1}},
        ),
        (
            {"text": "👍", "react": "3EB0", "sender": "1@lid"},
            {"reaction": {"original": THEIRS, "emoji": "👍"}},
        ),
        ({"react": UUID}, {"reaction": {"original": OURS}}),
        (
            {"text": "nuevo", "edit": "3EB0"},
            {
                "edit": {
                    "original": {"whatsapp_id": "3EB0", "from_me": True},
                    "body": "nuevo",
                }
            },
        ),
        ({"delete": UUID}, {"revoke": {"original": OURS}}),
        (
            {"delete": "3EB0"},
            {"revoke": {"original": {"whatsapp_id": "3EB0", "from_me": True}}},
        ),
        ({"delete": "3EB0", "sender": "1@lid"}, {"revoke": {"original": THEIRS}}),
    ],
)
def test_what_is_sent(options: dict[str, Any], made: dict[str, Any]) -> None:
    assert content(Wanted(**options)) == json_format.ParseDict(made, MessageContent())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "TEXT is missing"),
        ({"poll": ["sí", "no"]}, "TEXT is missing"),
        ({"edit": UUID}, "TEXT is missing"),
        ({"text": "x", "edit": UUID, "delete": UUID}, "--edit and --delete are different"),
        ({"text": "x", "choices": 1}, "needs --poll"),
        ({"text": "x", "preview": "título"}, "no link"),
        ({"text": LINK, "preview": "título", "react": UUID}, "is for a text"),
        ({"location": "aquí"}, "two numbers"),
    ],
)
def test_what_makes_no_message(options: dict[str, Any], words: str) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        content(Wanted(**options))
