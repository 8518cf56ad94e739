"""What a botnode is told by its environment."""

import ipaddress
import re
from datetime import timedelta
from typing import Self

from pydantic import Field, field_validator, model_validator

from botmesh.errors import MeshError
from botmesh.rpc.names import is_tenant_id
from botmesh.rpc.proxy_url import check_proxy_url
from botmesh.rpc.settings import MeshSettings
from botnode.media import MOST_BYTES, Keeping
from botnode.media_fetcher import FetchLimit
from botnode.media_http import proxy_of_environment
from botnode.pacing import Pace
from botnode.storage import StorageLimits

ROOT_KEY_BYTES = 32
DEFAULT_MESH = "default"
_MB = 1024 * 1024


class BotnodeSettings(MeshSettings):
    """One tenant's process. `TENANT_ID` is all that is required."""

    tenant_id: str = Field(validation_alias="TENANT_ID", description="The tenant to serve.")
    tenant_name: str = Field(
        "", validation_alias="TENANT_NAME", description="The name that people know it by."
    )
    port: int = Field(
        0,
        ge=0,
        le=65535,
        validation_alias="BOT_API_PORT",
        description="Where its gRPC server listens; 0 picks a free port.",
    )
    host: str = Field(
        "127.0.0.1",
        validation_alias="BOT_API_HOST",
        description="The address that its gRPC server listens on, and that gateways call: "
        "an address of this machine, not a wildcard.",
    )
    expect_account: str | None = Field(
        None,
        description="The number that the tenant must have: a new folder is then refused.",
    )
    re_pair: bool = Field(False, description="Pair again although the account's store is missing.")
    liveness_fd: int | None = Field(
        None,
        ge=0,
        description="A pipe that the parent holds open; the process stops when it ends. "
        "Set by the parent.",
    )
    status_fd: int | None = Field(None, ge=0, description="Inherited pipe for status lines.")
    pacing_messages_per_minute: int = Field(
        30,
        ge=0,
        le=10_000,
        description="How many messages a tenant sends in a minute at most, unless it is set "
        "itself; 0 for any number. See [docs/PACING.md](docs/PACING.md).",
    )
    pacing_new_chats_per_day: int = Field(
        50,
        ge=0,
        le=100_000,
        description="With how many people a tenant may begin a chat in 24 hours, unless it is set "
        "itself; 0 for any number.",
    )
    pacing_least_pause_s: float = Field(
        0.5,
        ge=0,
        le=60,
        description="How long a tenant rests between two messages at least, unless it is set "
        "itself; the first 5 of a minute go out without.",
    )
    pacing_most_pause_s: float = Field(
        1.5,
        ge=0,
        le=60,
        description="And at most; in between it is drawn at random. Where one of the two alone is "
        "set, the other's default gives way to it.",
    )
    pacing_rate_limit_pause_s: float = Field(
        60,
        ge=0,
        le=86_400,
        description="For how long nothing is sent after WhatsApp's 429; it doubles, up to 15 times "
        "as much. With 0 only the message itself waits.",
    )
    pacing_reach_out_pause_s: float = Field(
        21_600,
        ge=0,
        le=604_800,
        description="For how long no chat is begun after WhatsApp's 463; it doubles, up to 8 times "
        "as much. With 0 only the message itself fails.",
    )
    proxy_url: str = Field(
        "",
        repr=False,
        description="The tenant's own proxy on the way to WhatsApp, `http://`, `https://` or "
        "`socks5://`, instead of HTTPS_PROXY. Set by the host from what the tenant is set to.",
    )
    sandbox_root_key: str | None = Field(
        None,
        repr=False,
        description="Hex of the root key of a sandbox that stands in for WhatsApp.",
    )
    https_proxy: str | None = Field(
        None,
        validation_alias="HTTPS_PROXY",
        description="The proxy on the way to WhatsApp; read by the library itself.",
    )
    media_upload_keep_days: int = Field(
        7,
        ge=1,
        le=3650,
        description="How long uploaded media is kept after it was last used, in days.",
    )
    media_received_keep_days: int = Field(
        30, ge=1, le=3650, description="How long received media is kept, in days."
    )
    media_fetch_limit_mb: int = Field(
        100,
        ge=0,
        le=2048,
        description="Received media up to this size is fetched on receipt, in MiB; 0 fetches "
        "nothing until DownloadMedia asks for it (then up to 100).",
    )
    media_tenant_limit_mb: int = Field(
        2048,
        ge=0,
        le=1_048_576,
        description="So much received media a tenant has before no more is fetched on receipt, in "
        "MiB: it then waits for DownloadMedia, or for room.",
    )
    media_keep_free_mb: int = Field(
        256,
        ge=32,
        le=1_048_576,
        description="What media leaves free on the disk, in MiB, of a small disk a tenth: there "
        "messages come and go on.",
    )
    media_unfinished_keep_hours: int = Field(
        24,
        ge=1,
        le=8760,
        description="How long an upload that is not whole may rest before it is forgotten, in "
        "hours.",
    )

    @field_validator("tenant_id")
    @classmethod
    def _tenant_id(cls, value: str) -> str:
        if not is_tenant_id(value):
            raise ValueError("must be 1 to 63 of a-z, 0-9 and '-', not at the ends")
        return value

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            raise ValueError("must be an IP address") from error
        if address.is_unspecified:
            raise ValueError("must be the address that gateways call, not a wildcard")
        return value

    @field_validator("proxy_url")
    @classmethod
    def _proxy_url(cls, value: str) -> str:
        try:
            return check_proxy_url(value) if value else value
        except MeshError as error:
            raise ValueError(error.violations[0].description) from None

    @field_validator("sandbox_root_key")
    @classmethod
    def _root_key(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(rf"[0-9a-fA-F]{{{2 * ROOT_KEY_BYTES}}}", value):
            raise ValueError(f"must be {ROOT_KEY_BYTES} bytes in hex")
        return value or None

    @model_validator(mode="after")
    def _no_sandbox_by_default(self) -> Self:
        if self.sandbox_root_key and self.mesh == DEFAULT_MESH:
            raise ValueError(
                "BOTMESH_SANDBOX_ROOT_KEY is set, but BOTMESH_MESH is "
                f"'{DEFAULT_MESH}', which is for real WhatsApp"
            )
        return self

    @model_validator(mode="after")
    def _pauses_in_order(self) -> Self:
        least_s, most_s = self._pauses_s
        if most_s < least_s:
            raise ValueError(
                "BOTMESH_PACING_MOST_PAUSE_S is less than BOTMESH_PACING_LEAST_PAUSE_S"
            )
        return self

    @property
    def _pauses_s(self) -> tuple[float, float]:
        """The shortest and the longest; where one alone is set, the other's default gives way."""
        least_s, most_s = self.pacing_least_pause_s, self.pacing_most_pause_s
        if "pacing_least_pause_s" not in self.model_fields_set:
            return min(least_s, most_s), most_s
        if "pacing_most_pause_s" not in self.model_fields_set:
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
