"""Every kind of event and of content is a line that people can read."""

from typing import Any

import pytest
from google.protobuf import json_format

from botmesh.cli.content_words import content_words
from botmesh.cli.event_words import event_words
from botmesh.v1 import Event, MessageContent

ANA = "119271086564630@lid"
GROUP = "120363041234567890@g.us"
CHAT = {"chat_jid": GROUP, "sender_jid": ANA, "sender_number": "+521", "group": True}

EVENTS = [
    (
        {
            "message_received": {
                **CHAT,
                "content": {"text": {"body": "hola\ntú"}},
                "view_once": True,
            }
        },
        f"message from +521 in {GROUP} (view once): hola\\ntú",
    ),
    (
        {"message_received": {"sender_jid": ANA, "undecoded_kind": "eventMessage"}},
        f"message from {ANA}: (eventMessage)",
    ),
    (
        {"message_undecryptable": {**CHAT, "whatsapp_id": "3EB0"}},
        f"message that cannot be read from +521 in {GROUP}: asked for again",
    ),
    (
        {
            "message_undecryptable": {
                "whatsapp_id": "3EB0",
                "unavailable": True,
                "from_me": True,
                "chat_jid": "5215512345678@s.whatsapp.net",
            }
        },
        "message that cannot be read from own phone to +5215512345678: only the phone shows it",
    ),
    (
        {"message_undecryptable": {"sender_jid": ANA}},
        f"message that cannot be read from {ANA}: of a sort that is not known here",
    ),
    (
        {
            "message_state_changed": {
                "state": "MESSAGE_STATE_DELIVERED",
                "recipient_jid": GROUP,
                "message_id": "m-1",
                "delivered_count": 3,
                "read_count": 1,
            }
        },
        f"message DELIVERED (3 have it, 1 read it) to {GROUP}, id m-1",
    ),
    (
        {
            "message_decryption_changed": {
                "undecrypted": True,
                "recipient_jid": ANA,
                "message_id": "m-1",
            }
        },
        f"message UNDECRYPTED to {ANA}, id m-1",
    ),
    (
        {"session_state_changed": {"state": "SESSION_STATE_CONNECTED"}},
        "session CONNECTED",
    ),
    (
        {
            "media_changed": {
                "state": "MEDIA_STATE_AVAILABLE",
                "media_id": "x-1",
                "content_type": "image/jpeg",
                "size_bytes": 9,
            }
        },
        "media AVAILABLE x-1 image/jpeg 9 bytes",
    ),
    (
        {
            "group_changed": {
                "group_jid": GROUP,
                "author_jid": ANA,
                "author_number": "+521",
                "name": "Ventas",
                "description": "",
                "announce": False,
                "locked": True,
                "ephemeral_expiration": "86400s",
                "joined_jids": [ANA, "5215512345678@s.whatsapp.net"],
                "demoted_jids": ["2@lid"],
                "phone_numbers": {"2@lid": "+522"},
                "other_changes": ["created_membership_requests"],
            }
        },
        (
            f"group {GROUP} by +521: joined: {ANA}, +5215512345678; no more admins: +522; "
            "named 'Ventas'; described as ''; all write; only admins change it; "
            "messages disappear after 86400 s; created_membership_requests"
        ),
    ),
    (
        {"group_changed": {"group_jid": GROUP, "invite_link": "https://x", "deleted": True}},
        f"group {GROUP}: invite link https://x; deleted",
    ),
    (
        {
            "group_joined": {
                "group": {"group_jid": GROUP, "name": "Ventas"},
                "reason": "invite",
                "author_number": "+521",
            }
        },
        f"group {GROUP} joined (invite) by +521: Ventas",
    ),
    (
        {
            "presence_changed": {
                "jid": ANA,
                "state": "PRESENCE_STATE_UNAVAILABLE",
                "last_seen_time": "2026-01-02T03:04:05Z",
            }
        },
        f"presence UNAVAILABLE {ANA}, last seen 2026-01-02T03:04:05Z",
    ),
    (
        {
            "typing_changed": {
                "chat_jid": GROUP,
                "sender_jid": ANA,
                "sender_number": "+521",
                "state": "TYPING_STATE_RECORDING",
            }
        },
        f"typing RECORDING +521 in {GROUP}",
    ),
    (
        {"typing_changed": {"chat_jid": ANA, "sender_jid": ANA, "state": "TYPING_STATE_PAUSED"}},
        f"typing PAUSED {ANA}",
    ),
    (
        {"picture_changed": {"jid": GROUP, "author_jid": ANA}},
        f"picture changed of {GROUP} by {ANA}",
    ),
    ({"picture_changed": {"jid": ANA, "removed": True}}, f"picture removed of {ANA}"),
    (
        {"block_list_changed": {"blocked_jids": [ANA], "unblocked_jids": ["1@lid"]}},
        f"block list: blocked {ANA}; unblocked 1@lid",
    ),
]

CONTENTS = [
    ({"text": {"body": "hola"}}, "hola"),
    (
        {"location": {"degrees_latitude": 1.5, "degrees_longitude": 2, "name": "Casa"}},
        "(location) 1.5,2.0 Casa",
    ),
    ({"contacts": {"cards": [{"display_name": "Ana"}]}}, "(contacts) Ana"),
    ({"poll": {"name": "¿Sí?", "options": ["sí", "no"]}}, "(poll) ¿Sí?: sí / no"),
    (
        {
            "poll_vote": {
                "original": {"whatsapp_id": "3EB0"},
                "options": ["sí"],
                "option_sha256": ["AAAA", "AAAB"],
            }
        },
        "(poll_vote) in 3EB0: sí / 1 not known here",
    ),
    ({"poll_vote": {"original": {"message_id": "m-1"}}}, "(poll_vote) in m-1: taken back"),
    ({"reaction": {"original": {"whatsapp_id": "3EB0"}, "emoji": "👍"}}, "(reaction) 👍 to 3EB0"),
    ({"edit": {"original": {"whatsapp_id": "3EB0"}, "body": "no"}}, "(edit) of 3EB0: no"),
    ({"revoke": {"original": {"whatsapp_id": "3EB0"}}}, "(revoke) 3EB0"),
    ({"image": {"caption": "mira"}}, "(image) mira"),
    ({"video": {}}, "(video)"),
    ({"audio": {"voice": True, "duration": "12s"}}, "(audio) voice note 12 s"),
    ({"document": {"file_name": "lista.pdf"}}, "(document) lista.pdf"),
    ({"sticker": {}}, "(sticker)"),
    ({}, "(not known here)"),
]


@pytest.mark.parametrize(("fields", "words"), EVENTS)
def test_an_event(fields: dict[str, Any], words: str) -> None:
    assert event_words(json_format.ParseDict(fields, Event())) == words


@pytest.mark.parametrize(("fields", "words"), CONTENTS)
def test_a_content(fields: dict[str, Any], words: str) -> None:
    assert content_words(json_format.ParseDict(fields, MessageContent())) == words


@pytest.mark.parametrize(("message", "cases"), [(Event, EVENTS), (MessageContent, CONTENTS)])
def test_every_kind_has_a_case(message: Any, cases: list[tuple[dict[str, Any], str]]) -> None:
    kinds = {field.name for field in message.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert kinds == {kind for fields, _ in cases for kind in fields}
