import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckNumbersRequest(_message.Message):
    __slots__ = ("tenant_id", "phone_numbers")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    phone_numbers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tenant_id: _Optional[str] = ..., phone_numbers: _Optional[_Iterable[str]] = ...) -> None: ...

class CheckNumbersResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[NumberCheck]
    def __init__(self, results: _Optional[_Iterable[_Union[NumberCheck, _Mapping]]] = ...) -> None: ...

class NumberCheck(_message.Message):
    __slots__ = ("phone_number", "on_whatsapp", "jid", "verified_name", "check_time", "lid")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ON_WHATSAPP_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_NAME_FIELD_NUMBER: _ClassVar[int]
    CHECK_TIME_FIELD_NUMBER: _ClassVar[int]
    LID_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    on_whatsapp: bool
    jid: str
    verified_name: str
    check_time: _timestamp_pb2.Timestamp
    lid: str
    def __init__(self, phone_number: _Optional[str] = ..., on_whatsapp: _Optional[bool] = ..., jid: _Optional[str] = ..., verified_name: _Optional[str] = ..., check_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lid: _Optional[str] = ...) -> None: ...

class Contact(_message.Message):
    __slots__ = ("jid", "lid", "phone_number", "push_name", "full_name", "verified_name", "about", "picture_id")
    JID_FIELD_NUMBER: _ClassVar[int]
    LID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PUSH_NAME_FIELD_NUMBER: _ClassVar[int]
    FULL_NAME_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_NAME_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    PICTURE_ID_FIELD_NUMBER: _ClassVar[int]
    jid: str
    lid: str
    phone_number: str
    push_name: str
    full_name: str
    verified_name: str
    about: str
    picture_id: str
    def __init__(self, jid: _Optional[str] = ..., lid: _Optional[str] = ..., phone_number: _Optional[str] = ..., push_name: _Optional[str] = ..., full_name: _Optional[str] = ..., verified_name: _Optional[str] = ..., about: _Optional[str] = ..., picture_id: _Optional[str] = ...) -> None: ...

class GetContactRequest(_message.Message):
    __slots__ = ("tenant_id", "jid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    jid: str
    def __init__(self, tenant_id: _Optional[str] = ..., jid: _Optional[str] = ...) -> None: ...

class GetContactResponse(_message.Message):
    __slots__ = ("contact",)
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    contact: Contact
    def __init__(self, contact: _Optional[_Union[Contact, _Mapping]] = ...) -> None: ...

class GetProfilePictureRequest(_message.Message):
    __slots__ = ("tenant_id", "jid", "preview")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    jid: str
    preview: bool
    def __init__(self, tenant_id: _Optional[str] = ..., jid: _Optional[str] = ..., preview: _Optional[bool] = ...) -> None: ...

class GetProfilePictureResponse(_message.Message):
    __slots__ = ("picture_id", "url")
    PICTURE_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    picture_id: str
    url: str
    def __init__(self, picture_id: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class ListBlockedContactsRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class ListBlockedContactsResponse(_message.Message):
    __slots__ = ("jids",)
    JIDS_FIELD_NUMBER: _ClassVar[int]
    jids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, jids: _Optional[_Iterable[str]] = ...) -> None: ...

class BlockContactRequest(_message.Message):
    __slots__ = ("tenant_id", "jid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    jid: str
    def __init__(self, tenant_id: _Optional[str] = ..., jid: _Optional[str] = ...) -> None: ...

class BlockContactResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UnblockContactRequest(_message.Message):
    __slots__ = ("tenant_id", "jid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    jid: str
    def __init__(self, tenant_id: _Optional[str] = ..., jid: _Optional[str] = ...) -> None: ...

class UnblockContactResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PictureChange(_message.Message):
    __slots__ = ("jid", "author_jid", "removed", "change_time")
    JID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_JID_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    jid: str
    author_jid: str
    removed: bool
    change_time: _timestamp_pb2.Timestamp
    def __init__(self, jid: _Optional[str] = ..., author_jid: _Optional[str] = ..., removed: _Optional[bool] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BlockListChange(_message.Message):
    __slots__ = ("blocked_jids", "unblocked_jids")
    BLOCKED_JIDS_FIELD_NUMBER: _ClassVar[int]
    UNBLOCKED_JIDS_FIELD_NUMBER: _ClassVar[int]
    blocked_jids: _containers.RepeatedScalarFieldContainer[str]
    unblocked_jids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, blocked_jids: _Optional[_Iterable[str]] = ..., unblocked_jids: _Optional[_Iterable[str]] = ...) -> None: ...
