"""What WhatsApp said of numbers, remembered for a while: it counts such questions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, insert, or_, select

from botnode.clock import now_ms
from botnode.store import Transaction
from botnode.tables import number_checks

KEEP_MS = int(timedelta(days=1).total_seconds() * 1000)
KEEP_ABSENT_MS = int(timedelta(hours=1).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """Whether a number (E.164) is on WhatsApp, and as what.

    Attributes:
        jid: by number, as WhatsApp names it; empty if it is not there.
        lid: empty if it is not there, or if WhatsApp did not tell.
        check_ms: when WhatsApp said so.
    """

    phone_number: str
    on_whatsapp: bool
    jid: str
    lid: str
    verified_name: str
    check_ms: int


def remembered(
    connection: Connection, account: str, numbers: Sequence[str]
) -> dict[str, NumberCheck]:
    """What an account knows of some numbers, by number; only what is young enough."""
    now = now_ms()
    table = number_checks.c
    young = or_(
        table.check_ms > now - KEEP_ABSENT_MS,
        table.on_whatsapp & (table.check_ms > now - KEEP_MS),
    )
    columns = [table[name] for name in NumberCheck.__slots__]
    mine = (table.account == account, table.phone_number.in_(numbers))
    return {
        row.phone_number: NumberCheck(**row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it
        for row in connection.execute(select(*columns).where(*mine, young))
    }


def remember(tx: Transaction, account: str, checks: Iterable[NumberCheck]) -> None:
    """Write down what WhatsApp said to an account, and forget what is too old."""
    rows = [
        {"account": account} | {name: getattr(check, name) for name in NumberCheck.__slots__}
        for check in checks
    ]
    numbers = [row["phone_number"] for row in rows]
    table = number_checks.c
    again = (table.account == account) & table.phone_number.in_(numbers)
    outdated = or_(again, table.check_ms <= now_ms() - KEEP_MS)
    tx.connection.execute(delete(number_checks).where(outdated))
    tx.connection.execute(insert(number_checks), rows)
