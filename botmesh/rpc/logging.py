"""Structured logs: one JSON object per line, or readable lines on a terminal.

Never log message text, QR codes or keys. Phone numbers and JIDs are shortened by a processor, so a
forgotten call site cannot leak one under a usual key.
"""

import contextlib
import json
import logging
import re
import sys
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from botmesh.rpc.proxy_url import hide_passwords

LogFormat = Literal["auto", "json", "console"]

_NUMBER_KEYS = frozenset(
    {"jid", "lid", "number", "phone", "phone_number", "account", "to", "chat"}
    # Words of the library's, of WhatsApp's or of an exception's, which may name a recipient.
    | {"error", "why", "detail", "how", "text"}
)
# Where the address of a proxy, with its password, may stand.
_ADDRESS_KEYS = frozenset({"error", "why", "detail", "how", "text", "exception", "event"})
_LONG_DIGITS = re.compile(r"(\+?\d{3})\d{2,}(\d{3})(?!\d)")


class _Patient:
    """A log file whose disk may be full: a line that cannot be written is no error of its writer.

    Some of what could not be written is kept by the stream, and comes out when there is room again.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(level: str = "info", fmt: LogFormat = "auto", **bound: str) -> None:
    """Send this process's log, the standard library's included, to stderr.

    Args:
        level: the lowest level that is written.
        fmt: ``json``, ``console``, or ``auto``: readable on a terminal, else JSON.
        bound: keys that every line of this process carries, e.g. ``process="gateway"``.
    """
    as_json = fmt == "json" or (fmt == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _bind(bound),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else _keep,
        _shorten_numbers,
        _hide_passwords,
    ]
    renderer: Processor = (
        _as_json
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Without the values of variables, which may be anything: texts, passwords.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    _route_standard_library(shared, renderer, number)


def shorten_number(text: str) -> str:
    """A phone number or JID with its middle digits hidden: ``+5215512345678`` -> ``+521…678``."""
    return _LONG_DIGITS.sub(r"\1…\2", text)


def _route_standard_library(shared: list[Processor], renderer: Processor, level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries are chatty below warning; what they do is ours to report.
    root.setLevel(max(level, logging.WARNING))


# One for all lines: making it takes longer than using it.
_JSON = json.JSONEncoder(ensure_ascii=False, default=repr)


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return _JSON.encode(event)


def _bind(bound: dict[str, str]) -> Processor:
    def processor(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        for key, value in bound.items():
            event.setdefault(key, value)
        return event

    return processor


def _keep(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return event


def _shorten_numbers(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key in _NUMBER_KEYS & event.keys():
        if event[key] is not None:
            event[key] = shorten_number(str(event[key]))
    return event


def _hide_passwords(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key in _ADDRESS_KEYS & event.keys():
        if isinstance(value := event[key], str):
            event[key] = hide_passwords(value)
    return event
