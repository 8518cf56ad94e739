"""What phones answer their own linked devices, in messages that stand in no chat.

A device that was told of a message and not given it asks its phone for it. The phone gives what it
has, but for what is shown only once.

Source: whatsmeow's BuildUnavailableMessageRequest (send.go), handlePlaceholderResendResponse
(message.go) and ParseWebMessage (client.go).
"""

from __future__ import annotations

from typing import Any, Final

from sandbox import protobufs
from sandbox.state.messages import Message
from sandbox.state.phones import Phone
from sandbox.state.store import Store

_TYPES: Final = protobufs.e2e.ProtocolMessage
_RESEND: Final = protobufs.e2e.PeerDataOperationRequestType.Value("PLACEHOLDER_MESSAGE_RESEND")
_ONCE: Final = ("viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension")


def is_question(content: Any) -> bool:
    """Whether a message is a device's question to its phone."""
    return bool(
        content.protocolMessage.type == _TYPES.PEER_DATA_OPERATION_REQUEST_MESSAGE
        and content.protocolMessage.HasField("peerDataOperationRequestMessage")
    )


def answer(store: Store, phone: Phone, question_id: str, content: Any) -> Any:
    """The phone's answer; None if it has nothing to say."""
    asked = content.protocolMessage.peerDataOperationRequestMessage
    if asked.peerDataOperationRequestType != _RESEND:
        return None
    found = [
        (request.messageKey, message)
        for request in asked.placeholderMessageResendRequest
        for message in store.messages.with_id(phone.number, request.messageKey.ID)
        if message.content and not _is_shown_once(message)
    ]
    if not found:
        return None
    result = protobufs.e2e.Message()
    result.protocolMessage.type = _TYPES.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
    told = result.protocolMessage.peerDataOperationRequestResponseMessage
    told.peerDataOperationRequestType = _RESEND
    told.stanzaID = question_id
    for key, message in found:
        part = told.peerDataOperationResult.add().placeholderMessageResendResponse
        part.webMessageInfoBytes = _web_message(store, key, message).SerializeToString()
    return result


def _web_message(store: Store, key: Any, message: Message) -> Any:
    told = protobufs.web.WebMessageInfo()
    told.key.CopyFrom(key)
    told.message.ParseFromString(message.content)
    told.messageTimestamp = int(message.at)
    told.pushName = store.phones.get(message.sender).push_name
    if key.participant:
        told.participant = key.participant
    return told


def _is_shown_once(message: Message) -> bool:
    content = protobufs.e2e.Message.FromString(message.content)
    return any(content.HasField(name) for name in _ONCE)
