"""What a sandbox is started with: options, or ``BOTMESH_SANDBOX_*`` in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]


class SandboxSettings(BaseSettings):
    """A WhatsApp that runs on this machine, on loopback, with simulated phones."""

    model_config = SettingsConfigDict(
        env_prefix="BOTMESH_SANDBOX_",
        frozen=True,
        extra="ignore",
        cli_kebab_case=True,
        cli_prog_name="python -m sandbox",
    )

    data_dir: Path = Field(description="the folder for its state; made if it is not there")
    proxy_port: Port = Field(
        0, description="where clients come in; 0 picks one and keeps it from then on"
    )
    control_port: Port = Field(
        0, description="where the control API is; 0 picks one and keeps it from then on"
    )
    die_with_fd: int | None = Field(
        None, ge=0, description="stop when this inherited pipe ends, as it does with its holder"
    )
    log_json: bool | None = Field(
        None, description="log as JSON; by default where the output is no terminal"
    )
