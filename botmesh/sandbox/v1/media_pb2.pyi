from botmesh.sandbox.v1 import sandbox_pb2 as _sandbox_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MediaKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_KIND_UNSPECIFIED: _ClassVar[MediaKind]
    MEDIA_KIND_IMAGE: _ClassVar[MediaKind]
    MEDIA_KIND_VIDEO: _ClassVar[MediaKind]
    MEDIA_KIND_AUDIO: _ClassVar[MediaKind]
    MEDIA_KIND_VOICE: _ClassVar[MediaKind]
    MEDIA_KIND_DOCUMENT: _ClassVar[MediaKind]
    MEDIA_KIND_STICKER: _ClassVar[MediaKind]
    MEDIA_KIND_VIDEO_NOTE: _ClassVar[MediaKind]
MEDIA_KIND_UNSPECIFIED: MediaKind
MEDIA_KIND_IMAGE: MediaKind
MEDIA_KIND_VIDEO: MediaKind
MEDIA_KIND_AUDIO: MediaKind
MEDIA_KIND_VOICE: MediaKind
MEDIA_KIND_DOCUMENT: MediaKind
MEDIA_KIND_STICKER: MediaKind
MEDIA_KIND_VIDEO_NOTE: MediaKind

class SendMediaRequest(_message.Message):
    __slots__ = ("letter", "data")
    LETTER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    letter: MediaLetter
    data: bytes
    def __init__(self, letter: _Optional[_Union[MediaLetter, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class MediaLetter(_message.Message):
    __slots__ = ("phone", "to", "kind", "content_type", "caption", "file_name", "view_once", "content", "message_id")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    phone: str
    to: str
    kind: MediaKind
    content_type: str
    caption: str
    file_name: str
    view_once: bool
    content: bytes
    message_id: str
    def __init__(self, phone: _Optional[str] = ..., to: _Optional[str] = ..., kind: _Optional[_Union[MediaKind, str]] = ..., content_type: _Optional[str] = ..., caption: _Optional[str] = ..., file_name: _Optional[str] = ..., view_once: _Optional[bool] = ..., content: _Optional[bytes] = ..., message_id: _Optional[str] = ...) -> None: ...

class SendMediaResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _sandbox_pb2.Message
    def __init__(self, message: _Optional[_Union[_sandbox_pb2.Message, _Mapping]] = ...) -> None: ...

class OpenMediaRequest(_message.Message):
    __slots__ = ("phone", "message_id")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    phone: str
    message_id: str
    def __init__(self, phone: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class OpenMediaResponse(_message.Message):
    __slots__ = ("media", "data")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    media: OpenedMedia
    data: bytes
    def __init__(self, media: _Optional[_Union[OpenedMedia, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class OpenedMedia(_message.Message):
    __slots__ = ("kind", "content_type", "caption", "file_name", "size_bytes", "sha256", "content")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    kind: MediaKind
    content_type: str
    caption: str
    file_name: str
    size_bytes: int
    sha256: bytes
    content: bytes
    def __init__(self, kind: _Optional[_Union[MediaKind, str]] = ..., content_type: _Optional[str] = ..., caption: _Optional[str] = ..., file_name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., content: _Optional[bytes] = ...) -> None: ...

class ExpireMediaRequest(_message.Message):
    __slots__ = ("phone", "message_id")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    phone: str
    message_id: str
    def __init__(self, phone: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class ExpireMediaResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
