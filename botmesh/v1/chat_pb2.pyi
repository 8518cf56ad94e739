import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TypingState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TYPING_STATE_UNSPECIFIED: _ClassVar[TypingState]
    TYPING_STATE_TYPING: _ClassVar[TypingState]
    TYPING_STATE_RECORDING: _ClassVar[TypingState]
    TYPING_STATE_PAUSED: _ClassVar[TypingState]

class PresenceState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_STATE_UNSPECIFIED: _ClassVar[PresenceState]
    PRESENCE_STATE_AVAILABLE: _ClassVar[PresenceState]
    PRESENCE_STATE_UNAVAILABLE: _ClassVar[PresenceState]
TYPING_STATE_UNSPECIFIED: TypingState
TYPING_STATE_TYPING: TypingState
TYPING_STATE_RECORDING: TypingState
TYPING_STATE_PAUSED: TypingState
PRESENCE_STATE_UNSPECIFIED: PresenceState
PRESENCE_STATE_AVAILABLE: PresenceState
PRESENCE_STATE_UNAVAILABLE: PresenceState

class MarkReadRequest(_message.Message):
    __slots__ = ("tenant_id", "chat_jid", "whatsapp_ids", "sender_jid", "played")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CHAT_JID_FIELD_NUMBER: _ClassVar[int]
    WHATSAPP_IDS_FIELD_NUMBER: _ClassVar[int]
    SENDER_JID_FIELD_NUMBER: _ClassVar[int]
    PLAYED_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    chat_jid: str
    whatsapp_ids: _containers.RepeatedScalarFieldContainer[str]
    sender_jid: str
    played: bool
    def __init__(self, tenant_id: _Optional[str] = ..., chat_jid: _Optional[str] = ..., whatsapp_ids: _Optional[_Iterable[str]] = ..., sender_jid: _Optional[str] = ..., played: _Optional[bool] = ...) -> None: ...

class MarkReadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetTypingRequest(_message.Message):
    __slots__ = ("tenant_id", "to", "state")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    to: str
    state: TypingState
    def __init__(self, tenant_id: _Optional[str] = ..., to: _Optional[str] = ..., state: _Optional[_Union[TypingState, str]] = ...) -> None: ...

class SetTypingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetPresenceRequest(_message.Message):
    __slots__ = ("tenant_id", "state")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    state: PresenceState
    def __init__(self, tenant_id: _Optional[str] = ..., state: _Optional[_Union[PresenceState, str]] = ...) -> None: ...

class SetPresenceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubscribePresenceRequest(_message.Message):
    __slots__ = ("tenant_id", "jid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    jid: str
    def __init__(self, tenant_id: _Optional[str] = ..., jid: _Optional[str] = ...) -> None: ...

class SubscribePresenceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PresenceChange(_message.Message):
    __slots__ = ("jid", "phone_number", "state", "last_seen_time")
    JID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    jid: str
    phone_number: str
    state: PresenceState
    last_seen_time: _timestamp_pb2.Timestamp
    def __init__(self, jid: _Optional[str] = ..., phone_number: _Optional[str] = ..., state: _Optional[_Union[PresenceState, str]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TypingChange(_message.Message):
    __slots__ = ("chat_jid", "sender_jid", "sender_number", "state")
    CHAT_JID_FIELD_NUMBER: _ClassVar[int]
    SENDER_JID_FIELD_NUMBER: _ClassVar[int]
    SENDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    chat_jid: str
    sender_jid: str
    sender_number: str
    state: TypingState
    def __init__(self, chat_jid: _Optional[str] = ..., sender_jid: _Optional[str] = ..., sender_number: _Optional[str] = ..., state: _Optional[_Union[TypingState, str]] = ...) -> None: ...
