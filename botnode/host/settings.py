"""What the host is told by its environment."""

from pydantic import Field

from botmesh.rpc.settings import MeshSettings


class HostSettings(MeshSettings):
    """The host's settings."""

    database_url: str = Field(
        "",
        description="The registry as a SQLAlchemy URL: `sqlite:///<file>` or `postgresql://...`. "
        "Default: a SQLite file in the data directory.",
    )
    parallel_starts: int = Field(
        0,
        ge=0,
        description="How many botnodes a host starts at the same time; 0: as many as there are "
        "processors.",
    )
    liveness_fd: int | None = Field(
        None,
        ge=0,
        description="Read end of a pipe; when it is closed, the process stops. Set by the parent.",
    )
