"""What the end of a send call means for its message."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from botmesh.errors import Reason
from botnode.clock import now
from botnode.message import Delivery, OutboundMessage
from botnode.messages import MessageRows
from botnode.ports import Account, Sent
from botnode.send_errors import Fate, judge
from botnode.store import Transaction

log = structlog.get_logger(__name__)

# Pauses before a message that surely never left is tried again; they double.
RETRY_AFTER = timedelta(seconds=0.5)
LONGEST_RETRY = timedelta(seconds=8)
RATE_LIMIT_PAUSE = timedelta(seconds=60)
LONGEST_RATE_LIMIT_PAUSE = timedelta(minutes=15)
PHONE_MISSED = "WhatsApp took it, but it could not be encrypted for the recipient's phone"

# Writes down what became of a message; the message as it stands then, None if that changed nothing.
Conclusion = Callable[[Transaction], OutboundMessage | None]


def of_success(
    rows: MessageRows, message: OutboundMessage, sent: Sent, account: Account | None
) -> Conclusion:
    """The server acknowledged the message, for those devices that it was encrypted for."""
    missed = [device for device in sent.unreached if not _is_own(device, account)]
    if not missed:
        return lambda tx: rows.sent(tx, message.message_id, sent)
    log.warning("devices_not_reached", message_id=message.message_id, count=len(missed))
    if any(":" not in device for device in missed):  # without a device number: a phone
        return lambda tx: rows.unreached(tx, message.message_id, sent, PHONE_MISSED)
    return lambda tx: rows.sent(tx, message.message_id, sent, undecrypted=True)


def _is_own(device: str, account: Account | None) -> bool:
    """Whether a device is one of the account's own, by number or by LID."""
    user = device.partition("@")[0].partition(":")[0].partition(".")[0]
    return account is not None and user in (account.user, account.lid.partition("@")[0])


def of_error(
    rows: MessageRows,
    message: OutboundMessage,
    text: str,
    *,
    line_lost: bool,
    account_rests: bool = False,
) -> Conclusion:
    """The call failed with this text of the library's.

    Args:
        rows: what is changed.
        message: the one that the call was about.
        text: the library's.
        line_lost: the line may have been lost meanwhile.
        account_rests: the whole account waits after a 429, so that the message itself need not.
    """
    verdict = judge(text, line_lost=line_lost)
    write = log.warning if verdict.known else log.error
    write(
        "send_failed",
        message_id=message.message_id,
        fate=verdict.fate.name,
        reason=verdict.reason,
        error=text,
        known=verdict.known,
    )
    message_id = message.message_id
    if message.duplicated and verdict.fate is Fate.RETRY:
        return lambda tx: rows.unrepeated(tx, message_id, text)
    if message.duplicated or verdict.fate is Fate.UNKNOWN:  # an attempt may have arrived
        return lambda tx: rows.unknown(tx, message_id, text)
    if verdict.fate is Fate.RETRY:
        again = now() + _doubled(RETRY_AFTER, message.attempt, LONGEST_RETRY)
        return lambda tx: rows.put_back(tx, message_id, text, not_before=again)
    if verdict.reason is Reason.RATE_LIMITED and message.delivery is Delivery.QUEUE:
        pause = _doubled(RATE_LIMIT_PAUSE, message.attempt, LONGEST_RATE_LIMIT_PAUSE)
        later = None if account_rests else now() + pause
        reason = verdict.reason
        return lambda tx: rows.put_back(tx, message_id, text, reason=reason, not_before=later)
    return lambda tx: rows.failed(tx, message_id, verdict.reason, text)


def limit_of(text: str) -> Reason | None:
    """The limit of WhatsApp's that an error names, whatever became of its message."""
    reason = judge(text).reason
    return reason if reason in (Reason.RATE_LIMITED, Reason.REACH_OUT_LOCKED) else None


def _doubled(first: timedelta, attempt: int, most: timedelta) -> timedelta:
    return min(first * (1 << min(attempt - 1, 16)), most)
