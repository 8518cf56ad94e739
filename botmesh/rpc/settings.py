"""What every process of the mesh is told by its environment, read once at its start."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from botmesh.rpc.lifecycle import EX_CONFIG
from botmesh.rpc.logging import LogFormat
from botmesh.rpc.names import MESH_PATTERN

PREFIX = "BOTMESH_"
SANDBOX_MESH = "sandbox"

LogLevel = Literal["debug", "info", "warning", "error"]


def _mesh_name(value: str) -> str:
    if MESH_PATTERN.fullmatch(value) is None:
        raise ValueError("must be 1 to 63 of a-z, 0-9 and '-', not at the ends")
    return value


MeshName = Annotated[str, AfterValidator(_mesh_name)]


class MeshSettings(BaseSettings):
    """What gateway, host, botnode and command share."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    mesh: MeshName = Field("default", description="The mesh's name; meshes never see each other.")
    data_dir: Path = Field(
        Path(),
        description="Where this machine keeps the mesh's data. "
        "Default: `$XDG_DATA_HOME/botmesh/<mesh>`, i.e. `~/.local/share/botmesh/<mesh>`.",
    )
    discovery: Literal["embedded", "consul"] = Field(
        "embedded",
        description="Where botnodes are announced and found: `embedded` (in the registry; one "
        "machine) or `consul`.",
    )
    log_level: LogLevel = Field("info", description="`debug`, `info`, `warning` or `error`.")
    log_format: LogFormat = Field(
        "auto", description="`json`, `console`, or `auto`: readable on a terminal, else JSON."
    )

    @model_validator(mode="before")
    @classmethod
    def _default_data_dir(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("data_dir"):
            values["data_dir"] = default_data_dir(str(values.get("mesh") or "default"))
        return values

    @classmethod
    def load(cls) -> Self:
        """Read the environment; on a mistake say which variable it is and exit with 78."""
        return load(cls)


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S], **given: Any) -> S:
    """Read the environment; on a mistake say which variable it is and exit with 78.

    Args:
        settings: the class to fill.
        given: fields that were given otherwise, e.g. on the command line; they win.
    """
    try:
        return settings(**given)
    except ValidationError as error:
        _exit_naming_variables(settings, error)


def default_data_dir(mesh: str) -> Path:
    """Where a mesh's data lies when nobody says otherwise (XDG base directories)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "botmesh" / mesh


def variable_of(settings: type[BaseSettings], field: str) -> str:
    """The environment variable that a settings field is read from."""
    info = settings.model_fields.get(field)
    if info is not None and isinstance(info.validation_alias, str):
        return info.validation_alias
    return f"{settings.model_config.get('env_prefix', '')}{field}".upper()


def _exit_naming_variables(settings: type[BaseSettings], error: ValidationError) -> NoReturn:
    for problem in error.errors(include_url=False, include_input=False):
        where = str(problem["loc"][0]) if problem["loc"] else ""
        name = where if where in os.environ else variable_of(settings, where)
        text = problem["msg"].removeprefix("Value error, ")
        sys.stderr.write(f"botmesh: {name}: {text}\n")
    sys.exit(EX_CONFIG)
