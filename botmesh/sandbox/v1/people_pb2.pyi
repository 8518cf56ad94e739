import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Presence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_UNSPECIFIED: _ClassVar[Presence]
    PRESENCE_AVAILABLE: _ClassVar[Presence]
    PRESENCE_UNAVAILABLE: _ClassVar[Presence]

class Typing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TYPING_UNSPECIFIED: _ClassVar[Typing]
    TYPING_COMPOSING: _ClassVar[Typing]
    TYPING_RECORDING: _ClassVar[Typing]
    TYPING_PAUSED: _ClassVar[Typing]

class SightingKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGHTING_KIND_UNSPECIFIED: _ClassVar[SightingKind]
    SIGHTING_KIND_PRESENCE: _ClassVar[SightingKind]
    SIGHTING_KIND_TYPING: _ClassVar[SightingKind]
    SIGHTING_KIND_READ: _ClassVar[SightingKind]
    SIGHTING_KIND_PLAYED: _ClassVar[SightingKind]
    SIGHTING_KIND_SUBSCRIPTION: _ClassVar[SightingKind]
PRESENCE_UNSPECIFIED: Presence
PRESENCE_AVAILABLE: Presence
PRESENCE_UNAVAILABLE: Presence
TYPING_UNSPECIFIED: Typing
TYPING_COMPOSING: Typing
TYPING_RECORDING: Typing
TYPING_PAUSED: Typing
SIGHTING_KIND_UNSPECIFIED: SightingKind
SIGHTING_KIND_PRESENCE: SightingKind
SIGHTING_KIND_TYPING: SightingKind
SIGHTING_KIND_READ: SightingKind
SIGHTING_KIND_PLAYED: SightingKind
SIGHTING_KIND_SUBSCRIPTION: SightingKind

class Person(_message.Message):
    __slots__ = ("phone", "about", "picture_id", "verified_name", "blocked", "presence")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    PICTURE_ID_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_NAME_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    about: str
    picture_id: str
    verified_name: str
    blocked: _containers.RepeatedScalarFieldContainer[str]
    presence: Presence
    def __init__(self, phone: _Optional[str] = ..., about: _Optional[str] = ..., picture_id: _Optional[str] = ..., verified_name: _Optional[str] = ..., blocked: _Optional[_Iterable[str]] = ..., presence: _Optional[_Union[Presence, str]] = ...) -> None: ...

class SetPresenceRequest(_message.Message):
    __slots__ = ("phone", "presence")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    presence: Presence
    def __init__(self, phone: _Optional[str] = ..., presence: _Optional[_Union[Presence, str]] = ...) -> None: ...

class SetPresenceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetTypingRequest(_message.Message):
    __slots__ = ("phone", "chat", "typing")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CHAT_FIELD_NUMBER: _ClassVar[int]
    TYPING_FIELD_NUMBER: _ClassVar[int]
    phone: str
    chat: str
    typing: Typing
    def __init__(self, phone: _Optional[str] = ..., chat: _Optional[str] = ..., typing: _Optional[_Union[Typing, str]] = ...) -> None: ...

class SetTypingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetProfileRequest(_message.Message):
    __slots__ = ("phone", "about", "picture", "verified_name")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_NAME_FIELD_NUMBER: _ClassVar[int]
    phone: str
    about: str
    picture: bytes
    verified_name: str
    def __init__(self, phone: _Optional[str] = ..., about: _Optional[str] = ..., picture: _Optional[bytes] = ..., verified_name: _Optional[str] = ...) -> None: ...

class SetProfileResponse(_message.Message):
    __slots__ = ("person",)
    PERSON_FIELD_NUMBER: _ClassVar[int]
    person: Person
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ...) -> None: ...

class SetPrivacyRequest(_message.Message):
    __slots__ = ("phone", "last_seen", "picture", "about", "read_receipts", "groups")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    READ_RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    phone: str
    last_seen: bool
    picture: bool
    about: bool
    read_receipts: bool
    groups: bool
    def __init__(self, phone: _Optional[str] = ..., last_seen: _Optional[bool] = ..., picture: _Optional[bool] = ..., about: _Optional[bool] = ..., read_receipts: _Optional[bool] = ..., groups: _Optional[bool] = ...) -> None: ...

class SetPrivacyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetBlockedRequest(_message.Message):
    __slots__ = ("phone", "contact", "blocked")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    phone: str
    contact: str
    blocked: bool
    def __init__(self, phone: _Optional[str] = ..., contact: _Optional[str] = ..., blocked: _Optional[bool] = ...) -> None: ...

class SetBlockedResponse(_message.Message):
    __slots__ = ("person",)
    PERSON_FIELD_NUMBER: _ClassVar[int]
    person: Person
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ...) -> None: ...

class NameContactRequest(_message.Message):
    __slots__ = ("phone", "contact", "full_name")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    FULL_NAME_FIELD_NUMBER: _ClassVar[int]
    phone: str
    contact: str
    full_name: str
    def __init__(self, phone: _Optional[str] = ..., contact: _Optional[str] = ..., full_name: _Optional[str] = ...) -> None: ...

class NameContactResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GiveTokenRequest(_message.Message):
    __slots__ = ("phone", "to")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    phone: str
    to: str
    def __init__(self, phone: _Optional[str] = ..., to: _Optional[str] = ...) -> None: ...

class GiveTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPersonRequest(_message.Message):
    __slots__ = ("phone",)
    PHONE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    def __init__(self, phone: _Optional[str] = ...) -> None: ...

class GetPersonResponse(_message.Message):
    __slots__ = ("person",)
    PERSON_FIELD_NUMBER: _ClassVar[int]
    person: Person
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ...) -> None: ...

class Sighting(_message.Message):
    __slots__ = ("sequence", "phone", "kind", "who", "device", "chat", "presence", "typing", "message_id", "token", "time")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CHAT_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    TYPING_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    phone: str
    kind: SightingKind
    who: str
    device: int
    chat: str
    presence: Presence
    typing: Typing
    message_id: str
    token: bool
    time: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., phone: _Optional[str] = ..., kind: _Optional[_Union[SightingKind, str]] = ..., who: _Optional[str] = ..., device: _Optional[int] = ..., chat: _Optional[str] = ..., presence: _Optional[_Union[Presence, str]] = ..., typing: _Optional[_Union[Typing, str]] = ..., message_id: _Optional[str] = ..., token: _Optional[bool] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListSightingsRequest(_message.Message):
    __slots__ = ("phone", "after_sequence", "kind", "wait_count", "wait")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WAIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    phone: str
    after_sequence: int
    kind: SightingKind
    wait_count: int
    wait: _duration_pb2.Duration
    def __init__(self, phone: _Optional[str] = ..., after_sequence: _Optional[int] = ..., kind: _Optional[_Union[SightingKind, str]] = ..., wait_count: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListSightingsResponse(_message.Message):
    __slots__ = ("sightings",)
    SIGHTINGS_FIELD_NUMBER: _ClassVar[int]
    sightings: _containers.RepeatedCompositeFieldContainer[Sighting]
    def __init__(self, sightings: _Optional[_Iterable[_Union[Sighting, _Mapping]]] = ...) -> None: ...
