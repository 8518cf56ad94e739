"""The refusals of queries, in WhatsApp's own words.

Source: whatsmeow's errors.go.
"""

from __future__ import annotations

from typing import Final

TEXTS: Final = {
    400: "bad-request",
    401: "not-authorized",
    403: "forbidden",
    404: "item-not-found",
    405: "not-allowed",
    406: "not-acceptable",
    408: "request-timeout",
    409: "conflict",
    410: "gone",
    419: "resource-limit",
    429: "rate-overlimit",
    500: "internal-server-error",
    501: "feature-not-implemented",
    503: "service-unavailable",
}


class QueryError(Exception):
    """A query that is answered with an error."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or TEXTS.get(code, "error"))
        self.code = code
