"""What surrounds messages, as questions to neonize's client.

None of it is answered by WhatsApp: the calls return when the library has sent them.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from botmesh.v1 import chat_pb2
from botnode import whatsapp_jids


def mark_read(
    client: Any, whatsapp_ids: Sequence[str], chat_jid: str, sender_jid: str, *, played: bool
) -> None:
    """Mark messages as read, or played; the sender is needed in a group.

    The library asks for the account's privacy settings before the first one.
    """
    kinds = _enums().ReceiptType
    client.mark_read(
        *whatsapp_ids,
        chat=whatsapp_jids.of_text(chat_jid),
        sender=whatsapp_jids.of_text(sender_jid),
        receipt=kinds.PLAYED if played else kinds.READ,
    )


def set_typing(client: Any, jid: str, state: chat_pb2.TypingState) -> None:
    """Show in a chat that the account types, records, or ceased to."""
    states, media = _enums().ChatPresence, _enums().ChatPresenceMedia
    paused = state == chat_pb2.TYPING_STATE_PAUSED
    recording = state == chat_pb2.TYPING_STATE_RECORDING
    client.send_chat_presence(
        whatsapp_jids.of_text(jid),
        states.CHAT_PRESENCE_PAUSED if paused else states.CHAT_PRESENCE_COMPOSING,
        media.CHAT_PRESENCE_MEDIA_AUDIO if recording else media.CHAT_PRESENCE_MEDIA_TEXT,
    )


def set_presence(client: Any, *, available: bool) -> None:
    """Show the account as online or offline."""
    states = _enums().Presence
    client.send_presence(states.AVAILABLE if available else states.UNAVAILABLE)


def subscribe_presence(client: Any, jid: str) -> None:
    """Ask to hear of a person's presence."""
    client.subscribe_presence(whatsapp_jids.of_text(jid))


def _enums() -> Any:
    return importlib.import_module("neonize.utils.enum")
