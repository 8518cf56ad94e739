"""How each method of a botnode is forwarded, and when a failed attempt is made again.

The decision is a pure function: no clock, no randomness, no waiting in here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import grpc

from botmesh.errors import Reason

# Pauses between attempts double from the first to the longest; each is drawn from zero to that
# ("full jitter"), so that callers who failed together do not come back together.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.4

# What core says when no connection could be made: the request never left this process.
_NOT_CONNECTED = "failed to connect to all addresses"


@dataclass(frozen=True, slots=True)
class MethodPolicy:
    """How the gateway treats one method.

    Attributes:
        timeout_s: how long a call may take, attempts and pauses together, when its caller set no
            deadline. For a stream: how long it may be without a botnode.
        attempts: how many attempts may break off in a botnode's hands, so that a request that
            kills its botnode does not kill each new one. Attempts that were turned away, or that
            reached nobody, are bounded by the deadline alone.
        idempotent: a second execution does no more than the first.
        request_id: the request has a ``request_id``; a repeat under the same one joins the first.
    """

    timeout_s: float
    attempts: int
    idempotent: bool
    request_id: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether an attempt that may have been executed can be made again."""
        return self.idempotent or self.request_id


# SendMessage answers after 30 s at the latest when nobody sets a deadline: so says the contract.
POLICIES: Mapping[str, MethodPolicy] = MappingProxyType(
    {
        "SendMessage": MethodPolicy(30, attempts=4, idempotent=False, request_id=True),
        "GetMessage": MethodPolicy(15, attempts=4, idempotent=True),
        "ListMessages": MethodPolicy(15, attempts=4, idempotent=True),
        "CancelMessage": MethodPolicy(15, attempts=4, idempotent=True),
        "StreamQR": MethodPolicy(30, attempts=4, idempotent=True),
        # Each time that WhatsApp is asked shows a notice on the phone, and counts against a limit.
        "RequestPairingCode": MethodPolicy(40, attempts=3, idempotent=True),
        "GetSession": MethodPolicy(15, attempts=4, idempotent=True),
        "LogOut": MethodPolicy(40, attempts=3, idempotent=True),
        "StreamEvents": MethodPolicy(30, attempts=4, idempotent=True),
        # ChatService and ContactService; WhatsApp has 20 s for its answer.
        "MarkRead": MethodPolicy(25, attempts=3, idempotent=True),
        "SetTyping": MethodPolicy(25, attempts=3, idempotent=True),
        "SetPresence": MethodPolicy(25, attempts=3, idempotent=True),
        "SubscribePresence": MethodPolicy(25, attempts=3, idempotent=True),
        "CheckNumbers": MethodPolicy(25, attempts=3, idempotent=True),
        "GetContact": MethodPolicy(25, attempts=3, idempotent=True),
        "GetProfilePicture": MethodPolicy(25, attempts=3, idempotent=True),
        "ListBlockedContacts": MethodPolicy(25, attempts=3, idempotent=True),
        "BlockContact": MethodPolicy(25, attempts=3, idempotent=True),
        "UnblockContact": MethodPolicy(25, attempts=3, idempotent=True),
        # A botnode gives WhatsApp 20 s for each of its questions.
        "CreateGroup": MethodPolicy(30, attempts=4, idempotent=False),
        "ListGroups": MethodPolicy(30, attempts=4, idempotent=True),
        "GetGroup": MethodPolicy(30, attempts=4, idempotent=True),
        "UpdateGroup": MethodPolicy(60, attempts=3, idempotent=True),
        "SetGroupPicture": MethodPolicy(30, attempts=3, idempotent=True),
        "UpdateGroupParticipants": MethodPolicy(30, attempts=3, idempotent=True),
        # With `reset` a repeat makes one more link; the last one is what the caller gets.
        "GetGroupInviteLink": MethodPolicy(30, attempts=3, idempotent=True),
        "GetGroupByInviteLink": MethodPolicy(30, attempts=4, idempotent=True),
        "JoinGroup": MethodPolicy(60, attempts=3, idempotent=True),
        "LeaveGroup": MethodPolicy(60, attempts=3, idempotent=True),
        # The gateway keeps nothing of an upload that it could send again; its caller goes on.
        "UploadMedia": MethodPolicy(30, attempts=1, idempotent=True),
        "GetMedia": MethodPolicy(15, attempts=4, idempotent=True),
        "DownloadMedia": MethodPolicy(30, attempts=4, idempotent=True),
        "DeleteMedia": MethodPolicy(15, attempts=4, idempotent=True),
    }
)


