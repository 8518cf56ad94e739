"""What the gateway's environment tells it."""

from dataclasses import dataclass

from botmesh.rpc.settings import MeshSettings, number, variable, whole


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(MeshSettings):
    """The gateway's settings."""

    gateway_host: str = variable("The address that the gateway listens on.", "127.0.0.1")
    gateway_port: int = variable(
        "The port that the gateway listens on; 0 picks one.", 50051, read=whole(0, 65535)
    )
    gateway_grace_s: float = variable(
        "How long calls may go on when the gateway stops, in seconds.", 5.0, read=number(0, 10)
    )
    database_url: str = variable(
        "The registry's SQLAlchemy URL, `sqlite:///FILE` or `postgresql://...`; "
        "a SQLite file in the data directory if empty.",
        "",
        secret=True,
    )
    liveness_fd: int | None = variable(
        "A pipe that the parent holds open; the process stops when it ends. Set by the parent.",
        None,
        read=whole(0),
    )
