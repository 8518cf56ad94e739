"""What lets a device bring media to the media host: a ticket that says whose it is, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Final

from sandbox.state.database import Database

LIFETIME_SECONDS: Final = 3600
_KEY: Final = "media.auth"


class MediaAuth:
    """Gives tickets out and knows them again, after a restart too."""

    def __init__(self, database: Database) -> None:
        self._key = database.get(_KEY) or secrets.token_bytes(32)
        database.put(_KEY, self._key)

    def grant(self, number: str) -> str:
        """A ticket for the devices of a number."""
        return self._signed(f"{number}.{int(time.time()) + LIFETIME_SECONDS}")

    def holder(self, auth: str) -> str | None:
        """Whose ticket it is; none if it is not one of ours, or over."""
        said = auth.rpartition(".")[0]
        number, _, until = said.partition(".")
        if not hmac.compare_digest(self._signed(said).encode(), auth.encode()):
            return None
        return number if int(until) > time.time() else None

    def _signed(self, said: str) -> str:
        digest = hmac.new(self._key, said.encode(), hashlib.sha256).digest()
        return f"{said}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
