"""Who a botnode is."""

import secrets
from dataclasses import dataclass
from datetime import datetime

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while the process lives.

    Attributes:
        instance: a random id of this process start, 8 characters.
    """

    tenant_id: str
    tenant_name: str
    mesh: str
    instance: str
    version: str
    start_time: datetime


def new_instance() -> str:
    """A fresh instance id."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))
