"""What the library's texts mean when it gets no pairing code.

The texts are whatsmeow's (pair-code.go, request.go, errors.go).
"""

import re

from botmesh.errors import MeshError, Reason, invalid
from botnode.phone_codes import RETRY_AFTER, rate_limited

_STATUS = re.compile(r"^info query returned status (\d+)")
_WRONG_NUMBER = re.compile(r"^phone number too short|^international phone number required")
_LINE_LOST = re.compile(
    r"^(no client is connected|client is nil|websocket not connected"
    r"|websocket disconnected before info query)"
)
_SERVER_FAULT = 500
_RATE_OVERLIMIT = "429"


def is_line_lost(text: str) -> bool:
    """Whether the line was lost, and the round of codes with it: the next one may give a code."""
    return _LINE_LOST.match(text) is not None


def pairing_error(text: str) -> MeshError:
    """The typed error for a text of the library's."""
    if _WRONG_NUMBER.search(text):
        return invalid("phone_number", text)
    found = _STATUS.match(text)
    if found is not None and found[1] == _RATE_OVERLIMIT:
        return rate_limited()
    if found is not None and int(found[1]) < _SERVER_FAULT:
        refusal = text.removeprefix("info query returned ")
        return MeshError(
            Reason.PAIRING_REFUSED, f"WhatsApp gives this number no pairing code ({refusal})"
        )
    return MeshError(
        Reason.PAIRING_FAILED, f"WhatsApp gave no pairing code: {text}", retry_after=RETRY_AFTER
    )
