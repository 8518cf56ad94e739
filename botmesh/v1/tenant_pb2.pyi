import datetime

from botmesh.v1 import session_pb2 as _session_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DesiredState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DESIRED_STATE_UNSPECIFIED: _ClassVar[DesiredState]
    DESIRED_STATE_RUNNING: _ClassVar[DesiredState]
    DESIRED_STATE_STOPPED: _ClassVar[DesiredState]
    DESIRED_STATE_DELETED: _ClassVar[DesiredState]

class ObservedState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBSERVED_STATE_UNSPECIFIED: _ClassVar[ObservedState]
    OBSERVED_STATE_STARTING: _ClassVar[ObservedState]
    OBSERVED_STATE_RUNNING: _ClassVar[ObservedState]
    OBSERVED_STATE_STOPPING: _ClassVar[ObservedState]
    OBSERVED_STATE_STOPPED: _ClassVar[ObservedState]
    OBSERVED_STATE_BACKING_OFF: _ClassVar[ObservedState]
    OBSERVED_STATE_FAILED: _ClassVar[ObservedState]
    OBSERVED_STATE_DELETING: _ClassVar[ObservedState]
DESIRED_STATE_UNSPECIFIED: DesiredState
DESIRED_STATE_RUNNING: DesiredState
DESIRED_STATE_STOPPED: DesiredState
DESIRED_STATE_DELETED: DesiredState
OBSERVED_STATE_UNSPECIFIED: ObservedState
OBSERVED_STATE_STARTING: ObservedState
OBSERVED_STATE_RUNNING: ObservedState
OBSERVED_STATE_STOPPING: ObservedState
OBSERVED_STATE_STOPPED: ObservedState
OBSERVED_STATE_BACKING_OFF: ObservedState
OBSERVED_STATE_FAILED: ObservedState
OBSERVED_STATE_DELETING: ObservedState

class Tenant(_message.Message):
    __slots__ = ("tenant_id", "name", "bot_port", "desired_state", "observed_state", "desired_generation", "observed_generation", "phone_number", "session_state", "address", "pid", "restarts", "last_exit", "home", "create_time", "update_time", "pacing", "proxy_url")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BOT_PORT_FIELD_NUMBER: _ClassVar[int]
    DESIRED_STATE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_STATE_FIELD_NUMBER: _ClassVar[int]
    DESIRED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SESSION_STATE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    LAST_EXIT_FIELD_NUMBER: _ClassVar[int]
    HOME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PACING_FIELD_NUMBER: _ClassVar[int]
    PROXY_URL_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    name: str
    bot_port: int
    desired_state: DesiredState
    observed_state: ObservedState
    desired_generation: int
    observed_generation: int
    phone_number: str
    session_state: _session_pb2.SessionState
    address: str
    pid: int
    restarts: int
    last_exit: str
    home: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    pacing: Pacing
    proxy_url: str
    def __init__(self, tenant_id: _Optional[str] = ..., name: _Optional[str] = ..., bot_port: _Optional[int] = ..., desired_state: _Optional[_Union[DesiredState, str]] = ..., observed_state: _Optional[_Union[ObservedState, str]] = ..., desired_generation: _Optional[int] = ..., observed_generation: _Optional[int] = ..., phone_number: _Optional[str] = ..., session_state: _Optional[_Union[_session_pb2.SessionState, str]] = ..., address: _Optional[str] = ..., pid: _Optional[int] = ..., restarts: _Optional[int] = ..., last_exit: _Optional[str] = ..., home: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pacing: _Optional[_Union[Pacing, _Mapping]] = ..., proxy_url: _Optional[str] = ...) -> None: ...

class Pacing(_message.Message):
    __slots__ = ("messages_per_minute", "new_chats_per_day", "least_pause", "most_pause")
    MESSAGES_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    NEW_CHATS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    LEAST_PAUSE_FIELD_NUMBER: _ClassVar[int]
    MOST_PAUSE_FIELD_NUMBER: _ClassVar[int]
    messages_per_minute: int
    new_chats_per_day: int
    least_pause: _duration_pb2.Duration
    most_pause: _duration_pb2.Duration
    def __init__(self, messages_per_minute: _Optional[int] = ..., new_chats_per_day: _Optional[int] = ..., least_pause: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., most_pause: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CreateTenantRequest(_message.Message):
    __slots__ = ("tenant_id", "name", "bot_port", "stopped", "pacing", "proxy_url")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BOT_PORT_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    PACING_FIELD_NUMBER: _ClassVar[int]
    PROXY_URL_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    name: str
    bot_port: int
    stopped: bool
    pacing: Pacing
    proxy_url: str
    def __init__(self, tenant_id: _Optional[str] = ..., name: _Optional[str] = ..., bot_port: _Optional[int] = ..., stopped: _Optional[bool] = ..., pacing: _Optional[_Union[Pacing, _Mapping]] = ..., proxy_url: _Optional[str] = ...) -> None: ...

class CreateTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class GetTenantRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class GetTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class ListTenantsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTenantsResponse(_message.Message):
    __slots__ = ("tenants", "next_page_token")
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenants: _containers.RepeatedCompositeFieldContainer[Tenant]
    next_page_token: str
    def __init__(self, tenants: _Optional[_Iterable[_Union[Tenant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateTenantRequest(_message.Message):
    __slots__ = ("tenant_id", "name", "bot_port", "pacing", "proxy_url")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BOT_PORT_FIELD_NUMBER: _ClassVar[int]
    PACING_FIELD_NUMBER: _ClassVar[int]
    PROXY_URL_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    name: str
    bot_port: int
    pacing: Pacing
    proxy_url: str
    def __init__(self, tenant_id: _Optional[str] = ..., name: _Optional[str] = ..., bot_port: _Optional[int] = ..., pacing: _Optional[_Union[Pacing, _Mapping]] = ..., proxy_url: _Optional[str] = ...) -> None: ...

class UpdateTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class DeleteTenantRequest(_message.Message):
    __slots__ = ("tenant_id", "delete_data")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DELETE_DATA_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    delete_data: bool
    def __init__(self, tenant_id: _Optional[str] = ..., delete_data: _Optional[bool] = ...) -> None: ...

class DeleteTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class StartTenantRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class StartTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class StopTenantRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class StopTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class RestartTenantRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class RestartTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...
