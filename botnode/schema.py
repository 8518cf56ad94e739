"""Brings node.db to the schema of `tables`: later versions only add tables, columns and indexes."""

from sqlalchemy import Connection, Table, inspect, text, update
from sqlalchemy.schema import CreateColumn

from botnode.tables import SCHEMA_VERSION, meta, metadata


def upgrade(connection: Connection) -> None:
    """Make what is missing; what there is stays as it is."""
    existing = set(inspect(connection).get_table_names())
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        if table.name in existing:
            _add_columns(connection, table)
            _add_indexes(connection, table)


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
