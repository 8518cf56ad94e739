"""The tables of node.db. Times are milliseconds since 1970, UTC.

Indexes are partial in SQLite alone, and none of them is unique: `postgresql_where` would load that
dialect too, 2 MB in every botnode.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

# Raised with every change of what follows: a store that has it is taken as it is.
SCHEMA_VERSION = 4

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# One row: whose store this is, who owns it, and where its session stood last.
meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("tenant_id", String(63), nullable=False),
    Column("mesh", String(63), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("log_id", String(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("instance", String(8), nullable=False),
    # What its owner holds the lease by: empty where that proves nothing.
    Column("lock_inode", String(64), nullable=False, server_default=""),
    Column("boot_id", String(64), nullable=False, server_default=""),
    Column("account_jid", String(128), nullable=False, default=""),
    Column("account_lid", String(128), nullable=False, default=""),
    Column("session_state", String(32), nullable=False, default=""),
    Column("ban_expire_ms", BigInteger),
    Column("pairing_since_ms", BigInteger),
    Column("event_head", BigInteger, nullable=False, default=0),
)

# The outbox: one row per accepted SendMessage, kept as the message's record.
messages = Table(
    "messages",
    metadata,
    Column("message_id", String(36), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("request_id", String(128), nullable=False),
    Column("content_hash", LargeBinary(32), nullable=False),
    Column("recipient_jid", String(128), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("account", String(128), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("delivery", Integer, nullable=False, server_default="1"),
    Column("allow_duplicate", Boolean, nullable=False, server_default="0"),
    # The last attempt: when, by which linked device, with which secret, under which id of
    # WhatsApp's; and what the library's store must be for it to prove that the message never left.
    Column("attempt", Integer, nullable=False, default=0),
    Column("begin_ms", BigInteger),
    Column("device_jid", String(128), nullable=False, server_default=""),
    Column("message_secret", LargeBinary(32)),
    Column("whatsapp_id", String(128), nullable=False, default=""),
    Column("traceable", Boolean, nullable=False, server_default="1"),
    Column("store_generation", String(64), nullable=False, server_default=""),
    # The attempt before it, where that may have arrived too.
    Column("duplicated", Boolean, nullable=False, server_default="0"),
    Column("earlier_whatsapp_id", String(128), nullable=False, server_default=""),
    Column("earlier_secret", LargeBinary(32)),
    Column("not_before_ms", BigInteger, nullable=False, server_default="0"),
    Column("state", Integer, nullable=False),
    Column("reason", String(64), nullable=False, default=""),
    Column("detail", String, nullable=False, default=""),
    Column("undecrypted", Boolean, nullable=False, default=False),
    Column("create_ms", BigInteger, nullable=False),
    Column("expire_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    Column("delivered_ms", BigInteger),
    Column("read_ms", BigInteger),
    # In a group: how many people have it, and have read it.
    Column("delivered_count", Integer, nullable=False, server_default="0"),
    Column("read_count", Integer, nullable=False, server_default="0"),
    Column("update_ms", BigInteger, nullable=False),
    # The media that goes out with it, as what, and whether WhatsApp has to get it first.
    Column("media_id", String(36)),
    Column("media_kind", String(16), nullable=False, server_default=""),
    Column("media_pending", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("request_id"),
    Index("ix_messages_position", "position"),
    Index("ix_messages_state_position", "state", "position"),
    # What waits for one recipient, in its order. The state is in it for SQLite to prefer it.
    Index(
        "ix_messages_queued",
        "recipient_jid",
        "state",
        "position",
        sqlite_where=text("state = 1"),
    ),
    Index("ix_messages_create_ms", "create_ms", "message_id"),
    Index("ix_messages_recipient_jid_create_ms", "recipient_jid", "create_ms", "message_id"),
    Index("ix_messages_whatsapp_id", "whatsapp_id"),
    Index(
        "ix_messages_earlier_whatsapp_id",
        "earlier_whatsapp_id",
        sqlite_where=text("earlier_whatsapp_id <> ''"),
    ),
    Index(
        "ix_messages_media_id",
        "media_id",
        sqlite_where=text("media_id IS NOT NULL"),
    ),
)

# Media of the tenant; the bytes are in its folder, in a file that is named by `file_id` alone.
media = Table(
    "media",
    metadata,
    Column("media_id", String(36), primary_key=True),
    Column("file_id", String(36), nullable=False),
    Column("state", Integer, nullable=False),
    Column("content_type", String(255), nullable=False, server_default=""),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("file_name", String(255), nullable=False, server_default=""),
    Column("reason", String(64), nullable=False, server_default=""),
    Column("detail", String, nullable=False, server_default=""),
    Column("received", Boolean, nullable=False, server_default="0"),
    # Deleted on request; it goes when no message waits with it.
    Column("deleted", Boolean, nullable=False, server_default="0"),
    # Of received media: what the library needs to fetch it.
    Column("source", LargeBinary),
    Column("create_ms", BigInteger, nullable=False),
    Column("expire_ms", BigInteger, nullable=False),
    Index("ix_media_expire_ms", "expire_ms"),
    Index("ix_media_sha256", "sha256"),
    Index("ix_media_state", "state"),
)

# With whom the account has a chat, by each JID of theirs, and when it began one of its own accord.
chats = Table(
    "chats",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("jid", String(128), primary_key=True),
    Column("answered", Boolean, nullable=False),
    Column("message_id", String(36)),
    Column("begin_ms", BigInteger),
    Index(
        "ix_chats_begin_ms",
        "account",
        "begin_ms",
        sqlite_where=text("begin_ms IS NOT NULL"),
    ),
)

# What went out in the last minute.
recent_sends = Table(
    "recent_sends",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("begin_ms", BigInteger, primary_key=True),
    Column("message_id", String(36), primary_key=True),
    # Whether it might have waited.
    Column("queued", Boolean, nullable=False, server_default="0"),
)

# Until when WhatsApp wants nothing, or no new chats, of an account; how often in a row it said so.
send_limits = Table(
    "send_limits",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("rate_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("rate_count", Integer, nullable=False, server_default="0"),
    Column("reach_out_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("reach_out_count", Integer, nullable=False, server_default="0"),
)

# What media turned out to be when it was looked at for sending: one row for each form of that.
media_looks = Table(
    "media_looks",
    metadata,
    Column("media_id", ForeignKey("media.media_id", ondelete="CASCADE"), primary_key=True),
    Column("form", String(64), primary_key=True),
    # What goes out: the media itself, or what was made of it.
    Column("sent_media_id", ForeignKey("media.media_id", ondelete="CASCADE"), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# Where media lies at WhatsApp, for sending it again with the account that brought it there.
media_uploads = Table(
    "media_uploads",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("media_id", ForeignKey("media.media_id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("url", String, nullable=False),
    Column("direct_path", String, nullable=False),
    Column("media_key", LargeBinary, nullable=False),
    Column("media_key_ms", BigInteger, nullable=False),
    Column("file_sha256", LargeBinary, nullable=False),
    Column("file_enc_sha256", LargeBinary, nullable=False),
    Column("file_length", BigInteger, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
)

# Receipts that came before the id they speak of was known here.
early_receipts = Table(
    "early_receipts",
    metadata,
    Column("whatsapp_id", String(128), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("receipt_ms", BigInteger, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
)

# What was received, so that a repeat by WhatsApp is no second event.
inbound = Table(
    "inbound",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("chat_jid", String(128), primary_key=True),
    Column("sender_jid", String(128), primary_key=True),
    Column("whatsapp_id", String(128), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

# What messages about other messages are encrypted with: votes, edits. Without sender, the own
# account's. What the outbox has stays there for as long as it is kept.
message_secrets = Table(
    "message_secrets",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("whatsapp_id", String(128), primary_key=True),
    Column("sender_jid", String(128), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    # Of a poll, so that votes can be told in words; else empty.
    Column("content", LargeBinary, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    Index("ix_message_secrets_create_ms", "create_ms"),
)

# Who in a group has a message that was sent there. Without message_id, of one not known yet.
group_readers = Table(
    "group_readers",
    metadata,
    Column("whatsapp_id", String(128), primary_key=True),
    Column("person_jid", String(128), primary_key=True),
    # The same person's other address, where WhatsApp told it.
    Column("other_jid", String(128), nullable=False, server_default=""),
    Column("message_id", String(36), nullable=False, server_default=""),
    Column("delivered_ms", BigInteger, nullable=False),
    Column("read_ms", BigInteger),
    Column("create_ms", BigInteger, nullable=False),
    Index(
        "ix_group_readers_unknown",
        "create_ms",
        sqlite_where=text("message_id = ''"),
    ),
)

events = Table(
    "events",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("account", String(128), nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    # The message of the outbox that it is about.
    Column("message_id", String(36)),
    Index(
        "ix_events_message_id",
        "message_id",
        sqlite_where=text("message_id IS NOT NULL"),
    ),
)

# What WhatsApp said of numbers to an account; LIDs and JIDs are empty where it said nothing.
number_checks = Table(
    "number_checks",
    metadata,
    Column("account", String(128), primary_key=True),
    Column("phone_number", String(32), primary_key=True),
    Column("on_whatsapp", Boolean, nullable=False),
    Column("jid", String(128), nullable=False),
    Column("lid", String(128), nullable=False),
    Column("verified_name", String, nullable=False),
    Column("check_ms", BigInteger, nullable=False),
    Index("ix_number_checks_check_ms", "check_ms"),
)
