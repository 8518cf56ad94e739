import datetime

from botmesh.v1 import chat_pb2 as _chat_pb2
from botmesh.v1 import contact_pb2 as _contact_pb2
from botmesh.v1 import group_pb2 as _group_pb2
from botmesh.v1 import media_pb2 as _media_pb2
from botmesh.v1 import message_pb2 as _message_pb2
from botmesh.v1 import session_pb2 as _session_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventCursor(_message.Message):
    __slots__ = ("log_id", "sequence")
    LOG_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    log_id: str
    sequence: int
    def __init__(self, log_id: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("cursor", "tenant_id", "create_time", "message_received", "message_state_changed", "session_state_changed", "message_decryption_changed", "message_undecryptable", "media_changed", "group_changed", "group_joined", "presence_changed", "typing_changed", "picture_changed", "block_list_changed")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    SESSION_STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_DECRYPTION_CHANGED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_UNDECRYPTABLE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_CHANGED_FIELD_NUMBER: _ClassVar[int]
    GROUP_CHANGED_FIELD_NUMBER: _ClassVar[int]
    GROUP_JOINED_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    TYPING_CHANGED_FIELD_NUMBER: _ClassVar[int]
    PICTURE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    BLOCK_LIST_CHANGED_FIELD_NUMBER: _ClassVar[int]
    cursor: EventCursor
    tenant_id: str
    create_time: _timestamp_pb2.Timestamp
    message_received: _message_pb2.ReceivedMessage
    message_state_changed: _message_pb2.Message
    session_state_changed: _session_pb2.Session
    message_decryption_changed: _message_pb2.Message
    message_undecryptable: _message_pb2.UndecryptableMessage
    media_changed: _media_pb2.StoredMedia
    group_changed: _group_pb2.GroupChange
    group_joined: _group_pb2.GroupJoined
    presence_changed: _chat_pb2.PresenceChange
    typing_changed: _chat_pb2.TypingChange
    picture_changed: _contact_pb2.PictureChange
    block_list_changed: _contact_pb2.BlockListChange
    def __init__(self, cursor: _Optional[_Union[EventCursor, _Mapping]] = ..., tenant_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message_received: _Optional[_Union[_message_pb2.ReceivedMessage, _Mapping]] = ..., message_state_changed: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., session_state_changed: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., message_decryption_changed: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., message_undecryptable: _Optional[_Union[_message_pb2.UndecryptableMessage, _Mapping]] = ..., media_changed: _Optional[_Union[_media_pb2.StoredMedia, _Mapping]] = ..., group_changed: _Optional[_Union[_group_pb2.GroupChange, _Mapping]] = ..., group_joined: _Optional[_Union[_group_pb2.GroupJoined, _Mapping]] = ..., presence_changed: _Optional[_Union[_chat_pb2.PresenceChange, _Mapping]] = ..., typing_changed: _Optional[_Union[_chat_pb2.TypingChange, _Mapping]] = ..., picture_changed: _Optional[_Union[_contact_pb2.PictureChange, _Mapping]] = ..., block_list_changed: _Optional[_Union[_contact_pb2.BlockListChange, _Mapping]] = ...) -> None: ...
