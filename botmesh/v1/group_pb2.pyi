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

class GroupRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GROUP_ROLE_UNSPECIFIED: _ClassVar[GroupRole]
    GROUP_ROLE_MEMBER: _ClassVar[GroupRole]
    GROUP_ROLE_ADMIN: _ClassVar[GroupRole]
    GROUP_ROLE_SUPER_ADMIN: _ClassVar[GroupRole]

class ParticipantAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARTICIPANT_ACTION_UNSPECIFIED: _ClassVar[ParticipantAction]
    PARTICIPANT_ACTION_ADD: _ClassVar[ParticipantAction]
    PARTICIPANT_ACTION_REMOVE: _ClassVar[ParticipantAction]
    PARTICIPANT_ACTION_PROMOTE: _ClassVar[ParticipantAction]
    PARTICIPANT_ACTION_DEMOTE: _ClassVar[ParticipantAction]
GROUP_ROLE_UNSPECIFIED: GroupRole
GROUP_ROLE_MEMBER: GroupRole
GROUP_ROLE_ADMIN: GroupRole
GROUP_ROLE_SUPER_ADMIN: GroupRole
PARTICIPANT_ACTION_UNSPECIFIED: ParticipantAction
PARTICIPANT_ACTION_ADD: ParticipantAction
PARTICIPANT_ACTION_REMOVE: ParticipantAction
PARTICIPANT_ACTION_PROMOTE: ParticipantAction
PARTICIPANT_ACTION_DEMOTE: ParticipantAction

class Group(_message.Message):
    __slots__ = ("group_jid", "name", "description", "owner_jid", "create_time", "announce", "locked", "ephemeral_expiration", "owner_number", "participants")
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OWNER_JID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    OWNER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    group_jid: str
    name: str
    description: str
    owner_jid: str
    create_time: _timestamp_pb2.Timestamp
    announce: bool
    locked: bool
    ephemeral_expiration: _duration_pb2.Duration
    owner_number: str
    participants: _containers.RepeatedCompositeFieldContainer[GroupParticipant]
    def __init__(self, group_jid: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., owner_jid: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., announce: _Optional[bool] = ..., locked: _Optional[bool] = ..., ephemeral_expiration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., owner_number: _Optional[str] = ..., participants: _Optional[_Iterable[_Union[GroupParticipant, _Mapping]]] = ...) -> None: ...

class GroupParticipant(_message.Message):
    __slots__ = ("jid", "phone_number", "role", "lid")
    JID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    LID_FIELD_NUMBER: _ClassVar[int]
    jid: str
    phone_number: str
    role: GroupRole
    lid: str
    def __init__(self, jid: _Optional[str] = ..., phone_number: _Optional[str] = ..., role: _Optional[_Union[GroupRole, str]] = ..., lid: _Optional[str] = ...) -> None: ...

class CreateGroupRequest(_message.Message):
    __slots__ = ("tenant_id", "name", "participants")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    name: str
    participants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tenant_id: _Optional[str] = ..., name: _Optional[str] = ..., participants: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateGroupResponse(_message.Message):
    __slots__ = ("group", "results")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    group: Group
    results: _containers.RepeatedCompositeFieldContainer[ParticipantResult]
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ..., results: _Optional[_Iterable[_Union[ParticipantResult, _Mapping]]] = ...) -> None: ...

class ParticipantResult(_message.Message):
    __slots__ = ("participant", "jid", "done", "error_code", "detail", "invitable")
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    JID_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    INVITABLE_FIELD_NUMBER: _ClassVar[int]
    participant: str
    jid: str
    done: bool
    error_code: int
    detail: str
    invitable: bool
    def __init__(self, participant: _Optional[str] = ..., jid: _Optional[str] = ..., done: _Optional[bool] = ..., error_code: _Optional[int] = ..., detail: _Optional[str] = ..., invitable: _Optional[bool] = ...) -> None: ...

class ListGroupsRequest(_message.Message):
    __slots__ = ("tenant_id", "page_size", "page_token")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    page_size: int
    page_token: str
    def __init__(self, tenant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGroupsResponse(_message.Message):
    __slots__ = ("groups", "next_page_token")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    next_page_token: str
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetGroupRequest(_message.Message):
    __slots__ = ("tenant_id", "group_jid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    group_jid: str
    def __init__(self, tenant_id: _Optional[str] = ..., group_jid: _Optional[str] = ...) -> None: ...

class GetGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class UpdateGroupRequest(_message.Message):
    __slots__ = ("tenant_id", "group_jid", "name", "description", "announce", "locked", "ephemeral_expiration")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    group_jid: str
    name: str
    description: str
    announce: bool
    locked: bool
    ephemeral_expiration: _duration_pb2.Duration
    def __init__(self, tenant_id: _Optional[str] = ..., group_jid: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., announce: _Optional[bool] = ..., locked: _Optional[bool] = ..., ephemeral_expiration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class UpdateGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class SetGroupPictureRequest(_message.Message):
    __slots__ = ("tenant_id", "group_jid", "jpeg")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    JPEG_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    group_jid: str
    jpeg: bytes
    def __init__(self, tenant_id: _Optional[str] = ..., group_jid: _Optional[str] = ..., jpeg: _Optional[bytes] = ...) -> None: ...

class SetGroupPictureResponse(_message.Message):
    __slots__ = ("picture_id",)
    PICTURE_ID_FIELD_NUMBER: _ClassVar[int]
    picture_id: str
    def __init__(self, picture_id: _Optional[str] = ...) -> None: ...

class UpdateGroupParticipantsRequest(_message.Message):
    __slots__ = ("tenant_id", "group_jid", "action", "participants")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    group_jid: str
    action: ParticipantAction
    participants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tenant_id: _Optional[str] = ..., group_jid: _Optional[str] = ..., action: _Optional[_Union[ParticipantAction, str]] = ..., participants: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateGroupParticipantsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ParticipantResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ParticipantResult, _Mapping]]] = ...) -> None: ...

