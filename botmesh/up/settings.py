"""What ``botmesh up`` is told."""

from typing import Any

from pydantic import Field, model_validator

from botmesh.rpc.settings import SANDBOX_MESH, MeshSettings, default_data_dir
from botmesh.up.discovery import Choice


class UpSettings(MeshSettings):
    """The settings of ``botmesh up``; gateway and host get theirs from these."""

    gateway_host: str = Field("127.0.0.1", description="The address that the gateway listens on.")
    gateway_port: int = Field(
        50051, ge=1, le=65535, description="The port that the gateway listens on."
    )
    database_url: str = Field(
        "",
        description="The registry's SQLAlchemy URL, `sqlite:///FILE` or `postgresql://...`; "
        "a SQLite file in the data directory if empty.",
    )
    discovery: Choice = Field(  # type: ignore[assignment]  # one choice more than its parts have
        "auto",
        description="As for all, or `auto`: Consul where an agent answers or its binary is there.",
    )
    sandbox: bool = Field(False, description="Start the sandbox WhatsApp and use it.")

    @model_validator(mode="before")
    @classmethod
    def _sandbox_mesh(cls, values: Any) -> Any:
        """A sandbox is a mesh of its own, with a folder of its own."""
        if isinstance(values, dict) and values.get("sandbox") and not values.get("mesh"):
            values["mesh"] = SANDBOX_MESH
            if not values.get("data_dir"):
                values["data_dir"] = default_data_dir(SANDBOX_MESH)
        return values

    @property
    def gateway_address(self) -> str:
        """Where callers find the gateway, as host:port."""
        return f"{self.gateway_host}:{self.gateway_port}"
