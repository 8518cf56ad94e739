import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MediaState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_STATE_UNSPECIFIED: _ClassVar[MediaState]
    MEDIA_STATE_UPLOADING: _ClassVar[MediaState]
    MEDIA_STATE_FETCHING: _ClassVar[MediaState]
    MEDIA_STATE_AVAILABLE: _ClassVar[MediaState]
    MEDIA_STATE_FAILED: _ClassVar[MediaState]
MEDIA_STATE_UNSPECIFIED: MediaState
MEDIA_STATE_UPLOADING: MediaState
MEDIA_STATE_FETCHING: MediaState
MEDIA_STATE_AVAILABLE: MediaState
MEDIA_STATE_FAILED: MediaState

class StoredMedia(_message.Message):
    __slots__ = ("media_id", "state", "content_type", "size_bytes", "sha256", "stored_bytes", "file_name", "reason", "detail", "create_time", "expire_time", "received")
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    state: MediaState
    content_type: str
    size_bytes: int
    sha256: bytes
    stored_bytes: int
    file_name: str
    reason: str
    detail: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    received: bool
    def __init__(self, media_id: _Optional[str] = ..., state: _Optional[_Union[MediaState, str]] = ..., content_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., stored_bytes: _Optional[int] = ..., file_name: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received: _Optional[bool] = ...) -> None: ...

class UploadMediaRequest(_message.Message):
    __slots__ = ("tenant_id", "start", "data")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    start: UploadStart
    data: bytes
    def __init__(self, tenant_id: _Optional[str] = ..., start: _Optional[_Union[UploadStart, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadStart(_message.Message):
    __slots__ = ("media_id", "size_bytes", "sha256", "content_type", "offset")
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    size_bytes: int
    sha256: bytes
    content_type: str
    offset: int
    def __init__(self, media_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., content_type: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class UploadMediaResponse(_message.Message):
    __slots__ = ("media",)
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    media: StoredMedia
    def __init__(self, media: _Optional[_Union[StoredMedia, _Mapping]] = ...) -> None: ...

class GetMediaRequest(_message.Message):
    __slots__ = ("tenant_id", "media_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    media_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., media_id: _Optional[str] = ...) -> None: ...

class GetMediaResponse(_message.Message):
    __slots__ = ("media",)
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    media: StoredMedia
    def __init__(self, media: _Optional[_Union[StoredMedia, _Mapping]] = ...) -> None: ...

class DownloadMediaRequest(_message.Message):
    __slots__ = ("tenant_id", "media_id", "offset")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    media_id: str
    offset: int
    def __init__(self, tenant_id: _Optional[str] = ..., media_id: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class DownloadMediaResponse(_message.Message):
    __slots__ = ("media", "data")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    media: StoredMedia
    data: bytes
    def __init__(self, media: _Optional[_Union[StoredMedia, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class DeleteMediaRequest(_message.Message):
    __slots__ = ("tenant_id", "media_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    media_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., media_id: _Optional[str] = ...) -> None: ...

class DeleteMediaResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
