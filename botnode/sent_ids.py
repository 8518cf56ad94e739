"""WhatsApp's ids of sent messages, by the secret that went out with each.

whatsmeow stores both in session.db before the first byte of a message leaves. While the library
runs, its database is looked into by this file as a program of its own and nothing else: two SQLite
libraries in one process drop each other's locks. It needs the standard library alone.
"""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence

# A look takes some ten milliseconds, and waits no longer than this for a lock.
LOCK_S = 5.0
CHILD_S = 15.0


def find(database: str, secrets: Sequence[bytes]) -> dict[bytes, str]:
    """The ids that the database has for these secrets.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=LOCK_S)
    try:
        query = "SELECT message_id FROM whatsmeow_message_secrets WHERE key = ?"
        found = {secret: connection.execute(query, (secret,)).fetchone() for secret in secrets}
    finally:
        connection.close()
    return {secret: str(row[0]) for secret, row in found.items() if row}


def find_in_child(database: str, secrets: Sequence[bytes]) -> dict[bytes, str]:
    """The same, in a child process, while the library runs in this one. Blocks.

    Raises:
        OSError, subprocess.SubprocessError: the child failed.
    """
    request = json.dumps({"database": database, "secrets": [s.hex() for s in secrets]})
    child = subprocess.run(
        [sys.executable, "-I", "-S", __file__],
        input=request,
        capture_output=True,
        text=True,
        timeout=CHILD_S,
        check=True,
        env={},
    )
    found: dict[str, str] = json.loads(child.stdout)
    return {bytes.fromhex(secret): whatsapp_id for secret, whatsapp_id in found.items()}


def main() -> None:
    """Answer one request on standard input."""
    request = json.load(sys.stdin)
    found = find(request["database"], [bytes.fromhex(s) for s in request["secrets"]])
    json.dump({secret.hex(): whatsapp_id for secret, whatsapp_id in found.items()}, sys.stdout)


if __name__ == "__main__":
    main()
