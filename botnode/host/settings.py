"""What the host is told by its environment."""

from dataclasses import dataclass

from botmesh.rpc.settings import MeshSettings, one_of, variable, whole


@dataclass(frozen=True, kw_only=True)
class HostSettings(MeshSettings):
    """The host's settings."""

    database_url: str = variable(
        "The registry's SQLAlchemy URL, `sqlite:///FILE` or `postgresql://...`; "
        "a SQLite file in the data directory if empty.",
        "",
        secret=True,
    )
    parallel_starts: int = variable(
        "How many botnodes a host starts at the same time; 0: as many as there are processors.",
        0,
        read=whole(0),
    )
    spawn: str = variable(
        "How a host starts botnodes: `fork`, from a process that has loaded what all "
        "of them need, so that they share its memory; or `exec`, each as a program of its own.",
        "fork",
        read=one_of("fork", "exec"),
    )
    liveness_fd: int | None = variable(
        "A pipe that the parent holds open; the process stops when it ends. Set by the parent.",
        None,
        read=whole(0),
    )
