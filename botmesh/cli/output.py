"""What the command writes: tables for people, JSON for scripts, one sentence for an error.

Exit status: 0 done, 1 refused (the reason is printed), 2 wrong usage, 3 not now (try again).
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

EXIT_REFUSED = 1
EXIT_RETRY = 3

# Wide enough that a table in a file or a pipe keeps a record on a line.
_FILE_WIDTH = 240


def _console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_FILE_WIDTH)


console = _console()
complaints = Console(stderr=True, highlight=False)


class _Mode:
    json = False


def use_json(*, on: bool) -> None:
    """Write JSON from now on."""
    _Mode.json = on


def is_json() -> bool:
    """Whether a script reads what is written."""
    return _Mode.json


def as_dict(message: Message) -> dict[str, Any]:
    """A message as JSON data, names as in the contract, enums by name."""
    data: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return data


def emit(data: Any) -> None:
    """Write one JSON value on one line."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Write a line for people; scripts that asked for JSON do not see it."""
    if not _Mode.json:
        console.print(text, markup=False, soft_wrap=True)


def show(message: Message, rows: Iterable[tuple[str, object]]) -> None:
    """Write one record: JSON, or its rows as a two-column table."""
    if _Mode.json:
        emit(as_dict(message))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, ""):
            table.add_row(name, str(value))
    console.print(table)


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table for people."""
    console.print(table_of(headers, rows))


def table_of(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table in the command's style."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table


def fail(
    message: str,
    *,
    reason: str = "",
    code: str = "",
    metadata: Mapping[str, str] | None = None,
    violations: Mapping[str, str] | None = None,
    exit_code: int = EXIT_REFUSED,
) -> NoReturn:
    """Write one sentence with its reason to stderr, or an object for scripts, and exit."""
    if _Mode.json:
        error = {
            "message": message,
            "reason": reason,
            "code": code,
            "metadata": dict(metadata or {}),
            "violations": dict(violations or {}),
        }
        emit({"error": {key: value for key, value in error.items() if value}})
    else:
        suffix = f" ({reason})" if reason else ""
        complaints.print(f"botmesh: {message}{suffix}", markup=False, soft_wrap=True)
    raise SystemExit(exit_code)


def enum_word(name: str, prefix: str) -> str:
    """An enum value's name as people read it: SESSION_STATE_CONNECTED -> CONNECTED."""
    word = name.removeprefix(prefix)
    return "" if word == "UNSPECIFIED" else word
