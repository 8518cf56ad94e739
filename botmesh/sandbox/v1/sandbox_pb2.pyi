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

class ScanProblem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCAN_PROBLEM_UNSPECIFIED: _ClassVar[ScanProblem]
    SCAN_PROBLEM_MALFORMED: _ClassVar[ScanProblem]
    SCAN_PROBLEM_UNKNOWN: _ClassVar[ScanProblem]
    SCAN_PROBLEM_EXPIRED: _ClassVar[ScanProblem]
    SCAN_PROBLEM_USED: _ClassVar[ScanProblem]
    SCAN_PROBLEM_REFUSED: _ClassVar[ScanProblem]
    SCAN_PROBLEM_LOST: _ClassVar[ScanProblem]
    SCAN_PROBLEM_WRONG: _ClassVar[ScanProblem]
    SCAN_PROBLEM_PASSKEY: _ClassVar[ScanProblem]

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_RECEIVED: _ClassVar[Direction]
    DIRECTION_WRITTEN: _ClassVar[Direction]
    DIRECTION_COMPANION: _ClassVar[Direction]

class LoginRefusal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOGIN_REFUSAL_UNSPECIFIED: _ClassVar[LoginRefusal]
    LOGIN_REFUSAL_LOGGED_OUT: _ClassVar[LoginRefusal]
    LOGIN_REFUSAL_BANNED: _ClassVar[LoginRefusal]
    LOGIN_REFUSAL_OUTDATED: _ClassVar[LoginRefusal]
    LOGIN_REFUSAL_UNAVAILABLE: _ClassVar[LoginRefusal]

class QueryKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUERY_KIND_UNSPECIFIED: _ClassVar[QueryKind]
    QUERY_KIND_LID: _ClassVar[QueryKind]
    QUERY_KIND_DEVICES: _ClassVar[QueryKind]
    QUERY_KIND_PRE_KEYS: _ClassVar[QueryKind]
    QUERY_KIND_GROUP: _ClassVar[QueryKind]
    QUERY_KIND_GROUP_CHANGE: _ClassVar[QueryKind]
    QUERY_KIND_PEOPLE: _ClassVar[QueryKind]
    QUERY_KIND_PICTURE: _ClassVar[QueryKind]
    QUERY_KIND_BLOCK_LIST: _ClassVar[QueryKind]
    QUERY_KIND_PRIVACY: _ClassVar[QueryKind]

class CutPlace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CUT_PLACE_UNSPECIFIED: _ClassVar[CutPlace]
    CUT_PLACE_BEFORE_DELIVERY: _ClassVar[CutPlace]
    CUT_PLACE_AFTER_DELIVERY: _ClassVar[CutPlace]

class GarbledPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GARBLED_PART_UNSPECIFIED: _ClassVar[GarbledPart]
    GARBLED_PART_BODY: _ClassVar[GarbledPart]
    GARBLED_PART_SENDER_KEY: _ClassVar[GarbledPart]
    GARBLED_PART_ALL: _ClassVar[GarbledPart]
    GARBLED_PART_TYPE: _ClassVar[GarbledPart]
    GARBLED_PART_CONTENT: _ClassVar[GarbledPart]
    GARBLED_PART_VIEW_ONCE: _ClassVar[GarbledPart]

class MediaTransfer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_TRANSFER_UNSPECIFIED: _ClassVar[MediaTransfer]
    MEDIA_TRANSFER_UPLOAD: _ClassVar[MediaTransfer]
    MEDIA_TRANSFER_DOWNLOAD: _ClassVar[MediaTransfer]

class MediaDisturbance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_DISTURBANCE_UNSPECIFIED: _ClassVar[MediaDisturbance]
    MEDIA_DISTURBANCE_REFUSE: _ClassVar[MediaDisturbance]
    MEDIA_DISTURBANCE_CUT: _ClassVar[MediaDisturbance]
    MEDIA_DISTURBANCE_HOLD: _ClassVar[MediaDisturbance]
    MEDIA_DISTURBANCE_DAMAGE: _ClassVar[MediaDisturbance]
    MEDIA_DISTURBANCE_SLOW: _ClassVar[MediaDisturbance]
    MEDIA_DISTURBANCE_LENGTHEN: _ClassVar[MediaDisturbance]
    MEDIA_DISTURBANCE_REDIRECT: _ClassVar[MediaDisturbance]

class UnknownKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN_KIND_UNSPECIFIED: _ClassVar[UnknownKind]
    UNKNOWN_KIND_STANZA: _ClassVar[UnknownKind]
    UNKNOWN_KIND_QUERY: _ClassVar[UnknownKind]
    UNKNOWN_KIND_HOST: _ClassVar[UnknownKind]
    UNKNOWN_KIND_REQUEST: _ClassVar[UnknownKind]
    UNKNOWN_KIND_UNDECRYPTABLE: _ClassVar[UnknownKind]
    UNKNOWN_KIND_FRAME: _ClassVar[UnknownKind]
SCAN_PROBLEM_UNSPECIFIED: ScanProblem
SCAN_PROBLEM_MALFORMED: ScanProblem
SCAN_PROBLEM_UNKNOWN: ScanProblem
SCAN_PROBLEM_EXPIRED: ScanProblem
SCAN_PROBLEM_USED: ScanProblem
SCAN_PROBLEM_REFUSED: ScanProblem
SCAN_PROBLEM_LOST: ScanProblem
SCAN_PROBLEM_WRONG: ScanProblem
SCAN_PROBLEM_PASSKEY: ScanProblem
DIRECTION_UNSPECIFIED: Direction
DIRECTION_RECEIVED: Direction
DIRECTION_WRITTEN: Direction
DIRECTION_COMPANION: Direction
LOGIN_REFUSAL_UNSPECIFIED: LoginRefusal
LOGIN_REFUSAL_LOGGED_OUT: LoginRefusal
LOGIN_REFUSAL_BANNED: LoginRefusal
LOGIN_REFUSAL_OUTDATED: LoginRefusal
LOGIN_REFUSAL_UNAVAILABLE: LoginRefusal
QUERY_KIND_UNSPECIFIED: QueryKind
QUERY_KIND_LID: QueryKind
QUERY_KIND_DEVICES: QueryKind
QUERY_KIND_PRE_KEYS: QueryKind
QUERY_KIND_GROUP: QueryKind
QUERY_KIND_GROUP_CHANGE: QueryKind
QUERY_KIND_PEOPLE: QueryKind
QUERY_KIND_PICTURE: QueryKind
QUERY_KIND_BLOCK_LIST: QueryKind
QUERY_KIND_PRIVACY: QueryKind
CUT_PLACE_UNSPECIFIED: CutPlace
CUT_PLACE_BEFORE_DELIVERY: CutPlace
CUT_PLACE_AFTER_DELIVERY: CutPlace
GARBLED_PART_UNSPECIFIED: GarbledPart
GARBLED_PART_BODY: GarbledPart
GARBLED_PART_SENDER_KEY: GarbledPart
GARBLED_PART_ALL: GarbledPart
GARBLED_PART_TYPE: GarbledPart
GARBLED_PART_CONTENT: GarbledPart
GARBLED_PART_VIEW_ONCE: GarbledPart
MEDIA_TRANSFER_UNSPECIFIED: MediaTransfer
MEDIA_TRANSFER_UPLOAD: MediaTransfer
MEDIA_TRANSFER_DOWNLOAD: MediaTransfer
MEDIA_DISTURBANCE_UNSPECIFIED: MediaDisturbance
MEDIA_DISTURBANCE_REFUSE: MediaDisturbance
MEDIA_DISTURBANCE_CUT: MediaDisturbance
MEDIA_DISTURBANCE_HOLD: MediaDisturbance
MEDIA_DISTURBANCE_DAMAGE: MediaDisturbance
MEDIA_DISTURBANCE_SLOW: MediaDisturbance
MEDIA_DISTURBANCE_LENGTHEN: MediaDisturbance
MEDIA_DISTURBANCE_REDIRECT: MediaDisturbance
UNKNOWN_KIND_UNSPECIFIED: UnknownKind
UNKNOWN_KIND_STANZA: UnknownKind
UNKNOWN_KIND_QUERY: UnknownKind
UNKNOWN_KIND_HOST: UnknownKind
UNKNOWN_KIND_REQUEST: UnknownKind
UNKNOWN_KIND_UNDECRYPTABLE: UnknownKind
UNKNOWN_KIND_FRAME: UnknownKind

class GetSandboxRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSandboxResponse(_message.Message):
    __slots__ = ("sandbox",)
    SANDBOX_FIELD_NUMBER: _ClassVar[int]
    sandbox: Sandbox
    def __init__(self, sandbox: _Optional[_Union[Sandbox, _Mapping]] = ...) -> None: ...

class Sandbox(_message.Message):
    __slots__ = ("version", "pid", "start_time", "proxy_url", "ca_file", "root_key", "control_address", "data_dir", "phones", "devices", "connected_devices", "waiting_to_pair", "connections", "received_messages", "written_messages", "unknown")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    PROXY_URL_FIELD_NUMBER: _ClassVar[int]
    CA_FILE_FIELD_NUMBER: _ClassVar[int]
    ROOT_KEY_FIELD_NUMBER: _ClassVar[int]
    CONTROL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DATA_DIR_FIELD_NUMBER: _ClassVar[int]
    PHONES_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_DEVICES_FIELD_NUMBER: _ClassVar[int]
    WAITING_TO_PAIR_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    start_time: _timestamp_pb2.Timestamp
    proxy_url: str
    ca_file: str
    root_key: str
    control_address: str
    data_dir: str
    phones: int
    devices: int
    connected_devices: int
    waiting_to_pair: int
    connections: int
    received_messages: int
    written_messages: int
    unknown: int
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., proxy_url: _Optional[str] = ..., ca_file: _Optional[str] = ..., root_key: _Optional[str] = ..., control_address: _Optional[str] = ..., data_dir: _Optional[str] = ..., phones: _Optional[int] = ..., devices: _Optional[int] = ..., connected_devices: _Optional[int] = ..., waiting_to_pair: _Optional[int] = ..., connections: _Optional[int] = ..., received_messages: _Optional[int] = ..., written_messages: _Optional[int] = ..., unknown: _Optional[int] = ...) -> None: ...

class ScanRequest(_message.Message):
    __slots__ = ("phone", "code")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    code: str
    def __init__(self, phone: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class ScanResponse(_message.Message):
    __slots__ = ("device",)
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    device: Device
    def __init__(self, device: _Optional[_Union[Device, _Mapping]] = ...) -> None: ...

class EnterCodeRequest(_message.Message):
    __slots__ = ("phone", "code")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    code: str
    def __init__(self, phone: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class EnterCodeResponse(_message.Message):
    __slots__ = ("device",)
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    device: Device
    def __init__(self, device: _Optional[_Union[Device, _Mapping]] = ...) -> None: ...

class WriteMessageRequest(_message.Message):
    __slots__ = ("phone", "to", "text", "content")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    phone: str
    to: str
    text: str
    content: bytes
    def __init__(self, phone: _Optional[str] = ..., to: _Optional[str] = ..., text: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class WriteMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ...) -> None: ...

class VotePollRequest(_message.Message):
    __slots__ = ("phone", "message_id", "options")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    phone: str
    message_id: str
    options: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, phone: _Optional[str] = ..., message_id: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ...) -> None: ...

class VotePollResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ...) -> None: ...

