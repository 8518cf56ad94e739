"""Brings node.db to the schema of `tables`: later versions only add tables, columns and indexes."""

from sqlalchemy import Connection, Table, func, inspect, literal, select, text, union, update
from sqlalchemy.schema import CreateColumn

from botnode.states import MessageState
from botnode.tables import SCHEMA_VERSION, chats, inbound, messages, meta, metadata


def upgrade(connection: Connection) -> None:
    """Make what is missing; what there is stays as it is."""
    found = inspect(connection)
    if found.has_table(meta.name) and _is_current(connection):
        return
    existing = set(found.get_table_names())
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        if table.name in existing:
            _add_columns(connection, table)
            _add_indexes(connection, table)
    if "messages" in existing and "chats" not in existing:
        _note_chats(connection)


def _is_current(connection: Connection) -> bool:
    """Whether all this was done by a botmesh with this schema: looking at each table takes time."""
    version = select(meta.c.schema_version)
    return connection.execute(version).scalar_one_or_none() == SCHEMA_VERSION


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
    connection.execute(update(meta).values(schema_version=SCHEMA_VERSION))


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
