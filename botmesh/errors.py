"""The closed table of reasons why a call to the mesh can fail, and the exception that carries one.

On the wire an error is a ``google.rpc.Status`` whose ``ErrorInfo`` has the domain ``botmesh`` and
one of these reasons. A caller turns a ``grpc.RpcError`` into a `MeshError` with `from_rpc_error`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "botmesh"
DETAILS_KEY = "grpc-status-details-bin"


class Reason(StrEnum):
    """Why a call failed. The value is what stands in ``ErrorInfo.reason``."""

    INVALID_REQUEST = "INVALID_REQUEST"
    RECIPIENT_INVALID = "RECIPIENT_INVALID"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    TENANT_NOT_FOUND = "TENANT_NOT_FOUND"
    RECIPIENT_NOT_ON_WHATSAPP = "RECIPIENT_NOT_ON_WHATSAPP"
    TENANT_EXISTS = "TENANT_EXISTS"
    PORT_TAKEN = "PORT_TAKEN"
    TENANT_STOPPED = "TENANT_STOPPED"
    SESSION_NOT_PAIRED = "SESSION_NOT_PAIRED"
    SESSION_ALREADY_PAIRED = "SESSION_ALREADY_PAIRED"
    SESSION_LOGGED_OUT = "SESSION_LOGGED_OUT"
    SESSION_REPLACED = "SESSION_REPLACED"
    SESSION_DISCONNECTED = "SESSION_DISCONNECTED"
    ACCOUNT_BANNED = "ACCOUNT_BANNED"
    ACCOUNT_CHANGED = "ACCOUNT_CHANGED"
    CLIENT_OUTDATED = "CLIENT_OUTDATED"
    STORE_MISSING = "STORE_MISSING"
    WRONG_BOTNODE = "WRONG_BOTNODE"
    EVENT_LOG_CHANGED = "EVENT_LOG_CHANGED"
    EVENTS_EXPIRED = "EVENTS_EXPIRED"
    BOTNODE_UNAVAILABLE = "BOTNODE_UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    REGISTRY_UNAVAILABLE = "REGISTRY_UNAVAILABLE"
    RATE_LIMITED = "RATE_LIMITED"
    REACH_OUT_LOCKED = "REACH_OUT_LOCKED"
    MESSAGE_REJECTED = "MESSAGE_REJECTED"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    MESSAGE_NOT_CANCELLABLE = "MESSAGE_NOT_CANCELLABLE"
    MESSAGE_CANCELLED = "MESSAGE_CANCELLED"
    MESSAGE_EXPIRED = "MESSAGE_EXPIRED"
    QUEUE_FULL = "QUEUE_FULL"
    STORAGE_FULL = "STORAGE_FULL"
    PAIRING_TIMED_OUT = "PAIRING_TIMED_OUT"
    PAIRING_FAILED = "PAIRING_FAILED"
    PAIRING_REFUSED = "PAIRING_REFUSED"
    PASSKEY_REQUIRED = "PASSKEY_REQUIRED"
    SEND_OUTCOME_UNKNOWN = "SEND_OUTCOME_UNKNOWN"
    WHATSAPP_UNANSWERED = "WHATSAPP_UNANSWERED"
    WHATSAPP_REFUSED = "WHATSAPP_REFUSED"
    MEDIA_NOT_FOUND = "MEDIA_NOT_FOUND"
    MEDIA_INCOMPLETE = "MEDIA_INCOMPLETE"
    MEDIA_OFFSET_WRONG = "MEDIA_OFFSET_WRONG"
    MEDIA_ID_REUSED = "MEDIA_ID_REUSED"
    MEDIA_TOO_LARGE = "MEDIA_TOO_LARGE"
    MEDIA_DAMAGED = "MEDIA_DAMAGED"
    MEDIA_EXPIRED = "MEDIA_EXPIRED"
    MEDIA_TRANSFER_FAILED = "MEDIA_TRANSFER_FAILED"
    CONVERSION_UNAVAILABLE = "CONVERSION_UNAVAILABLE"
    GROUP_NOT_FOUND = "GROUP_NOT_FOUND"
    GROUP_FORBIDDEN = "GROUP_FORBIDDEN"
    INVITE_LINK_INVALID = "INVITE_LINK_INVALID"
    PICTURE_NOT_FOUND = "PICTURE_NOT_FOUND"
    PUSH_NAME_MISSING = "PUSH_NAME_MISSING"
    INTERNAL = "INTERNAL"


class UnlistedReason(str):
    """A reason that this version's table does not have: a newer botmesh gave it."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """What stands in ``ErrorInfo.reason``, as with a `Reason`."""
        return str(self)


