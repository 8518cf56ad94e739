"""What a botnode is told by its environment."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta

from botmesh.errors import MeshError
from botmesh.rpc.names import is_tenant_id
from botmesh.rpc.proxy_url import check_proxy_url
from botmesh.rpc.settings import MeshSettings, VariableError, flag, number, variable, whole
from botnode.media import MOST_BYTES, Keeping
from botnode.media_fetcher import FetchLimit
from botnode.media_proxy import proxy_of_environment
from botnode.pacing import Pace
from botnode.storage import StorageLimits

ROOT_KEY_BYTES = 32
_ROOT_KEY = re.compile(rf"[0-9a-fA-F]{{{2 * ROOT_KEY_BYTES}}}")
DEFAULT_MESH = "default"
_MB = 1024 * 1024


def _tenant_id(text: str) -> str:
    if not is_tenant_id(text):
        raise ValueError("must be 1 to 63 of a-z, 0-9 and '-', not at the ends")
    return text


def _host(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError("must be an IP address") from error
    if address.is_unspecified:
        raise ValueError("must be the address that gateways call, not a wildcard")
    return text


def _proxy_url(text: str) -> str:
    try:
        return check_proxy_url(text) if text else text
    except MeshError as error:
        raise ValueError(error.violations[0].description) from None


def _root_key(text: str) -> str | None:
    if text and not _ROOT_KEY.fullmatch(text):
        raise ValueError(f"must be {ROOT_KEY_BYTES} bytes in hex")
    return text or None


@dataclass(frozen=True, kw_only=True)
class BotnodeSettings(MeshSettings):
    """One tenant's process. `TENANT_ID` is all that is required."""

    tenant_id: str = variable("The tenant to serve.", name="TENANT_ID", read=_tenant_id)
    tenant_name: str = variable("The name that people know it by.", "", name="TENANT_NAME")
    port: int = variable(
        "Where its gRPC server listens; 0 picks a free port.",
        0,
        name="BOT_API_PORT",
        read=whole(0, 65535),
    )
    host: str = variable(
        "The address that its gRPC server listens on, and that gateways call: "
        "an address of this machine, not a wildcard.",
        "127.0.0.1",
        name="BOT_API_HOST",
        read=_host,
    )
    expect_account: str | None = variable(
        "The number that the tenant must have: a new folder is then refused.", None
    )
    re_pair: bool = variable(
        "Pair again although the account's store is missing.", False, read=flag
    )
    liveness_fd: int | None = variable(
        "A pipe that the parent holds open; the process stops when it ends. Set by the parent.",
        None,
        read=whole(0),
    )
    status_fd: int | None = variable("Inherited pipe for status lines.", None, read=whole(0))
    pacing_messages_per_minute: int = variable(
        "How many messages a tenant sends in a minute at most, unless it is set "
        "itself; 0 for any number. See [docs/PACING.md](docs/PACING.md).",
        30,
        read=whole(0, 10_000),
    )
    pacing_new_chats_per_day: int = variable(
        "With how many people a tenant may begin a chat in 24 hours, unless it is set "
        "itself; 0 for any number.",
        50,
        read=whole(0, 100_000),
    )
    pacing_least_pause_s: float = variable(
        "How long a tenant rests between two messages at least, unless it is set "
        "itself; the first 5 of a minute go out without.",
        0.5,
        read=number(0, 60),
    )
    pacing_most_pause_s: float = variable(
        "And at most; in between it is drawn at random. Where one of the two alone is "
        "set, the other's default gives way to it.",
        1.5,
        read=number(0, 60),
    )
    pacing_rate_limit_pause_s: float = variable(
        "For how long nothing is sent after WhatsApp's 429; it doubles, up to 15 times "
        "as much. With 0 only the message itself waits.",
        60,
        read=number(0, 86_400),
    )
    pacing_reach_out_pause_s: float = variable(
        "For how long no chat is begun after WhatsApp's 463; it doubles, up to 8 times "
        "as much. With 0 only the message itself fails.",
        21_600,
        read=number(0, 604_800),
    )
    proxy_url: str = variable(
        "The tenant's own proxy on the way to WhatsApp, `http://`, `https://` or "
        "`socks5://`, instead of HTTPS_PROXY. Set by the host from what the tenant is set to.",
        "",
        read=_proxy_url,
        secret=True,
    )
    sandbox_root_key: str | None = variable(
        "Hex of the root key of a sandbox that stands in for WhatsApp.",
        None,
        read=_root_key,
        secret=True,
    )
    https_proxy: str | None = variable(
        "The proxy on the way to WhatsApp; read by the library itself.",
        None,
        name="HTTPS_PROXY",
        secret=True,
    )
    media_upload_keep_days: int = variable(
        "How long uploaded media is kept after it was last used, in days.", 7, read=whole(1, 3650)
    )
    media_received_keep_days: int = variable(
        "How long received media is kept, in days.", 30, read=whole(1, 3650)
    )
    media_fetch_limit_mb: int = variable(
        "Received media up to this size is fetched on receipt, in MiB; 0 fetches "
        "nothing until DownloadMedia asks for it (then up to 100).",
        100,
        read=whole(0, 2048),
    )
    media_tenant_limit_mb: int = variable(
        "So much received media a tenant has before no more is fetched on receipt, in "
        "MiB: it then waits for DownloadMedia, or for room.",
        2048,
        read=whole(0, 1_048_576),
    )
    media_keep_free_mb: int = variable(
        "What media leaves free on the disk, in MiB, of a small disk a tenth: there "
        "messages come and go on.",
        256,
        read=whole(32, 1_048_576),
    )
    media_unfinished_keep_hours: int = variable(
        "How long an upload that is not whole may rest before it is forgotten, in hours.",
        24,
        read=whole(1, 8760),
    )

    def __post_init__(self) -> None:
        """Check what belongs together.

        Raises:
            VariableError: it does not fit.
        """
        if self.sandbox_root_key and self.mesh == DEFAULT_MESH:
            raise VariableError(
                "BOTMESH_SANDBOX_ROOT_KEY is set, but BOTMESH_MESH is "
                f"'{DEFAULT_MESH}', which is for real WhatsApp"
            )
        least_s, most_s = self._pauses_s
        if most_s < least_s:
            raise VariableError(
                "BOTMESH_PACING_MOST_PAUSE_S is less than BOTMESH_PACING_LEAST_PAUSE_S"
            )

    @property
    def _pauses_s(self) -> tuple[float, float]:
        """The shortest and the longest; where one alone is set, the other's default gives way."""
        least_s, most_s = self.pacing_least_pause_s, self.pacing_most_pause_s
        if "pacing_least_pause_s" not in self.given:
            return min(least_s, most_s), most_s
        if "pacing_most_pause_s" not in self.given:
            return least_s, max(least_s, most_s)
        return least_s, most_s

    @property
    def pace(self) -> Pace:
        """How fast to send."""
        least_s, most_s = self._pauses_s
        return Pace(
            messages_per_minute=self.pacing_messages_per_minute,
            new_chats_per_day=self.pacing_new_chats_per_day,
            least_pause_ms=round(least_s * 1000),
            most_pause_ms=round(most_s * 1000),
            rate_limit_pause_ms=round(self.pacing_rate_limit_pause_s * 1000),
            reach_out_pause_ms=round(self.pacing_reach_out_pause_s * 1000),
        )

    @property
    def media_proxy(self) -> str:
        """The proxy that media goes through, as the library's would; empty for none."""
        return self.proxy_url or proxy_of_environment()

    @property
    def root_key(self) -> bytes | None:
        """The sandbox's root key; None for real WhatsApp."""
        return bytes.fromhex(self.sandbox_root_key) if self.sandbox_root_key else None

    @property
    def keeping(self) -> Keeping:
        """How long media is kept."""
        return Keeping(
            uploaded=timedelta(days=self.media_upload_keep_days),
            received=timedelta(days=self.media_received_keep_days),
            unfinished=timedelta(hours=self.media_unfinished_keep_hours),
        )

    @property
    def fetch_limit(self) -> FetchLimit:
        """What is fetched of received media."""
        limit = self.media_fetch_limit_mb * _MB
        return FetchLimit(limit, limit or MOST_BYTES, self.media_tenant_limit_mb * _MB)

    @property
    def storage_limits(self) -> StorageLimits:
        """What is left free on the disk."""
        return StorageLimits(media_reserve_bytes=self.media_keep_free_mb * _MB)
