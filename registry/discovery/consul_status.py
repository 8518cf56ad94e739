"""What Consul's UI says of a tenant's session: in a check's text, in tags and in meta."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.discovery.port import UNLINKED_STATES

CONNECTED = "CONNECTED"
# Consul refuses a longer value in a service's meta.
MAX_META_BYTES = 512
MAX_ERROR = 200


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """Where a tenant's session stands.

    Attributes:
        state: the name of a `SessionState` without its prefix.
        number: the linked account in E.164 form.
        error: what is wrong, in words; may be empty. While it is connected, something graver than
            the line to WhatsApp: a full disk.
        since: when it came to this state, aware.
    """

    state: str
    number: str | None
    error: str
    since: datetime

    def after(self, state: str, number: str | None, error: str, now: datetime) -> "SessionStatus":
        """What follows; a number stays known until the account is unlinked."""
        return SessionStatus(
            state=state,
            number=number or (None if state in UNLINKED_STATES else self.number),
            error=" ".join(error.split())[:MAX_ERROR],
            since=self.since if state == self.state else now,
        )

    @property
    def is_connected(self) -> bool:
        """Whether the line to WhatsApp is up."""
        return self.state == CONNECTED

    @property
    def is_well(self) -> bool:
        """Whether messages go in and out."""
        return self.is_connected and not self.error

    @property
    def since_text(self) -> str:
        """Since when, in UTC and to the second."""
        return f"{self.since:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def tags(self) -> Sequence[str]:
        """What a list of all tenants shows: the state, and since when if it is not connected.

        Consul warns of tags that are no DNS labels.
        """
        state = self.state.replace("_", "-")
        if self.is_connected:
            return (state,)
        return (state, f"since-{self.since:%Y-%m-%dT%H-%M-%SZ}")

    @property
    def text(self) -> str:
        """One sentence for people."""
        number = f", {self.number}" if self.number else ""
        error = f": {self.error}" if self.error else ""
        return f"{self.state} since {self.since_text}{number}{error}"


def meta(fields: Mapping[str, str]) -> dict[str, str]:
    """A service's meta: values cut to what Consul takes, empty ones left out."""
    return {
        key: value.encode()[:MAX_META_BYTES].decode(errors="ignore")
        for key, value in fields.items()
        if value
    }