@dataclass(frozen=True, slots=True)
class ReasonSpec:
    """What a reason means.

    Attributes:
        code: the gRPC status code it travels with.
        retryable: the same call may succeed later without anyone changing anything.
        loggable: worth a line of level warning or above on the side that answers with it.
        meaning: one sentence for people.
    """

    code: grpc.StatusCode
    retryable: bool
    loggable: bool
    meaning: str


_C = grpc.StatusCode

REASONS: Mapping[Reason, ReasonSpec] = MappingProxyType(
    {
        Reason.INVALID_REQUEST: ReasonSpec(
            _C.INVALID_ARGUMENT, False, False, "A field of the request is missing or wrong."
        ),
        Reason.RECIPIENT_INVALID: ReasonSpec(
            _C.INVALID_ARGUMENT, False, False, "The recipient is neither a phone number nor a JID."
        ),
        Reason.REQUEST_ID_REUSED: ReasonSpec(
            _C.INVALID_ARGUMENT,
            False,
            False,
            "The request_id was used before for another content or recipient.",
        ),
        Reason.UNAUTHENTICATED: ReasonSpec(
            _C.UNAUTHENTICATED, False, True, "The mesh's secret is missing or wrong."
        ),
        Reason.TENANT_NOT_FOUND: ReasonSpec(
            _C.NOT_FOUND, False, False, "There is no tenant of that id."
        ),
        Reason.RECIPIENT_NOT_ON_WHATSAPP: ReasonSpec(
            _C.NOT_FOUND, False, False, "The recipient's number has no WhatsApp account."
        ),
        Reason.TENANT_EXISTS: ReasonSpec(
            _C.ALREADY_EXISTS, False, False, "There is a tenant of that id already."
        ),
        Reason.PORT_TAKEN: ReasonSpec(
            _C.ALREADY_EXISTS, False, False, "Another tenant has that port."
        ),
        Reason.TENANT_STOPPED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, False, "The tenant is stopped; start it first."
        ),
        Reason.SESSION_NOT_PAIRED: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            False,
            "The tenant has no WhatsApp account linked; pair it.",
        ),
        Reason.SESSION_ALREADY_PAIRED: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            False,
            "The tenant has a WhatsApp account linked already; log it out to link another.",
        ),
        Reason.SESSION_LOGGED_OUT: ReasonSpec(
            _C.FAILED_PRECONDITION, False, True, "The account was unlinked; pair the tenant again."
        ),
        Reason.SESSION_REPLACED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, True, "Another client took the session over."
        ),
        Reason.SESSION_DISCONNECTED: ReasonSpec(
            _C.UNAVAILABLE,
            True,
            False,
            "The line to WhatsApp is down; the botnode is trying again by itself.",
        ),
        Reason.ACCOUNT_BANNED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, True, "WhatsApp banned the account for a time."
        ),
        Reason.ACCOUNT_CHANGED: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            False,
            "The tenant has another account now than when it accepted the message.",
        ),
        Reason.CLIENT_OUTDATED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, True, "WhatsApp refuses this client version; upgrade."
        ),
        Reason.STORE_MISSING: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            True,
            "The registry knows an account for this tenant, but its folder is new.",
        ),
        Reason.WRONG_BOTNODE: ReasonSpec(
            _C.FAILED_PRECONDITION,
            True,
            True,
            "The call reached a botnode of another tenant or mesh; it did nothing.",
        ),
        Reason.EVENT_LOG_CHANGED: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            False,
            "The cursor is of another event log, or ahead of this one.",
        ),
        Reason.EVENTS_EXPIRED: ReasonSpec(
            _C.OUT_OF_RANGE, False, False, "The cursor is older than the oldest event kept."
        ),
        Reason.BOTNODE_UNAVAILABLE: ReasonSpec(
            _C.UNAVAILABLE, True, True, "The tenant's botnode does not answer now."
        ),
        Reason.SHUTTING_DOWN: ReasonSpec(
            _C.UNAVAILABLE, True, False, "The process that answered is stopping."
        ),
        Reason.REGISTRY_UNAVAILABLE: ReasonSpec(
            _C.UNAVAILABLE, True, True, "The registry's database cannot be used now."
        ),
        Reason.RATE_LIMITED: ReasonSpec(
            _C.RESOURCE_EXHAUSTED,
            True,
            True,
            "Too many messages, or requests for pairing codes, in a short time.",
        ),
        Reason.REACH_OUT_LOCKED: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            True,
            "WhatsApp stopped this account from writing to new chats (error 463).",
        ),
        Reason.MESSAGE_REJECTED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, True, "WhatsApp refused the message for good."
        ),
        Reason.MESSAGE_NOT_FOUND: ReasonSpec(
            _C.NOT_FOUND, False, False, "The tenant's outbox has no such message."
        ),
        Reason.MESSAGE_NOT_CANCELLABLE: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            False,
            "The message is not waiting any more: it was handed to WhatsApp's library, or failed.",
        ),
        Reason.MESSAGE_CANCELLED: ReasonSpec(
            _C.ABORTED, False, False, "The message was taken back before it went out."
        ),
        Reason.MESSAGE_EXPIRED: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            False,
            "The message waited until its time was over; it never went out.",
        ),
        Reason.QUEUE_FULL: ReasonSpec(
            _C.RESOURCE_EXHAUSTED, True, True, "Too many messages of this tenant wait already."
        ),
        Reason.STORAGE_FULL: ReasonSpec(
            _C.RESOURCE_EXHAUSTED, True, True, "The botnode's disk is full; nothing was accepted."
        ),
        Reason.PAIRING_TIMED_OUT: ReasonSpec(
            _C.DEADLINE_EXCEEDED, True, False, "Nobody scanned a code in time."
        ),
        Reason.PAIRING_FAILED: ReasonSpec(
            _C.UNAVAILABLE, True, True, "A try at pairing failed; a new code follows."
        ),
        Reason.PAIRING_REFUSED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, True, "WhatsApp gives this number no pairing code."
        ),
        Reason.PASSKEY_REQUIRED: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            True,
            "WhatsApp asks for a passkey to link this account, which botmesh cannot give.",
        ),
        Reason.SEND_OUTCOME_UNKNOWN: ReasonSpec(
            _C.UNKNOWN,
            False,
            True,
            "The send was cut: the message arrived once or not at all. "
            "Only `allow_duplicate` repeats it.",
        ),
        Reason.WHATSAPP_UNANSWERED: ReasonSpec(
            _C.DEADLINE_EXCEEDED,
            True,
            True,
            "WhatsApp gave no answer in time; what was asked of it may have happened. Before "
            "CreateGroup is repeated, look whether the group is there.",
        ),
        Reason.WHATSAPP_REFUSED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, True, "WhatsApp refused; the message has its words."
        ),
        Reason.MEDIA_NOT_FOUND: ReasonSpec(
            _C.NOT_FOUND, False, False, "The tenant has no such media; it may have been forgotten."
        ),
        Reason.MEDIA_INCOMPLETE: ReasonSpec(
            _C.FAILED_PRECONDITION, False, False, "The media's upload is not whole yet."
        ),
        Reason.MEDIA_OFFSET_WRONG: ReasonSpec(
            _C.OUT_OF_RANGE,
            False,
            False,
            "The upload does not go on where it broke off; GetMedia tells where that is.",
        ),
        Reason.MEDIA_ID_REUSED: ReasonSpec(
            _C.ALREADY_EXISTS, False, False, "The media_id stands for other media already."
        ),
        Reason.MEDIA_TOO_LARGE: ReasonSpec(
            _C.INVALID_ARGUMENT, False, False, "The media is larger than is allowed."
        ),
        Reason.MEDIA_DAMAGED: ReasonSpec(
            _C.DATA_LOSS, False, True, "The media's size or hash is not the announced one."
        ),
        Reason.MEDIA_EXPIRED: ReasonSpec(
            _C.FAILED_PRECONDITION, False, False, "WhatsApp does not keep the media any more."
        ),
        Reason.MEDIA_TRANSFER_FAILED: ReasonSpec(
            _C.UNAVAILABLE, True, True, "The media could not be moved to or from WhatsApp."
        ),
        Reason.CONVERSION_UNAVAILABLE: ReasonSpec(
            _C.FAILED_PRECONDITION,
            False,
            True,
            "The media must be converted for phones, and the botnode has no ffmpeg for it.",
        ),
        Reason.GROUP_NOT_FOUND: ReasonSpec(_C.NOT_FOUND, False, False, "There is no such group."),
        Reason.GROUP_FORBIDDEN: ReasonSpec(
            _C.PERMISSION_DENIED,
            False,
            False,
            "The account is not in the group, or not its admin.",
        ),
        Reason.INVITE_LINK_INVALID: ReasonSpec(
            _C.NOT_FOUND, False, False, "The invite link leads nowhere, or was taken back."
        ),
        Reason.PICTURE_NOT_FOUND: ReasonSpec(
            _C.NOT_FOUND, False, False, "There is no picture, or none that this account may see."
        ),
        Reason.PUSH_NAME_MISSING: ReasonSpec(
            _C.FAILED_PRECONDITION,
            True,
            False,
            "WhatsApp has not told the account's name yet, without which it takes no presence.",
        ),
        Reason.INTERNAL: ReasonSpec(
            _C.INTERNAL, False, True, "A fault in botmesh; the log of the answering process tells."
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A field of a request that is wrong, by its path, e.g. ``content.text.body``."""

    field: str
    description: str


class MeshError(Exception):
    """A call to the mesh failed for a reason of the table.

    Attributes:
        reason: the entry of the table; an `UnlistedReason` if a newer botmesh gave one that this
            version does not know.
        message: one sentence for people; never holds message text, codes or keys.
        metadata: ids that belong to the failure, e.g. ``tenant_id``, ``message_id``.
        violations: the fields that are wrong, for INVALID_ARGUMENT.
        retry_after: when to try again, where waiting helps.
    """

    def __init__(
        self,
        reason: Reason | UnlistedReason,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after: timedelta | None = None,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
    ) -> None:
        """Args: ``code`` only for a reason that is not in the table, which has the others'."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self._spec = (
            REASONS[reason]
            if isinstance(reason, Reason)
            else ReasonSpec(code, retry_after is not None, True, message)
        )

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC status code that the reason travels with."""
        return self._spec.code

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later by itself."""
        return self._spec.retryable

    @property
    def loggable(self) -> bool:
        """Whether the side that answers with it shall notice."""
        return self._spec.loggable

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def invalid(field: str, description: str) -> MeshError:
    """An INVALID_REQUEST that names one field."""
    return invalid_fields([Violation(field, description)])


