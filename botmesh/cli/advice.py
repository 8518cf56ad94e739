"""What to do about an error: the next command to type."""

from collections.abc import Mapping

from botmesh.errors import MeshError, Reason

_PAIR = "pair it: botmesh qr {tenant_id}"
_BY_QR = "try its QR code instead: botmesh qr {tenant_id}"
_WAIT = "see why: botmesh session {tenant_id}; or let the message wait: botmesh send --queue"
_CURSOR = "start with the oldest event kept: --from oldest"

_ADVICE: Mapping[str, str] = {
    Reason.TENANT_NOT_FOUND: "see which there are: botmesh tenant list",
    Reason.TENANT_STOPPED: "start it: botmesh tenant start {tenant_id}",
    Reason.BOTNODE_UNAVAILABLE: "see how it fares: botmesh tenant show {tenant_id}",
    Reason.SESSION_NOT_PAIRED: _PAIR,
    Reason.SESSION_LOGGED_OUT: _PAIR,
    Reason.SESSION_ALREADY_PAIRED: "see which: botmesh session {tenant_id}; unlink it: botmesh "
    "logout {tenant_id}",
    Reason.PAIRING_REFUSED: _BY_QR,
    Reason.SESSION_DISCONNECTED: _WAIT,
    Reason.SESSION_REPLACED: _WAIT,
    Reason.RATE_LIMITED: _WAIT,
    Reason.REACH_OUT_LOCKED: _WAIT,
    Reason.EVENT_LOG_CHANGED: _CURSOR,
    Reason.EVENTS_EXPIRED: _CURSOR,
    Reason.PUSH_NAME_MISSING: "the phone tells it soon after pairing; a sandbox's when told to: "
    "botmesh sandbox set PHONE --name NAME",
    Reason.GROUP_NOT_FOUND: "see which there are: botmesh group list {tenant_id}",
    Reason.MESSAGE_NOT_CANCELLABLE: "see what became of it: botmesh message {message_id}",
    Reason.REQUEST_ID_REUSED: "see what it was used for: botmesh message {request_id}",
}


def advice(error: MeshError, tenant_id: str = "") -> str:
    """One line, or nothing, about a call for this tenant."""
    message_id, request_id = error.metadata.get("message_id"), error.metadata.get("request_id")
    if found := _ADVICE.get(error.reason):
        return found.format(
            tenant_id=tenant_id or error.metadata.get("tenant_id", "TENANT"),
            message_id=message_id or "ID",
            request_id=request_id or "ID",
        )
    if error.reason is Reason.SEND_OUTCOME_UNKNOWN:
        message_id = message_id or request_id
    # Of a message that stands in the outbox, the outbox knows most.
    return f"see what became of it: botmesh message {message_id}" if message_id else ""
