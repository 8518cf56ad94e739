"""Messages that came and cannot be read, as events of the contract.

Most come as an UndecryptableMessage of the library's, once for every time that they come: their
sender is asked for them up to four times. It marks as unavailable what the server does not give to
this device, which is asked of the own phone then, and group messages whose sender's key is missing.
What is shown only once the phone does not give either; only the log tells that. What the library
cannot make anything of, though it was decrypted or is of an unknown sort, is in its log alone, with
the people but without an id; the sender is not asked again.

Source: whatsmeow's decryptMessages (message.go) and SourceString (types/message.go).
"""

import re
from collections import deque
from typing import Any

from botmesh.v1 import event_pb2
from botnode import whatsapp_events
from botnode.ports import Account, MessageKey
from botnode.recipient import GROUP_SERVER, USER_SERVER, without_device
from botnode.whatsapp_content import is_own

KIND = "message_undecryptable"

# Between a line of the log and its event, only few others can come.
_MOST_NAMES = 1000
_PEER = "peer"  # between a phone and its own devices: keys and settings
_UNAVAILABLE = re.compile(r'^Unavailable message (\S+) from .* \(type: "view_once"\)$')
_LOST = (
    re.compile(r"^Unhandled encrypted message \(type .*?\) from (.+)$"),
    re.compile(r"^Error unmarshaling decrypted message from (.+?): "),
    re.compile(r"^Unknown version \d+ in decrypted message from (.+)$"),
)


class Unavailable:
    """The ids of messages that the log says linked devices never get."""

    def __init__(self) -> None:
        self._ids: deque[str] = deque(maxlen=_MOST_NAMES)

    def hear(self, line: str) -> None:
        """A line of the log."""
        if found := _UNAVAILABLE.match(line):
            self._ids.append(found[1])

    def __contains__(self, whatsapp_id: str) -> bool:
        return whatsapp_id in self._ids


def told(event: Any, unavailable: Unavailable) -> tuple[MessageKey, event_pb2.Event] | None:
    """A message that cannot be read; None for what is no message to people."""
    info = event.Info
    source = info.MessageSource
    if info.Category == _PEER:
        return None
    result = event_pb2.Event()
    message = result.message_undecryptable
    message.whatsapp_id = info.ID
    message.chat_jid = whatsapp_events.person(source.Chat)
    message.sender_jid = whatsapp_events.person(source.Sender)
    message.sender_number = whatsapp_events.number(source.Sender) or whatsapp_events.number(
        source.SenderAlt
    )
    message.push_name = whatsapp_events.text(info.Pushname)
    message.group = source.IsGroup
    message.from_me = source.IsFromMe
    message.send_time.FromDatetime(whatsapp_events.moment(info.Timestamp))
    message.unavailable = event.IsUnavailable and info.ID in unavailable
    message.hidden = event.DecryptFailMode == event.DECRYPT_FAIL_HIDE
    return MessageKey(message.chat_jid, message.sender_jid, info.ID), result


def lost(line: str, account: Account | None) -> event_pb2.Event | None:
    """The message of which a line of the log says that nothing can be made of it, if it is one."""
    found = next((match for pattern in _LOST if (match := pattern.match(line))), None)
    if found is None:
        return None
    sender, _, chat = found[1].partition(" in ")
    result = event_pb2.Event()
    message = result.message_undecryptable
    message.sender_jid = without_device(sender)
    message.chat_jid = without_device(chat or sender)
    user, _, server = message.sender_jid.partition("@")
    if server == USER_SERVER and user.isdigit():
        message.sender_number = f"+{user}"
    message.group = message.chat_jid.endswith(f"@{GROUP_SERVER}")
    message.from_me = is_own(message.sender_jid, account)
    return result
