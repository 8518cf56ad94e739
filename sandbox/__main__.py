"""``python -m sandbox``: settings, logging, run."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import structlog
from pydantic import ValidationError
from pydantic_settings import CliApp

from sandbox.app import StartError, run
from sandbox.settings import SandboxSettings

_EXIT_FAILED: Final = 1
_EXIT_CONFIG: Final = 78


def main() -> int:
    """Run a sandbox; the exit status."""
    try:
        settings = CliApp.run(SandboxSettings)
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0])
            _say(f"--{name.replace('_', '-')} (BOTMESH_SANDBOX_{name.upper()}): {problem['msg']}")
        return _EXIT_CONFIG
    as_json = not sys.stdout.isatty() if settings.log_json is None else settings.log_json
    _configure_logging(as_json=as_json)
    os.umask(0o077)
    try:
        asyncio.run(run(settings))
    except StartError as error:
        _say(str(error))
        return _EXIT_FAILED
    return 0


def _configure_logging(*, as_json: bool) -> None:
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )


def _say(text: str) -> None:
    sys.stderr.write(f"sandbox: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
