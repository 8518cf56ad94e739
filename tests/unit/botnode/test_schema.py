"""A node.db of an earlier botmesh is brought up to date, with all that is in it."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine, inspect
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from botnode.identity import Identity
from botnode.message import OutboundMessage
from botnode.message_row import find
from botnode.messages import MessageRows
from botnode.ownership import take
from botnode.pacing_rows import Chat, find_chat
from botnode.states import MessageState
from botnode.store import Store
from botnode.tables import SCHEMA_VERSION, metadata

# The first schema, as it was written.
FIRST = """
CREATE TABLE meta (
    id INTEGER NOT NULL, schema_version INTEGER NOT NULL, tenant_id VARCHAR(63) NOT NULL,
    mesh VARCHAR(63) NOT NULL, sandbox BOOLEAN NOT NULL, log_id VARCHAR(32) NOT NULL,
    epoch BIGINT NOT NULL, instance VARCHAR(8) NOT NULL, account_jid VARCHAR(128) NOT NULL,
    account_lid VARCHAR(128) NOT NULL, session_state VARCHAR(32) NOT NULL, ban_expire_ms BIGINT,
    pairing_since_ms BIGINT, event_head BIGINT NOT NULL, CONSTRAINT pk_meta PRIMARY KEY (id));
CREATE TABLE messages (
    message_id VARCHAR(36) NOT NULL, position BIGINT NOT NULL, request_id VARCHAR(128) NOT NULL,
    content_hash BLOB NOT NULL, recipient_jid VARCHAR(128) NOT NULL, content BLOB NOT NULL,
    account VARCHAR(128) NOT NULL, epoch BIGINT NOT NULL, attempt INTEGER NOT NULL,
    message_secret BLOB, whatsapp_id VARCHAR(128) NOT NULL, state INTEGER NOT NULL,
    reason VARCHAR(64) NOT NULL, detail VARCHAR NOT NULL, undecrypted BOOLEAN NOT NULL,
    create_ms BIGINT NOT NULL, expire_ms BIGINT NOT NULL, sent_ms BIGINT, delivered_ms BIGINT,
    read_ms BIGINT, update_ms BIGINT NOT NULL,
    CONSTRAINT pk_messages PRIMARY KEY (message_id),
    CONSTRAINT uq_messages_request_id UNIQUE (request_id));
CREATE INDEX ix_messages_position ON messages (position);
CREATE INDEX ix_messages_state_position ON messages (state, position);
CREATE INDEX ix_messages_whatsapp_id ON messages (whatsapp_id);
CREATE TABLE events (
    sequence INTEGER NOT NULL, kind VARCHAR(32) NOT NULL, account VARCHAR(128) NOT NULL,
    create_ms BIGINT NOT NULL, payload BLOB NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (sequence));
INSERT INTO meta VALUES (1, 1, 'shop', 'test', 1, 'log', 4, 'abcd1234', '', '', '', NULL, NULL, 1);
INSERT INTO messages VALUES ('m1', 1, 'r1', x'00', '1@s.whatsapp.net', x'', '+1', 4, 1, NULL,
    '3EB0', 4, '', '', 0, 1000, 2000, 1000, NULL, NULL, 1000);
INSERT INTO messages SELECT 'm' || column1, column1, 'r' || column1, x'00',
    column1 || '@s.whatsapp.net', x'', '+1', 4, 1, NULL, '', column1, '', '', 0, 1000, 2000, 1000,
    NULL, NULL, 1000 FROM (VALUES (3), (6), (7));
INSERT INTO events VALUES (1, 'message_state_changed', '+1', 1000, x'');
"""


async def test_the_first_schema(
    database: Path,
    identity: Identity,
    rows: MessageRows,
    make_message: Callable[..., OutboundMessage],
) -> None:
    with sqlite3.connect(database) as connection:
        connection.executescript(FIRST)
    connection.close()
    owned = take(database, identity, sandbox=True)
    assert (owned.epoch, owned.log_id) == (5, "log")
    assert not owned.predecessor_is_dead
    store = Store(database, owned.epoch)
    store.start(lambda _: None, lambda: None)
    old = await store.read(lambda c: find(c, "m1"))
    assert old is not None
    assert (old.state, old.delivery, old.whatsapp_id) == (MessageState.SENT, 1, "3EB0")
    assert await store.read(lambda c: find_chat(c, "+1", "1@s.whatsapp.net")) == Chat(False)
    for state in (MessageState.UNKNOWN, MessageState.READ):  # the first may have arrived
        jid = f"{state.value}@s.whatsapp.net"
        assert await store.read(lambda c, j=jid: find_chat(c, "+1", j)) == Chat(False)
    failed = f"{MessageState.FAILED.value}@s.whatsapp.net"
    assert await store.read(lambda c: find_chat(c, "+1", failed)) is None
    message = make_message()
    await store.write(lambda tx: rows.insert(tx, message))
    assert await store.read(rows.next_due) == message
    store.close()
    again = take(database, identity, sandbox=True)
    assert again.epoch == 6
    _assert_is_new(database)


def test_the_version_is_that_of_these_tables() -> None:
    """A store of the same version is not looked at: raise SCHEMA_VERSION, then the figure here."""
    dialect = sqlite.dialect()
    tables = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    indexes = sorted(
        str(CreateIndex(index).compile(dialect=dialect))
        for table in metadata.sorted_tables
        for index in table.indexes
    )
    digest = hashlib.sha256("\n".join(tables + indexes).encode()).hexdigest()
    assert (SCHEMA_VERSION, digest[:16]) == (4, "04a7d869624d48eb")


def _assert_is_new(database: Path) -> None:
    engine = create_engine(f"sqlite:///{database}")
    found = inspect(engine)
    for table in metadata.sorted_tables:
        columns = {column["name"] for column in found.get_columns(table.name)}
        assert columns == {column.name for column in table.columns}
        indexes = {index["name"] for index in found.get_indexes(table.name)}
        assert indexes >= {index.name for index in table.indexes}
    with engine.connect() as connection:
        version = connection.exec_driver_sql("SELECT schema_version FROM meta").scalar_one()
    engine.dispose()
    assert version == SCHEMA_VERSION