class GetGroupInviteLinkRequest(_message.Message):
    __slots__ = ("tenant_id", "group_jid", "reset")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    group_jid: str
    reset: bool
    def __init__(self, tenant_id: _Optional[str] = ..., group_jid: _Optional[str] = ..., reset: _Optional[bool] = ...) -> None: ...

class GetGroupInviteLinkResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: str
    def __init__(self, link: _Optional[str] = ...) -> None: ...

class GetGroupByInviteLinkRequest(_message.Message):
    __slots__ = ("tenant_id", "link")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    link: str
    def __init__(self, tenant_id: _Optional[str] = ..., link: _Optional[str] = ...) -> None: ...

class GetGroupByInviteLinkResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class JoinGroupRequest(_message.Message):
    __slots__ = ("tenant_id", "link")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    link: str
    def __init__(self, tenant_id: _Optional[str] = ..., link: _Optional[str] = ...) -> None: ...

class JoinGroupResponse(_message.Message):
    __slots__ = ("group_jid", "approval_pending")
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_PENDING_FIELD_NUMBER: _ClassVar[int]
    group_jid: str
    approval_pending: bool
    def __init__(self, group_jid: _Optional[str] = ..., approval_pending: _Optional[bool] = ...) -> None: ...

class LeaveGroupRequest(_message.Message):
    __slots__ = ("tenant_id", "group_jid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    group_jid: str
    def __init__(self, tenant_id: _Optional[str] = ..., group_jid: _Optional[str] = ...) -> None: ...

class LeaveGroupResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GroupChange(_message.Message):
    __slots__ = ("group_jid", "author_jid", "author_number", "change_time", "name", "description", "announce", "locked", "ephemeral_expiration", "joined_jids", "left_jids", "promoted_jids", "demoted_jids", "phone_numbers", "join_reason", "invite_link", "deleted", "other_changes")
    class PhoneNumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    GROUP_JID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_JID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    JOINED_JIDS_FIELD_NUMBER: _ClassVar[int]
    LEFT_JIDS_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_JIDS_FIELD_NUMBER: _ClassVar[int]
    DEMOTED_JIDS_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    JOIN_REASON_FIELD_NUMBER: _ClassVar[int]
    INVITE_LINK_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    OTHER_CHANGES_FIELD_NUMBER: _ClassVar[int]
    group_jid: str
    author_jid: str
    author_number: str
    change_time: _timestamp_pb2.Timestamp
    name: str
    description: str
    announce: bool
    locked: bool
    ephemeral_expiration: _duration_pb2.Duration
    joined_jids: _containers.RepeatedScalarFieldContainer[str]
    left_jids: _containers.RepeatedScalarFieldContainer[str]
    promoted_jids: _containers.RepeatedScalarFieldContainer[str]
    demoted_jids: _containers.RepeatedScalarFieldContainer[str]
    phone_numbers: _containers.ScalarMap[str, str]
    join_reason: str
    invite_link: str
    deleted: bool
    other_changes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, group_jid: _Optional[str] = ..., author_jid: _Optional[str] = ..., author_number: _Optional[str] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., announce: _Optional[bool] = ..., locked: _Optional[bool] = ..., ephemeral_expiration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., joined_jids: _Optional[_Iterable[str]] = ..., left_jids: _Optional[_Iterable[str]] = ..., promoted_jids: _Optional[_Iterable[str]] = ..., demoted_jids: _Optional[_Iterable[str]] = ..., phone_numbers: _Optional[_Mapping[str, str]] = ..., join_reason: _Optional[str] = ..., invite_link: _Optional[str] = ..., deleted: _Optional[bool] = ..., other_changes: _Optional[_Iterable[str]] = ...) -> None: ...

class GroupJoined(_message.Message):
    __slots__ = ("group", "reason", "created", "author_jid", "author_number")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_JID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_NUMBER_FIELD_NUMBER: _ClassVar[int]
    group: Group
    reason: str
    created: bool
    author_jid: str
    author_number: str
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ..., reason: _Optional[str] = ..., created: _Optional[bool] = ..., author_jid: _Optional[str] = ..., author_number: _Optional[str] = ...) -> None: ...
