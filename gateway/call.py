"""One call as the gateway forwards it."""

import time
from dataclasses import dataclass

from google.protobuf.message import Message

from gateway.policy import MethodPolicy


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a botnode as the gateway serves it."""

    name: str
    path: str
    request: type[Message]
    policy: MethodPolicy


@dataclass(slots=True)
class Call:
    """One call. `expires` is a time of the monotonic clock; infinite for a stream without end."""

    method: Method
    tenant_id: str
    request_id: str
    request: bytes
    expires: float

    def remaining_s(self) -> float:
        """What is left of its time."""
        return self.expires - time.monotonic()
