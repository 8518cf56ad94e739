"""The typed error of a session that cannot send."""

from datetime import timedelta

from botmesh.errors import REASONS, MeshError, Reason
from botnode.clock import now
from botnode.session import Session
from botnode.states import REASON_OF, SessionState

# What a caller waits before it tries a line again that heals by itself.
RETRY_AFTER = timedelta(seconds=2)


def session_error(session: Session) -> MeshError:
    """Why a session cannot do what needs a connected one."""
    if session.storage_full:
        return MeshError(
            Reason.STORAGE_FULL,
            f"{REASONS[Reason.STORAGE_FULL].meaning.rstrip('.')} ({session.storage_error})",
            metadata={"session_state": session.state.value},
            retry_after=RETRY_AFTER,
        )
    reason = REASON_OF.get(session.state, Reason.SESSION_DISCONNECTED)
    detail = f" ({session.last_error})" if session.last_error else ""
    return MeshError(
        reason,
        f"{REASONS[reason].meaning.rstrip('.')}{detail}",
        metadata={"session_state": session.state.value},
        retry_after=_retry_after(session, reason),
    )


def _retry_after(session: Session, reason: Reason) -> timedelta | None:
    if reason in (Reason.SESSION_DISCONNECTED, Reason.SHUTTING_DOWN, Reason.BOTNODE_UNAVAILABLE):
        return RETRY_AFTER
    if session.state is SessionState.BANNED and session.ban_expire_time is not None:
        return max(timedelta(seconds=1), session.ban_expire_time - now())
    return None