# UNAUTHENTICATED is a botnode of another mesh on a port that was ours: it has another secret.
_MISROUTED = frozenset({Reason.WRONG_BOTNODE, Reason.UNAUTHENTICATED})
_RETRIED = _MISROUTED | {Reason.BOTNODE_UNAVAILABLE, Reason.SHUTTING_DOWN}
# Without a reason of ours: a connection that broke, or a server that is no botnode.
_RETRIED_CODES = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNIMPLEMENTED}
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed.

    Attributes:
        code: the status that the attempt ended with.
        reason: the reason that the answering process gave, perhaps one that only it knows; None
            if the transport failed, or if something answered that is not of the mesh.
        connected: False if there was no connection, so the request surely never left.
        retry_after_s: how long the answering process asked to wait; 0 if it did not say.
        accepted: the error names a message: the request was accepted before it.
    """

    code: grpc.StatusCode
    reason: str | None
    connected: bool
    retry_after_s: float = 0.0
    accepted: bool = False

    @classmethod
    def of(
        cls,
        code: grpc.StatusCode,
        details: str | None,
        reason: str | None,
        retry_after_s: float = 0.0,
        *,
        accepted: bool = False,
    ) -> "Failure":
        """Read an attempt's status."""
        refused = (
            reason is None
            and code is grpc.StatusCode.UNAVAILABLE
            and (details or "").startswith(_NOT_CONNECTED)
        )
        return cls(code, reason, not refused, retry_after_s, accepted)

    @property
    def misrouted(self) -> bool:
        """Something answered that is not this tenant's botnode: the route is out of date."""
        if self.reason is None:
            return self.code is grpc.StatusCode.UNIMPLEMENTED
        return self.reason in _MISROUTED

    @property
    def stale(self) -> bool:
        """The route is not worth another attempt before it changes: wrong, or going away."""
        return self.misrouted or self.reason == Reason.SHUTTING_DOWN

    @property
    def executed(self) -> bool:
        """A botnode may have begun to carry the request out."""
        if self.reason == Reason.SHUTTING_DOWN:
            return self.accepted
        return self.connected and not self.misrouted and self.reason != Reason.BOTNODE_UNAVAILABLE

    @property
    def broken_off(self) -> bool:
        """The request reached something that gave no answer of the mesh."""
        return self.connected and self.reason is None

    @property
    def final(self) -> bool:
        """A botnode has decided: it is the answer, whatever happened to attempts before."""
        return self.reason is not None and not self.passing

    @property
    def passing(self) -> bool:
        """Another attempt, here or at another address, can succeed."""
        if self.reason is None:
            return self.code in _RETRIED_CODES
        return self.reason in _RETRIED


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Try again after a pause of ``pause_s`` seconds."""

    pause_s: float


def decide(
    policy: MethodPolicy,
    failure: Failure,
    *,
    failed: int,
    broken_off: int,
    remaining_s: float,
    luck: float,
) -> RetryDecision | None:
    """Whether and when to try again, or None to give up.

    Args:
        policy: the method's.
        failure: how the last attempt failed.
        failed: attempts that failed so far, this one included; the pause grows with it.
        broken_off: how many of them broke off in somebody's hands.
        remaining_s: what is left of the call's time.
        luck: a random number from 0 to 1.
    """
    if not failure.passing or broken_off >= policy.attempts:
        return None
    if failure.executed and not policy.repeatable:
        return None
    pause_s = pause(failed, luck)
    return RetryDecision(pause_s) if pause_s < remaining_s else None


def pause(failed: int, luck: float) -> float:
    """The pause after so many failures in a row, in seconds."""
    return luck * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * (1 << min(failed - 1, 10)))
