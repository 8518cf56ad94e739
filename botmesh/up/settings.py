"""What ``botmesh up`` is told."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, get_args

from botmesh.rpc.settings import (
    PREFIX,
    SANDBOX_MESH,
    MeshSettings,
    flag,
    one_of,
    variable,
    whole,
)
from botmesh.up.discovery import Choice


@dataclass(frozen=True, kw_only=True)
class UpSettings(MeshSettings):
    """The settings of ``botmesh up``; gateway and host get theirs from these."""

    gateway_host: str = variable("The address that the gateway listens on.", "127.0.0.1")
    gateway_port: int = variable(
        "The port that the gateway listens on.", 50051, read=whole(1, 65535)
    )
    database_url: str = variable(
        "The registry's SQLAlchemy URL, `sqlite:///FILE` or `postgresql://...`; "
        "a SQLite file in the data directory if empty.",
        "",
        secret=True,
    )
    discovery: Choice = variable(  # noqa: RUF009 - a field
        "As for all, or `auto`: Consul where an agent answers or its binary is there.",
        "auto",
        read=one_of(*get_args(Choice)),
    )
    sandbox: bool = variable("Start the sandbox WhatsApp and use it.", False, read=flag)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """As for all; a sandbox is a mesh of its own, with a folder of its own."""
        found = os.environ if environment is None else environment
        settings = super().read(found)
        if settings.sandbox and "mesh" not in settings.given:
            return super().read({**found, f"{PREFIX}MESH": SANDBOX_MESH})
        return settings

    @property
    def gateway_address(self) -> str:
        """Where callers find the gateway, as host:port."""
        return f"{self.gateway_host}:{self.gateway_port}"
