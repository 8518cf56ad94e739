"""What the host is told by its environment."""

from typing import Literal

from pydantic import Field

from botmesh.rpc.settings import MeshSettings


class HostSettings(MeshSettings):
    """The host's settings."""

    database_url: str = Field(
        "",
        description="The registry's SQLAlchemy URL, `sqlite:///FILE` or `postgresql://...`; "
        "a SQLite file in the data directory if empty.",
    )
    parallel_starts: int = Field(
        0,
        ge=0,
        description="How many botnodes a host starts at the same time; 0: as many as there are "
        "processors.",
    )
    spawn: Literal["fork", "exec"] = Field(
        "fork",
        description="How a host starts botnodes: `fork`, from a process that has loaded what all "
        "of them need, so that they share its memory; or `exec`, each as a program of its own.",
    )
    liveness_fd: int | None = Field(
        None,
        ge=0,
        description="A pipe that the parent holds open; the process stops when it ends. "
        "Set by the parent.",
    )