def invalid_fields(violations: Iterable[Violation]) -> MeshError:
    """An INVALID_REQUEST that names every field that is wrong."""
    found = tuple(violations)
    text = "; ".join(f"{v.field}: {v.description}" for v in found)
    return MeshError(Reason.INVALID_REQUEST, text, violations=found)


def from_rpc_error(error: grpc.RpcError) -> MeshError | None:
    """The typed error in a failed call's trailers, or None if the mesh did not put one there.

    Works for errors of ``grpc`` and of ``grpc.aio``. None means that the transport failed before
    the mesh could answer, or that something else answered.
    """
    trailers = getattr(error, "trailing_metadata", lambda: None)() or ()
    for key, value in trailers:
        if key == DETAILS_KEY:
            return from_status_bytes(value)
    return None


def from_status_bytes(value: bytes) -> MeshError | None:
    """The typed error in a serialized google.rpc.Status, or None if it holds none of ours."""
    status = status_pb2.Status()
    try:
        status.ParseFromString(value)
        return _from_status(status)
    except (DecodeError, ValueError, OverflowError):  # not ours: no mesh asks to wait for ages
        return None


def _from_status(status: status_pb2.Status) -> MeshError | None:
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    found = False
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            found = info.domain == DOMAIN
        elif detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
        elif detail.Is(retry.DESCRIPTOR):
            detail.Unpack(retry)
    if not found:
        return None
    return MeshError(
        _reason(info.reason),
        status.message,
        metadata=info.metadata,
        violations=[Violation(v.field, v.description) for v in bad.field_violations],
        retry_after=retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None,
        code=_CODES.get(status.code, grpc.StatusCode.UNKNOWN),
    )


def _reason(name: str) -> Reason | UnlistedReason:
    return Reason(name) if name in Reason.__members__ else UnlistedReason(name)


_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
