"""What the gateway's environment tells it."""

from pydantic import Field

from botmesh.rpc.settings import MeshSettings


class GatewaySettings(MeshSettings):
    """The gateway's settings."""

    gateway_host: str = Field("127.0.0.1", description="The address that the gateway listens on.")
    gateway_port: int = Field(
        50051, ge=0, le=65535, description="The port that the gateway listens on; 0 picks one."
    )
    gateway_grace_s: float = Field(
        5.0, ge=0, le=10, description="How long calls may go on when the gateway stops, in seconds."
    )
    database_url: str = Field(
        "",
        description="The registry's SQLAlchemy URL, `sqlite:///FILE` or `postgresql://...`; "
        "a SQLite file in the data directory if empty.",
    )
    liveness_fd: int | None = Field(
        None,
        ge=0,
        description="A pipe that the parent holds open; the process stops when it ends. "
        "Set by the parent.",
    )
