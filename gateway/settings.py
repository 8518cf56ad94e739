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
        description="The registry's database, `sqlite:///FILE` or `postgresql://...`. "
        "Default: a file in the data directory.",
    )
    liveness_fd: int | None = Field(
        None, description="A pipe's read end; the gateway stops when its other end is closed."
    )
