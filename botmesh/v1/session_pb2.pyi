import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_STARTING: _ClassVar[SessionState]
    SESSION_STATE_WAITING_FOR_LEASE: _ClassVar[SessionState]
    SESSION_STATE_UNPAIRED: _ClassVar[SessionState]
    SESSION_STATE_PAIRING: _ClassVar[SessionState]
    SESSION_STATE_CONNECTING: _ClassVar[SessionState]
    SESSION_STATE_CONNECTED: _ClassVar[SessionState]
    SESSION_STATE_DEAF: _ClassVar[SessionState]
    SESSION_STATE_RECONNECTING: _ClassVar[SessionState]
    SESSION_STATE_LOGGED_OUT: _ClassVar[SessionState]
    SESSION_STATE_REPLACED: _ClassVar[SessionState]
    SESSION_STATE_BANNED: _ClassVar[SessionState]
    SESSION_STATE_OUTDATED: _ClassVar[SessionState]
    SESSION_STATE_STOPPED: _ClassVar[SessionState]
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_STARTING: SessionState
SESSION_STATE_WAITING_FOR_LEASE: SessionState
SESSION_STATE_UNPAIRED: SessionState
SESSION_STATE_PAIRING: SessionState
SESSION_STATE_CONNECTING: SessionState
SESSION_STATE_CONNECTED: SessionState
SESSION_STATE_DEAF: SessionState
SESSION_STATE_RECONNECTING: SessionState
SESSION_STATE_LOGGED_OUT: SessionState
SESSION_STATE_REPLACED: SessionState
SESSION_STATE_BANNED: SessionState
SESSION_STATE_OUTDATED: SessionState
SESSION_STATE_STOPPED: SessionState

class Session(_message.Message):
    __slots__ = ("tenant_id", "state", "state_time", "jid", "lid", "phone_number", "reason", "last_error", "ban_expire_time", "instance", "epoch", "version", "start_time", "storage_full", "last_heard_time", "pacing")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_TIME_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    LID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    BAN_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FULL_FIELD_NUMBER: _ClassVar[int]
    LAST_HEARD_TIME_FIELD_NUMBER: _ClassVar[int]
    PACING_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    state: SessionState
    state_time: _timestamp_pb2.Timestamp
    jid: str
    lid: str
    phone_number: str
    reason: str
    last_error: str
    ban_expire_time: _timestamp_pb2.Timestamp
    instance: str
    epoch: int
    version: str
    start_time: _timestamp_pb2.Timestamp
    storage_full: bool
    last_heard_time: _timestamp_pb2.Timestamp
    pacing: PacingStatus
    def __init__(self, tenant_id: _Optional[str] = ..., state: _Optional[_Union[SessionState, str]] = ..., state_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., jid: _Optional[str] = ..., lid: _Optional[str] = ..., phone_number: _Optional[str] = ..., reason: _Optional[str] = ..., last_error: _Optional[str] = ..., ban_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instance: _Optional[str] = ..., epoch: _Optional[int] = ..., version: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., storage_full: _Optional[bool] = ..., last_heard_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pacing: _Optional[_Union[PacingStatus, _Mapping]] = ...) -> None: ...

class PacingStatus(_message.Message):
    __slots__ = ("messages_per_minute", "new_chats_per_day", "new_chats", "new_chats_resume_time", "new_chats_reason", "resume_time")
    MESSAGES_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    NEW_CHATS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    NEW_CHATS_FIELD_NUMBER: _ClassVar[int]
    NEW_CHATS_RESUME_TIME_FIELD_NUMBER: _ClassVar[int]
    NEW_CHATS_REASON_FIELD_NUMBER: _ClassVar[int]
    RESUME_TIME_FIELD_NUMBER: _ClassVar[int]
    messages_per_minute: int
    new_chats_per_day: int
    new_chats: int
    new_chats_resume_time: _timestamp_pb2.Timestamp
    new_chats_reason: str
    resume_time: _timestamp_pb2.Timestamp
    def __init__(self, messages_per_minute: _Optional[int] = ..., new_chats_per_day: _Optional[int] = ..., new_chats: _Optional[int] = ..., new_chats_resume_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., new_chats_reason: _Optional[str] = ..., resume_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class QRCode(_message.Message):
    __slots__ = ("code", "png", "expire_time", "expires_in")
    CODE_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    code: str
    png: bytes
    expire_time: _timestamp_pb2.Timestamp
    expires_in: _duration_pb2.Duration
    def __init__(self, code: _Optional[str] = ..., png: _Optional[bytes] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Paired(_message.Message):
    __slots__ = ("jid", "lid", "phone_number")
    JID_FIELD_NUMBER: _ClassVar[int]
    LID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    jid: str
    lid: str
    phone_number: str
    def __init__(self, jid: _Optional[str] = ..., lid: _Optional[str] = ..., phone_number: _Optional[str] = ...) -> None: ...

class PhoneCode(_message.Message):
    __slots__ = ("phone_number", "code", "expire_time", "expires_in")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    code: str
    expire_time: _timestamp_pb2.Timestamp
    expires_in: _duration_pb2.Duration
    def __init__(self, phone_number: _Optional[str] = ..., code: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PasskeyRequired(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class PairingFailed(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