class MarkReadRequest(_message.Message):
    __slots__ = ("phone", "message_id")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    phone: str
    message_id: str
    def __init__(self, phone: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class MarkReadResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("sequence", "phone", "direction", "message_id", "sender", "sender_device", "chat", "text", "content", "time", "delivery", "arrivals", "delivery_time", "read_time", "kind", "undecrypted")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    SENDER_DEVICE_FIELD_NUMBER: _ClassVar[int]
    CHAT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    ARRIVALS_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_TIME_FIELD_NUMBER: _ClassVar[int]
    READ_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNDECRYPTED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    phone: str
    direction: Direction
    message_id: str
    sender: str
    sender_device: int
    chat: str
    text: str
    content: bytes
    time: _timestamp_pb2.Timestamp
    delivery: int
    arrivals: int
    delivery_time: _timestamp_pb2.Timestamp
    read_time: _timestamp_pb2.Timestamp
    kind: str
    undecrypted: bool
    def __init__(self, sequence: _Optional[int] = ..., phone: _Optional[str] = ..., direction: _Optional[_Union[Direction, str]] = ..., message_id: _Optional[str] = ..., sender: _Optional[str] = ..., sender_device: _Optional[int] = ..., chat: _Optional[str] = ..., text: _Optional[str] = ..., content: _Optional[bytes] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delivery: _Optional[int] = ..., arrivals: _Optional[int] = ..., delivery_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., undecrypted: _Optional[bool] = ...) -> None: ...

class ListMessagesRequest(_message.Message):
    __slots__ = ("phone", "after_sequence", "page_size", "wait_count", "wait")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    WAIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    phone: str
    after_sequence: int
    page_size: int
    wait_count: int
    wait: _duration_pb2.Duration
    def __init__(self, phone: _Optional[str] = ..., after_sequence: _Optional[int] = ..., page_size: _Optional[int] = ..., wait_count: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ...) -> None: ...

class StreamMessagesRequest(_message.Message):
    __slots__ = ("phone", "after_sequence")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    after_sequence: int
    def __init__(self, phone: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class StreamMessagesResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ...) -> None: ...

class Phone(_message.Message):
    __slots__ = ("number", "lid", "push_name", "online", "receipts", "on_whatsapp", "waiting", "devices")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    LID_FIELD_NUMBER: _ClassVar[int]
    PUSH_NAME_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    ON_WHATSAPP_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    number: str
    lid: str
    push_name: str
    online: bool
    receipts: bool
    on_whatsapp: bool
    waiting: int
    devices: int
    def __init__(self, number: _Optional[str] = ..., lid: _Optional[str] = ..., push_name: _Optional[str] = ..., online: _Optional[bool] = ..., receipts: _Optional[bool] = ..., on_whatsapp: _Optional[bool] = ..., waiting: _Optional[int] = ..., devices: _Optional[int] = ...) -> None: ...

class SetPhoneRequest(_message.Message):
    __slots__ = ("phone", "online", "receipts", "on_whatsapp", "push_name")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    ON_WHATSAPP_FIELD_NUMBER: _ClassVar[int]
    PUSH_NAME_FIELD_NUMBER: _ClassVar[int]
    phone: str
    online: bool
    receipts: bool
    on_whatsapp: bool
    push_name: str
    def __init__(self, phone: _Optional[str] = ..., online: _Optional[bool] = ..., receipts: _Optional[bool] = ..., on_whatsapp: _Optional[bool] = ..., push_name: _Optional[str] = ...) -> None: ...

class SetPhoneResponse(_message.Message):
    __slots__ = ("phone",)
    PHONE_FIELD_NUMBER: _ClassVar[int]
    phone: Phone
    def __init__(self, phone: _Optional[_Union[Phone, _Mapping]] = ...) -> None: ...

class ForgetSessionsRequest(_message.Message):
    __slots__ = ("phone",)
    PHONE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    def __init__(self, phone: _Optional[str] = ...) -> None: ...

class ForgetSessionsResponse(_message.Message):
    __slots__ = ("forgotten",)
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    forgotten: int
    def __init__(self, forgotten: _Optional[int] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("group", "subject", "phones", "create_time", "admins", "description", "announce", "locked", "ephemeral", "approval", "link", "picture_id", "asking")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PHONES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ADMINS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    PICTURE_ID_FIELD_NUMBER: _ClassVar[int]
    ASKING_FIELD_NUMBER: _ClassVar[int]
    group: str
    subject: str
    phones: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    admins: _containers.RepeatedScalarFieldContainer[str]
    description: str
    announce: bool
    locked: bool
    ephemeral: _duration_pb2.Duration
    approval: bool
    link: str
    picture_id: str
    asking: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, group: _Optional[str] = ..., subject: _Optional[str] = ..., phones: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., admins: _Optional[_Iterable[str]] = ..., description: _Optional[str] = ..., announce: _Optional[bool] = ..., locked: _Optional[bool] = ..., ephemeral: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., approval: _Optional[bool] = ..., link: _Optional[str] = ..., picture_id: _Optional[str] = ..., asking: _Optional[_Iterable[str]] = ...) -> None: ...

class GroupPeople(_message.Message):
    __slots__ = ("add", "remove", "promote", "demote", "approve", "reject")
    ADD_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    PROMOTE_FIELD_NUMBER: _ClassVar[int]
    DEMOTE_FIELD_NUMBER: _ClassVar[int]
    APPROVE_FIELD_NUMBER: _ClassVar[int]
    REJECT_FIELD_NUMBER: _ClassVar[int]
    add: _containers.RepeatedScalarFieldContainer[str]
    remove: _containers.RepeatedScalarFieldContainer[str]
    promote: _containers.RepeatedScalarFieldContainer[str]
    demote: _containers.RepeatedScalarFieldContainer[str]
    approve: _containers.RepeatedScalarFieldContainer[str]
    reject: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, add: _Optional[_Iterable[str]] = ..., remove: _Optional[_Iterable[str]] = ..., promote: _Optional[_Iterable[str]] = ..., demote: _Optional[_Iterable[str]] = ..., approve: _Optional[_Iterable[str]] = ..., reject: _Optional[_Iterable[str]] = ...) -> None: ...

