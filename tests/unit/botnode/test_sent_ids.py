"""WhatsApp's ids by the secrets that went out with the messages."""

import sqlite3
import subprocess
from pathlib import Path

import pytest

from botnode import sent_ids
from botnode.folder import TenantFolder

KNOWN, UNKNOWN = b"k" * 32, b"u" * 32


@pytest.fixture
def session_db(tmp_path: Path) -> Path:
    path = tmp_path / "session.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(
        "CREATE TABLE whatsmeow_message_secrets"
        " (our_jid TEXT, chat_jid TEXT, sender_jid TEXT, message_id TEXT, key BLOB)"
    )
    connection.execute(
        "INSERT INTO whatsmeow_message_secrets VALUES ('a', 'b', 'c', '3EB0', ?)", (KNOWN,)
    )
    connection.commit()
    connection.close()
    return path


def test_here_and_in_a_child(session_db: Path) -> None:
    secrets = [KNOWN, UNKNOWN]
    assert sent_ids.find(str(session_db), secrets) == {KNOWN: "3EB0"}
    assert sent_ids.find_in_child(str(session_db), secrets) == {KNOWN: "3EB0"}


def test_a_child_that_fails_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(subprocess.SubprocessError):
        sent_ids.find_in_child(str(tmp_path / "none.db"), [KNOWN])


def test_a_folder_without_keys_knows_nothing(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path / "shop")
    folder.create()
    assert folder.find_sent_ids([]) == {}
    assert folder.find_sent_ids([KNOWN]) is None
    assert folder.find_sent_ids_beside([KNOWN]) == {}
    folder.session_db.write_bytes(b"no database " * 1000)
    assert folder.find_sent_ids([KNOWN]) is None
