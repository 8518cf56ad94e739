import datetime

from botmesh.v1 import event_pb2 as _event_pb2
from botmesh.v1 import message_pb2 as _message_pb2
from botmesh.v1 import session_pb2 as _session_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SendMessageRequest(_message.Message):
    __slots__ = ("tenant_id", "request_id", "to", "content", "delivery", "expires_in", "allow_duplicate")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    request_id: str
    to: str
    content: _message_pb2.MessageContent
    delivery: _message_pb2.Delivery
    expires_in: _duration_pb2.Duration
    allow_duplicate: bool
    def __init__(self, tenant_id: _Optional[str] = ..., request_id: _Optional[str] = ..., to: _Optional[str] = ..., content: _Optional[_Union[_message_pb2.MessageContent, _Mapping]] = ..., delivery: _Optional[_Union[_message_pb2.Delivery, str]] = ..., expires_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., allow_duplicate: _Optional[bool] = ...) -> None: ...

class SendMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ...) -> None: ...

class GetMessageRequest(_message.Message):
    __slots__ = ("tenant_id", "message_id", "request_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    message_id: str
    request_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., message_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetMessageResponse(_message.Message):
    __slots__ = ("message", "timeline")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    timeline: _containers.RepeatedCompositeFieldContainer[_message_pb2.MessageChange]
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., timeline: _Optional[_Iterable[_Union[_message_pb2.MessageChange, _Mapping]]] = ...) -> None: ...

class ListMessagesRequest(_message.Message):
    __slots__ = ("tenant_id", "states", "to", "create_time_from", "create_time_before", "page_size", "page_token")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    states: _containers.RepeatedScalarFieldContainer[_message_pb2.MessageState]
    to: str
    create_time_from: _timestamp_pb2.Timestamp
    create_time_before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, tenant_id: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_message_pb2.MessageState, str]]] = ..., to: _Optional[str] = ..., create_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.Message]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_message_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelMessageRequest(_message.Message):
    __slots__ = ("tenant_id", "message_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    message_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class CancelMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ...) -> None: ...

class StreamQRRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class StreamQRResponse(_message.Message):
    __slots__ = ("code", "paired", "failed", "phone_code", "passkey_required")
    CODE_FIELD_NUMBER: _ClassVar[int]
    PAIRED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    PHONE_CODE_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    code: _session_pb2.QRCode
    paired: _session_pb2.Paired
    failed: _session_pb2.PairingFailed
    phone_code: _session_pb2.PhoneCode
    passkey_required: _session_pb2.PasskeyRequired
    def __init__(self, code: _Optional[_Union[_session_pb2.QRCode, _Mapping]] = ..., paired: _Optional[_Union[_session_pb2.Paired, _Mapping]] = ..., failed: _Optional[_Union[_session_pb2.PairingFailed, _Mapping]] = ..., phone_code: _Optional[_Union[_session_pb2.PhoneCode, _Mapping]] = ..., passkey_required: _Optional[_Union[_session_pb2.PasskeyRequired, _Mapping]] = ...) -> None: ...

class RequestPairingCodeRequest(_message.Message):
    __slots__ = ("tenant_id", "phone_number")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    phone_number: str
    def __init__(self, tenant_id: _Optional[str] = ..., phone_number: _Optional[str] = ...) -> None: ...

class RequestPairingCodeResponse(_message.Message):
    __slots__ = ("code", "expire_time", "expires_in")
    CODE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    code: str
    expire_time: _timestamp_pb2.Timestamp
    expires_in: _duration_pb2.Duration
    def __init__(self, code: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class LogOutRequest(_message.Message):
    __slots__ = ("tenant_id", "force")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    force: bool
    def __init__(self, tenant_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class LogOutResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class StreamEventsRequest(_message.Message):
    __slots__ = ("tenant_id", "after", "oldest", "latest")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    after: _event_pb2.EventCursor
    oldest: _empty_pb2.Empty
    latest: _empty_pb2.Empty
    def __init__(self, tenant_id: _Optional[str] = ..., after: _Optional[_Union[_event_pb2.EventCursor, _Mapping]] = ..., oldest: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., latest: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ...) -> None: ...

class StreamEventsResponse(_message.Message):
    __slots__ = ("event", "head")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.Event
    head: _event_pb2.EventCursor
    def __init__(self, event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., head: _Optional[_Union[_event_pb2.EventCursor, _Mapping]] = ...) -> None: ...
