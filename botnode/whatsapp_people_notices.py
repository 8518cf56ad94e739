"""What the library tells of people beside messages, as events of the contract.

neonize 0.5.2 passes Presence, ChatPresence, Picture and Blocklist on; of a new picture it leaves
out the id.
"""

import contextlib
from collections.abc import Callable
from typing import Any

from botmesh.v1 import chat_pb2, event_pb2
from botnode import whatsapp_events, whatsapp_jids
from botnode.ports import Account

# Of Neonize.proto: ChatPresence.ChatPresence, ChatPresence.ChatPresenceMedia,
# BlocklistChange.Action.
_PAUSED = 2
_AUDIO = 2
_BLOCK = 1


def presence(event: Any, _: Account | None) -> event_pb2.Event:
    """Somebody went online or offline."""
    told = event_pb2.Event()
    change = told.presence_changed
    change.jid = whatsapp_events.person(event.From)
    change.phone_number = whatsapp_events.number(event.From)
    change.state = (
        chat_pb2.PRESENCE_STATE_UNAVAILABLE
        if event.Unavailable
        else chat_pb2.PRESENCE_STATE_AVAILABLE
    )
    if event.LastSeen > 0:  # Go's zero time is long before 1970
        change.last_seen_time.FromDatetime(whatsapp_events.moment(event.LastSeen))
    return told


def typing(event: Any, _: Account | None) -> event_pb2.Event | None:
    """Somebody began or ceased to type or to record."""
    source = event.MessageSource
    if source.IsFromMe:
        return None
    told = event_pb2.Event()
    change = told.typing_changed
    change.chat_jid = whatsapp_events.person(source.Chat)
    change.sender_jid = whatsapp_events.person(source.Sender)
    change.sender_number = whatsapp_events.number(source.Sender) or whatsapp_events.number(
        source.SenderAlt
    )
    if event.State == _PAUSED:
        change.state = chat_pb2.TYPING_STATE_PAUSED
    elif event.Media == _AUDIO:
        change.state = chat_pb2.TYPING_STATE_RECORDING
    else:
        change.state = chat_pb2.TYPING_STATE_TYPING
    return told


def picture(event: Any, _: Account | None) -> event_pb2.Event:
    """Somebody's picture changed."""
    told = event_pb2.Event()
    change = told.picture_changed
    change.jid = whatsapp_events.person(event.JID)
    if event.Author.User:
        change.author_jid = whatsapp_events.person(event.Author)
    change.removed = event.Remove
    change.change_time.FromDatetime(whatsapp_events.moment(event.Timestamp))
    return told


def block_list(event: Any, _: Account | None) -> event_pb2.Event:
    """The account's block list changed."""
    told = event_pb2.Event()
    change = told.block_list_changed
    for item in event.Changes:
        listed = change.blocked_jids if item.BlockAction == _BLOCK else change.unblocked_jids
        listed.append(whatsapp_events.person(item.JID))
    return told


def add_numbers(told: event_pb2.Event, number_of: Callable[[Any], str]) -> None:
    """Name people by number too, where WhatsApp named the LID and the library knows the number.

    Args:
        told: the event.
        number_of: gives a JID's number, empty where it is not known.
    """
    kind = told.WhichOneof("kind")
    with contextlib.suppress(Exception):  # an event without a number is better than none
        if kind == "presence_changed" and not told.presence_changed.phone_number:
            jid = whatsapp_jids.of_text(told.presence_changed.jid)
            told.presence_changed.phone_number = number_of(jid)
        elif kind == "typing_changed" and not told.typing_changed.sender_number:
            jid = whatsapp_jids.of_text(told.typing_changed.sender_jid)
            told.typing_changed.sender_number = number_of(jid)
