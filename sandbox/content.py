"""What a message is, and its text as a person would see it."""

from __future__ import annotations

from typing import Any, Final

from sandbox import media_message, protobufs
from sandbox.wire.jid import Jid

_EDIT: Final = protobufs.e2e.ProtocolMessage.MESSAGE_EDIT
_REVOKE: Final = protobufs.e2e.ProtocolMessage.REVOKE
# Fields with what has a text or a name -> its kind, and the field with that.
_NAMED: Final = {
    "reactionMessage": ("reaction", "text"),
    "pollCreationMessage": ("poll", "name"),
    "pollCreationMessageV2": ("poll", "name"),
    "pollCreationMessageV3": ("poll", "name"),
    "pollCreationMessageV5": ("poll", "name"),
    "pollCreationMessageV6": ("poll", "name"),
    "locationMessage": ("location", "name"),
    "liveLocationMessage": ("location", "caption"),
    "contactMessage": ("contact", "displayName"),
    "contactsArrayMessage": ("contact", "displayName"),
}


def text_content(text: str) -> Any:
    """A text message as WhatsApp's phones write it."""
    content = protobufs.e2e.Message()
    content.extendedTextMessage.text = text
    return content


def sent_copy(destination: Jid, content: Any) -> Any:
    """A message as it goes to the writer's own companions."""
    copy = protobufs.e2e.Message()
    copy.deviceSentMessage.destinationJID = str(destination)
    copy.deviceSentMessage.message.CopyFrom(content)
    return copy


def with_sender_key(group: Jid, distribution: bytes, content: Any = None) -> Any:
    """A message that tells a device the writer's key for a group."""
    told = protobufs.e2e.Message()
    if content is not None:
        told.CopyFrom(content)
    told.senderKeyDistributionMessage.groupID = str(group)
    told.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = distribution
    return told


def describe(content: Any) -> tuple[str, str]:
    """A message's kind (as the control API has it) and its text."""
    for name in media_message.WRAPPERS:
        if content.HasField(name) and getattr(content, name).HasField("message"):
            return describe(getattr(content, name).message)
    if content.HasField("protocolMessage"):
        return _protocol(content.protocolMessage)
    if content.HasField("pollUpdateMessage"):
        return "vote", str(content.pollUpdateMessage.pollCreationMessageKey.ID)
    for name, (kind, field) in _NAMED.items():
        if content.HasField(name):
            return kind, str(getattr(getattr(content, name), field))
    if content.HasField("conversation") or content.HasField("extendedTextMessage"):
        return "text", str(content.conversation or content.extendedTextMessage.text)
    found = media_message.find(content)
    return (found.kind, found.text) if found else ("other", "")


def _protocol(message: Any) -> tuple[str, str]:
    if message.type == _EDIT and message.HasField("editedMessage"):
        return "edit", describe(message.editedMessage)[1]
    if message.type == _REVOKE and message.HasField("key"):
        return "revoke", str(message.key.ID)
    return "other", ""
