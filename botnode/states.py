"""Where a session and a sent message can stand, and which steps between these places exist."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType

from botmesh.errors import Reason


class SessionState(StrEnum):
    """Where a tenant's session stands; the names are those of the contract."""

    STARTING = "STARTING"
    WAITING_FOR_LEASE = "WAITING_FOR_LEASE"
    UNPAIRED = "UNPAIRED"
    PAIRING = "PAIRING"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    DEAF = "DEAF"
    RECONNECTING = "RECONNECTING"
    LOGGED_OUT = "LOGGED_OUT"
    REPLACED = "REPLACED"
    BANNED = "BANNED"
    OUTDATED = "OUTDATED"
    STOPPED = "STOPPED"


class MessageState(IntEnum):
    """The fate of a sent message; the values are those of the contract and only rise.

    One step leads back: from FAILED to QUEUED, when the caller asks for the message again.
    """

    QUEUED = 1
    SENDING = 2
    UNKNOWN = 3
    SENT = 4
    DELIVERED = 5
    READ = 6
    FAILED = 7


_S = SessionState
# How a session that has an account can lose its line.
_LOST = frozenset({_S.LOGGED_OUT, _S.REPLACED, _S.BANNED, _S.OUTDATED, _S.STOPPED})
_START = frozenset({_S.UNPAIRED, _S.CONNECTING, _S.LOGGED_OUT, _S.BANNED, _S.STOPPED})

TRANSITIONS: Mapping[SessionState, frozenset[SessionState]] = MappingProxyType(
    {
        _S.STARTING: _START | {_S.WAITING_FOR_LEASE},
        _S.WAITING_FOR_LEASE: _START,
        _S.UNPAIRED: frozenset({_S.PAIRING, _S.STOPPED}),
        _S.PAIRING: _LOST | {_S.UNPAIRED, _S.CONNECTING},
        _S.CONNECTING: _LOST | {_S.CONNECTED, _S.RECONNECTING},
        _S.CONNECTED: _LOST | {_S.DEAF, _S.RECONNECTING},
        _S.DEAF: _LOST | {_S.CONNECTED, _S.RECONNECTING},
        _S.RECONNECTING: _LOST | {_S.CONNECTED},
        _S.LOGGED_OUT: frozenset({_S.PAIRING, _S.STOPPED}),
        _S.REPLACED: frozenset({_S.CONNECTING, _S.LOGGED_OUT, _S.STOPPED}),
        _S.BANNED: frozenset({_S.CONNECTING, _S.UNPAIRED, _S.LOGGED_OUT, _S.STOPPED}),
        _S.OUTDATED: frozenset({_S.CONNECTING, _S.UNPAIRED, _S.LOGGED_OUT, _S.STOPPED}),
        _S.STOPPED: frozenset(),
    }
)

# A session in one of these comes back by itself, mostly within seconds.
PASSING = frozenset({_S.STARTING, _S.CONNECTING, _S.RECONNECTING, _S.DEAF})

# Why a session in that state cannot send.
REASON_OF: Mapping[SessionState, Reason] = MappingProxyType(
    {
        # Another process may hold the tenant by now: a gateway looks again.
        _S.STARTING: Reason.BOTNODE_UNAVAILABLE,
        _S.WAITING_FOR_LEASE: Reason.BOTNODE_UNAVAILABLE,
        _S.UNPAIRED: Reason.SESSION_NOT_PAIRED,
        _S.PAIRING: Reason.SESSION_NOT_PAIRED,
        _S.CONNECTING: Reason.SESSION_DISCONNECTED,
        _S.DEAF: Reason.SESSION_DISCONNECTED,
        _S.RECONNECTING: Reason.SESSION_DISCONNECTED,
        _S.LOGGED_OUT: Reason.SESSION_LOGGED_OUT,
        _S.REPLACED: Reason.SESSION_REPLACED,
        _S.BANNED: Reason.ACCOUNT_BANNED,
        _S.OUTDATED: Reason.CLIENT_OUTDATED,
        _S.STOPPED: Reason.SHUTTING_DOWN,
    }
)
