"""What every process of the mesh is told by its environment, read once at its start.

A settings class is a frozen dataclass whose fields are variables of the environment. pydantic would
do the same for 10 MB and 0.1 s of a process: much for a botnode, of which each tenant has one.
"""

import dataclasses
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from botmesh.rpc.lifecycle import EX_CONFIG
from botmesh.rpc.logging import LogFormat
from botmesh.rpc.names import MESH_PATTERN

PREFIX = "BOTMESH_"
SANDBOX_MESH = "sandbox"
_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
_NO = frozenset({"0", "false", "f", "no", "n", "off"})

Read = Callable[[str], Any]


class VariableError(ValueError):
    """A variable's value cannot be taken; the text names the variable."""


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment.

    Attributes:
        name: as the environment has it.
        default: what holds where it is not set.
        text: what it is, for people.
        read: makes a value of its text; raises ValueError with what the text must be.
        is_required: whether it has to be set.
    """

    name: str
    default: Any
    text: str
    read: Read
    is_required: bool


def variable(
    text: str,
    default: Any = dataclasses.MISSING,
    *,
    name: str = "",
    read: Read = str,
    secret: bool = False,
) -> Any:
    """A field of a settings class.

    Args:
        text: what it is, for people.
        default: what holds where it is not set; without one it has to be set.
        name: of the variable; `BOTMESH_` and the field's name in capitals if empty.
        read: makes a value of its text; raises ValueError with what the text must be.
        secret: never show the value.
    """
    metadata = {"text": text, "name": name, "read": read}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata, repr=not secret)
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def whole(least: int = 0, most: int | None = None) -> Read:
    """Reads a whole number within bounds."""
    bounds = f"from {least} to {most}" if most is not None else f"of {least} or more"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("must be a whole number") from None
        if value < least or (most is not None and value > most):
            raise ValueError(f"must be a whole number {bounds}")
        return value

    return read


def number(least: float, most: float) -> Read:
    """Reads a number within bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("must be a number") from None
        if not least <= value <= most:
            raise ValueError(f"must be a number from {least:g} to {most:g}")
        return value

    return read


def flag(text: str) -> bool:
    """Reads yes or no."""
    if (word := text.strip().lower()) in _YES | _NO:
        return word in _YES
    raise ValueError("must be true or false")


def one_of(*choices: str) -> Read:
    """Reads a word."""

    def read(text: str) -> str:
        if text not in choices:
            words = [f"'{choice}'" for choice in choices]
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return text

    return read


@functools.cache
def variables_of(settings: type[Any]) -> Mapping[str, Variable]:
    """The variables that a settings class is read from, by field."""
    return {
        field.name: Variable(
            field.metadata["name"] or f"{PREFIX}{field.name}".upper(),
            None if field.default is dataclasses.MISSING else field.default,
            field.metadata["text"],
            field.metadata["read"],
            field.default is dataclasses.MISSING,
        )
        for field in dataclasses.fields(settings)
        if "read" in field.metadata
    }


def mesh_name(text: str) -> str:
    """Reads a mesh's name."""
    if MESH_PATTERN.fullmatch(text) is None:
        raise ValueError("must be 1 to 63 of a-z, 0-9 and '-', not at the ends")
    return text


def default_data_dir(mesh: str) -> Path:
    """Where a mesh's data lies when nobody says otherwise (XDG base directories)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "botmesh" / mesh


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshSettings:
    """What gateway, host, botnode and command share.

    Attributes:
        given: the fields that were set.
    """

    mesh: str = variable("The mesh's name; meshes never see each other.", "default", read=mesh_name)
    data_dir: Path = variable(  # noqa: RUF009 - a field, and paths do not change
        "Where this machine keeps the mesh's data. "
        "Default: `$XDG_DATA_HOME/botmesh/<mesh>`, i.e. `~/.local/share/botmesh/<mesh>`.",
        Path(),
        read=Path,
    )
    discovery: str = variable(
        "Where botnodes are announced and found: `embedded` (in the registry; one "
        "machine) or `consul`.",
        "embedded",
        read=one_of("embedded", "consul"),
    )
    log_level: str = variable(
        "`debug`, `info`, `warning` or `error`.",
        "info",
        read=one_of("debug", "info", "warning", "error"),
    )
    log_format: LogFormat = variable(  # noqa: RUF009 - a field
        "`json`, `console`, or `auto`: readable on a terminal, else JSON.",
        "auto",
        read=one_of("auto", "json", "console"),
    )
    given: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read an environment, this process's unless another is given.

        Raises:
            VariableError: for each mistake a line, which names the variable.
        """
        found = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        mistakes = list(_read_all(cls, found, values))
        if mistakes:
            raise VariableError("\n".join(mistakes))
        given = frozenset(values)
        if not found.get(f"{PREFIX}DATA_DIR"):
            values["data_dir"] = default_data_dir(values.get("mesh") or "default")
        return cls(**values, given=given)

    @classmethod
    def load(cls, **given: object) -> Self:
        """Read the environment; on a mistake say which variable it is and exit with 78.

        Args:
            given: fields that were given otherwise, e.g. on the command line; they win.
        """
        variables = variables_of(cls)  # type: ignore[arg-type]  # a class can be hashed
        told = {variables[field].name: str(value) for field, value in given.items()}
        try:
            return cls.read({**os.environ, **told})
        except VariableError as error:
            for line in str(error).splitlines():
                sys.stderr.write(f"botmesh: {line}\n")
            sys.exit(EX_CONFIG)


def _read_all(
    settings: type[Any], environment: Mapping[str, str], values: dict[str, Any]
) -> Iterator[str]:
    """Fill in the values that are set; yield what is wrong."""
    for field, variable in variables_of(settings).items():  # type: ignore[arg-type]  # a class can be hashed
        text = environment.get(variable.name)
        if text is None:
            if variable.is_required:
                yield f"{variable.name}: must be set"
            continue
        try:
            values[field] = variable.read(text)
        except ValueError as error:
            yield f"{variable.name}: {error}"
