"""Brings node.db to the schema of `tables`: later versions only add tables, columns and indexes."""

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    inspect,
    literal,
    select,
    text,
    union,
    update,
)
from sqlalchemy.schema import CreateColumn

from botnode.statement import Statement
from botnode.states import MessageState
from botnode.tables import SCHEMA_VERSION, chats, inbound, messages, meta, metadata

# Each start runs these; the rest is for the rare start after an update.
_tables = Table("sqlite_master", MetaData(), Column("name", String))
_TABLE = Statement(select(_tables.c.name).where(_tables.c.name == bindparam("table")))
_VERSION = Statement(select(meta.c.schema_version))
_NOTE_VERSION = Statement(update(meta))


def upgrade(connection: Connection) -> None:
    """Make what is missing; what there is stays as it is."""
    if _is_current(connection):
        return
    existing = set(inspect(connection).get_table_names())
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        if table.name in existing:
            _add_columns(connection, table)
            _add_indexes(connection, table)
    if "messages" in existing and "chats" not in existing:
        _note_chats(connection)


def _is_current(connection: Connection) -> bool:
    """Whether all this was done by a botmesh with this schema: looking at each table takes time."""
    if _TABLE.first(connection, {"table": meta.name}) is None:
        return False
    row = _VERSION.first(connection, {})
    return row is not None and row.schema_version == SCHEMA_VERSION


# That one of unknown outcome began a chat is assumed of new ones, too.
_MAY_HAVE_ARRIVED = (
    MessageState.UNKNOWN.value,
    MessageState.SENT.value,
    MessageState.DELIVERED.value,
    MessageState.READ.value,
)


def _note_chats(connection: Connection) -> None:
    """Whoever was written to, or wrote, has a chat already."""
    sent = messages.c.state.in_(_MAY_HAVE_ARRIVED), ~messages.c.recipient_jid.like("%@g.us")
    known = select(messages.c.account, messages.c.recipient_jid, literal(0)).where(*sent)
    wrote = select(inbound.c.account, inbound.c.chat_jid, literal(1)).where(
        ~inbound.c.chat_jid.like("%@g.us")
    )
    people = union(known, wrote).subquery()
    account, jid, answered = people.c
    each = select(account, jid, func.max(answered)).group_by(account, jid)
    connection.execute(chats.insert().from_select(["account", "jid", "answered"], each))


def note_version(connection: Connection) -> None:
    """Write down that the store has this botmesh's schema."""
    _NOTE_VERSION.run(connection, {"schema_version": SCHEMA_VERSION})


def _add_columns(connection: Connection, table: Table) -> None:
    known = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in known:
            ddl = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {ddl}"))


def _add_indexes(connection: Connection, table: Table) -> None:
    known = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in known:
            index.create(connection)
