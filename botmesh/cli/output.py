"""What the command writes: tables for people, JSON for scripts, one sentence for an error.

Exit status: 0 done, 1 refused (the reason is printed), 2 wrong usage, 3 not now (try again).
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

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


# What moves a terminal's cursor, changes its colours or turns the line around: texts from WhatsApp
# may hold it, and nobody but this command shall write on an operator's screen.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """A text with its control characters (but line feeds) as escapes that do nothing."""
    return _CONTROL.sub(_escape, text)


def one_line(text: str, most: int = 0) -> str:
    """A text on one line; cut after so many characters unless 0."""
    line = printable(text).replace("\n", "\\n")
    return line if not most or len(line) <= most else line[: most - 1] + "…"


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def say(text: str) -> None:
    """Write a line for people; scripts that asked for JSON do not see it."""
    if not _Mode.json:
        console.print(printable(text), markup=False, soft_wrap=True)


def note(text: str) -> None:
    """Write a remark to stderr: it is no part of what was asked for."""
    complaints.print(f"botmesh: {printable(text)}", markup=False, soft_wrap=True)


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
            table.add_row(name, Text(printable(str(value))))
    console.print(table)


def done(answer: Message, text: str) -> None:
    """Say that something was done: the answer as JSON, or a sentence for people."""
    if _Mode.json:
        emit(as_dict(answer))
    else:
        say(text)


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table for people."""
    console.print(table_of(headers, rows))


def table_of(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table in the command's style."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    return table


def fail(
    message: str,
    *,
    reason: str = "",
    code: str = "",
    metadata: Mapping[str, str] | None = None,
    violations: Mapping[str, str] | None = None,
    advice: str = "",
    exit_code: int = EXIT_REFUSED,
) -> NoReturn:
    """Write one sentence with its reason to stderr, or an object for scripts, and exit.

    ``advice`` is what to do about it, for people.
    """
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
        note(f"{message}{suffix}")
        if advice:
            note(advice)
    raise SystemExit(exit_code)


def enum_word(name: str, prefix: str) -> str:
    """An enum value's name as people read it: SESSION_STATE_CONNECTED -> CONNECTED."""
    word = name.removeprefix(prefix)
    return "" if word == "UNSPECIFIED" else word
