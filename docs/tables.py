"""Writes the generated tables of README.md: settings, error reasons, RPCs.

``python docs/tables.py`` rewrites the text between the markers; ``--check`` only compares.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import SecretStr

from botmesh.errors import REASONS
from botmesh.rpc.settings import MeshSettings, variables_of
from botmesh.up.settings import UpSettings
from botnode.host.settings import HostSettings
from botnode.settings import BotnodeSettings
from gateway.settings import GatewaySettings
from registry.discovery.consul_settings import ConsulSettings

README = Path(__file__).resolve().parent.parent / "README.md"

# A process -> its settings. Those of MeshSettings are listed once, for all.
PROCESSES: dict[str, type[MeshSettings | ConsulSettings]] = {
    "all": MeshSettings,
    "gateway": GatewaySettings,
    "host": HostSettings,
    "botnode": BotnodeSettings,
    "`botmesh up`": UpSettings,
    "all, with Consul": ConsulSettings,
}
# The command has no settings class: typer reads these.
COMMAND = {
    "BOTMESH_GATEWAY": ("`127.0.0.1:50051`", "Where the `botmesh` command finds the gateway."),
    "BOTMESH_TIMEOUT": ("`30`", "How long the command waits for an answer, in seconds."),
}


def settings_table() -> Iterator[str]:
    """Every environment variable: who reads it, its default, what it is."""
    yield "| variable | read by | default | what it is |"
    yield "| --- | --- | --- | --- |"
    rows: dict[tuple[str, str, str], list[str]] = {}
    for process, settings in PROCESSES.items():
        for row in _rows(settings):
            rows.setdefault(row, []).append(process)
    for (variable, default, text), processes in rows.items():
        yield f"| `{variable}` | {', '.join(processes)} | {default} | {text} |"
    for variable, (default, text) in COMMAND.items():
        yield f"| `{variable}` | `botmesh` | {default} | {text} |"


def _rows(settings: type[MeshSettings | ConsulSettings]) -> Iterator[tuple[str, str, str]]:
    """Variable, default and text of each field that a class adds; what it inherits has a row."""
    if issubclass(settings, MeshSettings):
        for name, found in variables_of(settings).items():
            if name in settings.__annotations__:
                yield found.name, _shown(found.default), found.text
        return
    for name, field in settings.model_fields.items():
        if name in settings.__annotations__:
            default = "" if field.is_required() else _shown(field.default)
            text = inspect.cleandoc(field.description or "")
            yield settings.variable_of(name), default, text


def reasons_table() -> Iterator[str]:
    """Every error reason: its code, whether waiting helps, what it means."""
    yield "| reason | gRPC code | passes by itself | what it means |"
    yield "| --- | --- | --- | --- |"
    for reason, spec in REASONS.items():
        passes = "yes" if spec.retryable else "no"
        yield f"| `{reason}` | {spec.code.name} | {passes} | {spec.meaning} |"


def _shown(default: object) -> str:
    text = "" if isinstance(default, SecretStr) else str(default)
    return "" if text in {"", ".", "None"} else f"`{text}`"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings_table,
    "reasons": reasons_table,
}


def render(text: str) -> str:
    """The text with every table between its markers made anew."""
    for name, table in TABLES.items():
        start, end = f"<!-- table: {name} -->", "<!-- end of table -->"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"README.md has no place for the table {name!r}")
        body = "\n".join([start, *table(), end])
        text = pattern.sub(lambda _, body=body: body, text)
    return text


def main() -> int:
    """Rewrite or check README.md; return the exit status."""
    text = README.read_text()
    fresh = render(text)
    if "--check" in sys.argv[1:]:
        return int(fresh != text)
    README.write_text(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