class ActInGroupRequest(_message.Message):
    __slots__ = ("phone", "group", "people", "subject", "description", "announce", "locked", "ephemeral", "approval", "picture", "link", "leave", "admins_add")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    LEAVE_FIELD_NUMBER: _ClassVar[int]
    ADMINS_ADD_FIELD_NUMBER: _ClassVar[int]
    phone: str
    group: str
    people: GroupPeople
    subject: str
    description: str
    announce: bool
    locked: bool
    ephemeral: _duration_pb2.Duration
    approval: bool
    picture: bytes
    link: bool
    leave: bool
    admins_add: bool
    def __init__(self, phone: _Optional[str] = ..., group: _Optional[str] = ..., people: _Optional[_Union[GroupPeople, _Mapping]] = ..., subject: _Optional[str] = ..., description: _Optional[str] = ..., announce: _Optional[bool] = ..., locked: _Optional[bool] = ..., ephemeral: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., approval: _Optional[bool] = ..., picture: _Optional[bytes] = ..., link: _Optional[bool] = ..., leave: _Optional[bool] = ..., admins_add: _Optional[bool] = ...) -> None: ...

class ActInGroupResponse(_message.Message):
    __slots__ = ("group", "errors")
    class ErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    group: Group
    errors: _containers.ScalarMap[str, int]
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ..., errors: _Optional[_Mapping[str, int]] = ...) -> None: ...

class JoinGroupRequest(_message.Message):
    __slots__ = ("phone", "link")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    phone: str
    link: str
    def __init__(self, phone: _Optional[str] = ..., link: _Optional[str] = ...) -> None: ...

class JoinGroupResponse(_message.Message):
    __slots__ = ("group", "asked")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    group: Group
    asked: bool
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ..., asked: _Optional[bool] = ...) -> None: ...

class CreateGroupRequest(_message.Message):
    __slots__ = ("phones", "subject")
    PHONES_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    phones: _containers.RepeatedScalarFieldContainer[str]
    subject: str
    def __init__(self, phones: _Optional[_Iterable[str]] = ..., subject: _Optional[str] = ...) -> None: ...

class CreateGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class SetGroupRequest(_message.Message):
    __slots__ = ("group", "add", "remove", "subject")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    group: str
    add: _containers.RepeatedScalarFieldContainer[str]
    remove: _containers.RepeatedScalarFieldContainer[str]
    subject: str
    def __init__(self, group: _Optional[str] = ..., add: _Optional[_Iterable[str]] = ..., remove: _Optional[_Iterable[str]] = ..., subject: _Optional[str] = ...) -> None: ...

class SetGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class ListGroupsRequest(_message.Message):
    __slots__ = ("phone",)
    PHONE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    def __init__(self, phone: _Optional[str] = ...) -> None: ...

class ListGroupsResponse(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ...) -> None: ...

class ListPhonesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPhonesResponse(_message.Message):
    __slots__ = ("phones",)
    PHONES_FIELD_NUMBER: _ClassVar[int]
    phones: _containers.RepeatedCompositeFieldContainer[Phone]
    def __init__(self, phones: _Optional[_Iterable[_Union[Phone, _Mapping]]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("jid", "lid", "phone", "device", "connected", "connected_since", "pair_time", "login_time", "logins", "sent_messages", "received_messages", "waiting", "pre_keys")
    JID_FIELD_NUMBER: _ClassVar[int]
    LID_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_SINCE_FIELD_NUMBER: _ClassVar[int]
    PAIR_TIME_FIELD_NUMBER: _ClassVar[int]
    LOGIN_TIME_FIELD_NUMBER: _ClassVar[int]
    LOGINS_FIELD_NUMBER: _ClassVar[int]
    SENT_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    PRE_KEYS_FIELD_NUMBER: _ClassVar[int]
    jid: str
    lid: str
    phone: str
    device: int
    connected: bool
    connected_since: _timestamp_pb2.Timestamp
    pair_time: _timestamp_pb2.Timestamp
    login_time: _timestamp_pb2.Timestamp
    logins: int
    sent_messages: int
    received_messages: int
    waiting: int
    pre_keys: int
    def __init__(self, jid: _Optional[str] = ..., lid: _Optional[str] = ..., phone: _Optional[str] = ..., device: _Optional[int] = ..., connected: _Optional[bool] = ..., connected_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pair_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., login_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logins: _Optional[int] = ..., sent_messages: _Optional[int] = ..., received_messages: _Optional[int] = ..., waiting: _Optional[int] = ..., pre_keys: _Optional[int] = ...) -> None: ...

class ListDevicesRequest(_message.Message):
    __slots__ = ("phone",)
    PHONE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    def __init__(self, phone: _Optional[str] = ...) -> None: ...

class ListDevicesResponse(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class DropConnectionsRequest(_message.Message):
    __slots__ = ("phone", "device")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    device: int
    def __init__(self, phone: _Optional[str] = ..., device: _Optional[int] = ...) -> None: ...

class DropConnectionsResponse(_message.Message):
    __slots__ = ("dropped",)
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    dropped: int
    def __init__(self, dropped: _Optional[int] = ...) -> None: ...

class LogOutDeviceRequest(_message.Message):
    __slots__ = ("phone", "device")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    device: int
    def __init__(self, phone: _Optional[str] = ..., device: _Optional[int] = ...) -> None: ...

class LogOutDeviceResponse(_message.Message):
    __slots__ = ("logged_out",)
    LOGGED_OUT_FIELD_NUMBER: _ClassVar[int]
    logged_out: int
    def __init__(self, logged_out: _Optional[int] = ...) -> None: ...

class ReplaceDeviceRequest(_message.Message):
    __slots__ = ("phone", "device")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    device: int
    def __init__(self, phone: _Optional[str] = ..., device: _Optional[int] = ...) -> None: ...

class ReplaceDeviceResponse(_message.Message):
    __slots__ = ("replaced",)
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    replaced: int
    def __init__(self, replaced: _Optional[int] = ...) -> None: ...

class RefuseConnections(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RefuseLogin(_message.Message):
    __slots__ = ("reason", "ban_code", "ban_duration", "drop_connections")
    REASON_FIELD_NUMBER: _ClassVar[int]
    BAN_CODE_FIELD_NUMBER: _ClassVar[int]
    BAN_DURATION_FIELD_NUMBER: _ClassVar[int]
    DROP_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    reason: LoginRefusal
    ban_code: int
    ban_duration: _duration_pb2.Duration
    drop_connections: bool
    def __init__(self, reason: _Optional[_Union[LoginRefusal, str]] = ..., ban_code: _Optional[int] = ..., ban_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., drop_connections: _Optional[bool] = ...) -> None: ...

class RefuseSend(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: int
    def __init__(self, code: _Optional[int] = ...) -> None: ...

class HoldAcknowledgement(_message.Message):
    __slots__ = ("delay",)
    DELAY_FIELD_NUMBER: _ClassVar[int]
    delay: _duration_pb2.Duration
    def __init__(self, delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HoldQuery(_message.Message):
    __slots__ = ("kind", "delay")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    kind: QueryKind
    delay: _duration_pb2.Duration
    def __init__(self, kind: _Optional[_Union[QueryKind, str]] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CutLine(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: CutPlace
    def __init__(self, at: _Optional[_Union[CutPlace, str]] = ...) -> None: ...

class Undecryptable(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Garble(_message.Message):
    __slots__ = ("part", "hidden")
    PART_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    part: GarbledPart
    hidden: bool
    def __init__(self, part: _Optional[_Union[GarbledPart, str]] = ..., hidden: _Optional[bool] = ...) -> None: ...

class ShortQr(_message.Message):
    __slots__ = ("codes", "lifetime")
    CODES_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    codes: int
    lifetime: _duration_pb2.Duration
    def __init__(self, codes: _Optional[int] = ..., lifetime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Silence(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HalfOpen(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Deaf(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RefuseActivation(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RefusePhoneCode(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: int
    def __init__(self, code: _Optional[int] = ...) -> None: ...

class RefuseQuery(_message.Message):
    __slots__ = ("code", "namespace")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    code: int
    namespace: str
    def __init__(self, code: _Optional[int] = ..., namespace: _Optional[str] = ...) -> None: ...

class RequirePasskey(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DisturbMedia(_message.Message):
    __slots__ = ("transfer", "how", "status", "bytes", "delay")
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    transfer: MediaTransfer
    how: MediaDisturbance
    status: int
    bytes: int
    delay: _duration_pb2.Duration
    def __init__(self, transfer: _Optional[_Union[MediaTransfer, str]] = ..., how: _Optional[_Union[MediaDisturbance, str]] = ..., status: _Optional[int] = ..., bytes: _Optional[int] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ("fault_id", "refuse_connections", "refuse_login", "refuse_send", "hold_acknowledgement", "short_qr", "silence", "half_open", "deaf", "refuse_activation", "hold_query", "cut_line", "undecryptable", "refuse_phone_code", "require_passkey", "disturb_media", "garble", "refuse_query", "phone", "recipient", "times", "duration", "acted")
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    REFUSE_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    REFUSE_LOGIN_FIELD_NUMBER: _ClassVar[int]
    REFUSE_SEND_FIELD_NUMBER: _ClassVar[int]
    HOLD_ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    SHORT_QR_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    HALF_OPEN_FIELD_NUMBER: _ClassVar[int]
    DEAF_FIELD_NUMBER: _ClassVar[int]
    REFUSE_ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    HOLD_QUERY_FIELD_NUMBER: _ClassVar[int]
    CUT_LINE_FIELD_NUMBER: _ClassVar[int]
    UNDECRYPTABLE_FIELD_NUMBER: _ClassVar[int]
    REFUSE_PHONE_CODE_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_PASSKEY_FIELD_NUMBER: _ClassVar[int]
    DISTURB_MEDIA_FIELD_NUMBER: _ClassVar[int]
    GARBLE_FIELD_NUMBER: _ClassVar[int]
    REFUSE_QUERY_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    ACTED_FIELD_NUMBER: _ClassVar[int]
    fault_id: int
    refuse_connections: RefuseConnections
    refuse_login: RefuseLogin
    refuse_send: RefuseSend
    hold_acknowledgement: HoldAcknowledgement
    short_qr: ShortQr
    silence: Silence
    half_open: HalfOpen
    deaf: Deaf
    refuse_activation: RefuseActivation
    hold_query: HoldQuery
    cut_line: CutLine
    undecryptable: Undecryptable
    refuse_phone_code: RefusePhoneCode
    require_passkey: RequirePasskey
    disturb_media: DisturbMedia
    garble: Garble
    refuse_query: RefuseQuery
    phone: str
    recipient: str
    times: int
    duration: _duration_pb2.Duration
    acted: int
    def __init__(self, fault_id: _Optional[int] = ..., refuse_connections: _Optional[_Union[RefuseConnections, _Mapping]] = ..., refuse_login: _Optional[_Union[RefuseLogin, _Mapping]] = ..., refuse_send: _Optional[_Union[RefuseSend, _Mapping]] = ..., hold_acknowledgement: _Optional[_Union[HoldAcknowledgement, _Mapping]] = ..., short_qr: _Optional[_Union[ShortQr, _Mapping]] = ..., silence: _Optional[_Union[Silence, _Mapping]] = ..., half_open: _Optional[_Union[HalfOpen, _Mapping]] = ..., deaf: _Optional[_Union[Deaf, _Mapping]] = ..., refuse_activation: _Optional[_Union[RefuseActivation, _Mapping]] = ..., hold_query: _Optional[_Union[HoldQuery, _Mapping]] = ..., cut_line: _Optional[_Union[CutLine, _Mapping]] = ..., undecryptable: _Optional[_Union[Undecryptable, _Mapping]] = ..., refuse_phone_code: _Optional[_Union[RefusePhoneCode, _Mapping]] = ..., require_passkey: _Optional[_Union[RequirePasskey, _Mapping]] = ..., disturb_media: _Optional[_Union[DisturbMedia, _Mapping]] = ..., garble: _Optional[_Union[Garble, _Mapping]] = ..., refuse_query: _Optional[_Union[RefuseQuery, _Mapping]] = ..., phone: _Optional[str] = ..., recipient: _Optional[str] = ..., times: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., acted: _Optional[int] = ...) -> None: ...

class SetFaultRequest(_message.Message):
    __slots__ = ("fault",)
    FAULT_FIELD_NUMBER: _ClassVar[int]
    fault: Fault
    def __init__(self, fault: _Optional[_Union[Fault, _Mapping]] = ...) -> None: ...

class SetFaultResponse(_message.Message):
    __slots__ = ("fault",)
    FAULT_FIELD_NUMBER: _ClassVar[int]
    fault: Fault
    def __init__(self, fault: _Optional[_Union[Fault, _Mapping]] = ...) -> None: ...

class ListFaultsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFaultsResponse(_message.Message):
    __slots__ = ("faults",)
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    faults: _containers.RepeatedCompositeFieldContainer[Fault]
    def __init__(self, faults: _Optional[_Iterable[_Union[Fault, _Mapping]]] = ...) -> None: ...

class WaitFaultRequest(_message.Message):
    __slots__ = ("fault_id", "acted", "wait")
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTED_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    fault_id: int
    acted: int
    wait: _duration_pb2.Duration
    def __init__(self, fault_id: _Optional[int] = ..., acted: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WaitFaultResponse(_message.Message):
    __slots__ = ("fault",)
    FAULT_FIELD_NUMBER: _ClassVar[int]
    fault: Fault
    def __init__(self, fault: _Optional[_Union[Fault, _Mapping]] = ...) -> None: ...

class ClearFaultsRequest(_message.Message):
    __slots__ = ("fault_id",)
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    fault_id: int
    def __init__(self, fault_id: _Optional[int] = ...) -> None: ...

class ClearFaultsResponse(_message.Message):
    __slots__ = ("cleared",)
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    cleared: int
    def __init__(self, cleared: _Optional[int] = ...) -> None: ...

class Unknown(_message.Message):
    __slots__ = ("kind", "sender", "text", "time")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    kind: UnknownKind
    sender: str
    text: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[_Union[UnknownKind, str]] = ..., sender: _Optional[str] = ..., text: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListUnknownRequest(_message.Message):
    __slots__ = ("clear",)
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    clear: bool
    def __init__(self, clear: _Optional[bool] = ...) -> None: ...

class ListUnknownResponse(_message.Message):
    __slots__ = ("unknown",)
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    unknown: _containers.RepeatedCompositeFieldContainer[Unknown]
    def __init__(self, unknown: _Optional[_Iterable[_Union[Unknown, _Mapping]]] = ...) -> None: ...
