import datetime

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
    __slots__ = ("cursor", "tenant_id", "create_time", "message_received", "message_state_changed", "session_state_changed", "message_decryption_changed")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    SESSION_STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_DECRYPTION_CHANGED_FIELD_NUMBER: _ClassVar[int]
    cursor: EventCursor
    tenant_id: str
    create_time: _timestamp_pb2.Timestamp
    message_received: _message_pb2.ReceivedMessage
    message_state_changed: _message_pb2.Message
    session_state_changed: _session_pb2.Session
    message_decryption_changed: _message_pb2.Message
    def __init__(self, cursor: _Optional[_Union[EventCursor, _Mapping]] = ..., tenant_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message_received: _Optional[_Union[_message_pb2.ReceivedMessage, _Mapping]] = ..., message_state_changed: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., session_state_changed: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., message_decryption_changed: _Optional[_Union[_message_pb2.Message, _Mapping]] = ...) -> None: ...
