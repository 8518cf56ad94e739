"""Lines of the library's log about messages that nothing can be made of."""

import pytest

from botmesh.v1 import UndecryptableMessage
from botnode import whatsapp_unreadable
from botnode.ports import Account
from botnode.whatsapp_unreadable import Unavailable

ME = Account("5215512345678:3@s.whatsapp.net", "77@lid")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "Unhandled encrypted message (type frskmsg) from 1:2@lid in 9-1@g.us",
            UndecryptableMessage(chat_jid="9-1@g.us", sender_jid="1@lid", group=True),
        ),
        (
            "Error unmarshaling decrypted message from 521551:4@s.whatsapp.net in 9@lid: proto: no",
            UndecryptableMessage(
                chat_jid="9@lid",
                sender_jid="521551@s.whatsapp.net",
                sender_number="+521551",
            ),
        ),
        (
            "Unknown version 4 in decrypted message from 77:0@lid in 1@lid",
            UndecryptableMessage(chat_jid="1@lid", sender_jid="77@lid", from_me=True),
        ),
        (
            "Unknown version 4 in decrypted message from 1@lid",
            UndecryptableMessage(chat_jid="1@lid", sender_jid="1@lid"),
        ),
    ],
)
def test_a_message_is_lost(line: str, told: UndecryptableMessage) -> None:
    event = whatsapp_unreadable.lost(line, ME)
    assert event is not None
    assert event.message_undecryptable == told


@pytest.mark.parametrize(
    "line",
    [
        "Decrypting message from 1@lid",
        "Error decrypting message 3EB0 from 1@lid: failed to decrypt normal message",
        'Unavailable message 3EB0 from 1@lid (type: "view_once")',
    ],
)
def test_other_lines(line: str) -> None:
    assert whatsapp_unreadable.lost(line, ME) is None


def test_what_is_unavailable() -> None:
    unavailable = Unavailable()
    unavailable.hear('Unavailable message 3EB0 from 1:2@lid in 9@g.us (type: "view_once")')
    unavailable.hear('Unavailable message 3EB1 from 1:2@lid in 9@g.us (type: "")')
    assert ("3EB0" in unavailable, "3EB1" in unavailable) == (True, False)
