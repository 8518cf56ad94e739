"""Writes each change of the session down, in one transaction with the event that tells of it."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime

import structlog
from sqlalchemy import update

from botnode.clock import to_ms
from botnode.session import Session
from botnode.statement import Statement
from botnode.states import SessionState
from botnode.store import EpochLostError, Store, StoreClosedError, Transaction
from botnode.tables import meta

log = structlog.get_logger(__name__)

_UPDATE = Statement(update(meta))

EVENT_KIND = "session_state_changed"


class SessionRecord:
    """The session's place in node.db; an observer of the session machine."""

    def __init__(self, store: Store, encode: Callable[[Session], bytes]) -> None:
        self._store = store
        self._encode = encode

    def __call__(self, session: Session) -> None:
        """Write a change down; it is not waited for, but never given up."""
        written = self._store.submit(lambda tx: self._write(tx, session), durable=True)
        written.add_done_callback(_report)

    def _write(self, tx: Transaction, session: Session) -> None:
        account = session.account
        if session.state is not SessionState.STOPPED:  # the next start asks what was before it
            place = {
                "account_jid": account.jid if account else "",
                "account_lid": account.lid if account else "",
                "ban_expire_ms": to_ms(session.ban_expire_time),
                "session_state": session.state.value,
            }
            _UPDATE.run(tx.connection, place)
        tx.append_event(EVENT_KIND, account.phone_number if account else "", self._encode(session))

    def keep_pairing(self, since: datetime | None) -> None:
        """Let the next process go on with a pairing that began then."""
        self._store.submit(
            lambda tx: _UPDATE.run(tx.connection, {"pairing_since_ms": to_ms(since)}),
            durable=True,
        )


def _report(written: "Future[None]") -> None:
    error = written.exception()
    if error is not None and not isinstance(error, EpochLostError | StoreClosedError):
        log.error("session_not_recorded", exc_info=error)
