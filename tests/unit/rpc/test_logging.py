import errno
import json
import logging as standard_logging
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from botmesh.rpc import logging


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What is logged."""
    before = structlog.get_config()
    root = standard_logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logging.configure(fmt="json")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


@pytest.mark.parametrize(
    "key", ["number", "to", "account", "chat", "error", "why", "detail", "how", "text"]
)
def test_numbers_are_shortened_under_every_key_that_may_hold_one(
    written: StringIO, key: str
) -> None:
    words = "no LID found for 5215512345678@s.whatsapp.net from server"
    structlog.get_logger("fresh").warning("send_failed", **{key: words}, message_id="123456789")
    line = json.loads(written.getvalue())
    assert line[key] == "no LID found for 521…678@s.whatsapp.net from server"
    assert line["message_id"] == "123456789"


class Full(StringIO):
    """A log file on a full disk."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_no_error_of_who_logs(
    written: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Full())
    logging.configure(fmt="json")
    structlog.get_logger("full").error("store_write_failed")
    standard_logging.getLogger("library").error("nor of a library")
    assert not written.getvalue()


def test_an_exception_is_an_error_too(written: StringIO) -> None:
    structlog.get_logger("fresh").warning("send_failed", error=ValueError("+5215512345678"))
    assert json.loads(written.getvalue())["error"] == "+521…678"


def _fail(words: str, times: int = 1) -> None:
    raise ValueError(f"{words}, {times} times")


def test_a_proxys_password_is_hidden(written: StringIO) -> None:
    log = structlog.get_logger("fresh")
    url = "http://ana:s3cr3t@proxy:1"
    log.warning("failed", error=f'parse "{url}"', text=url)
    try:
        _fail(url)
    except ValueError:
        log.exception("failed")
        standard_logging.getLogger("library").exception("of %s", url)
    assert "s3cr3t" not in written.getvalue()
    assert written.getvalue().count("ana@proxy:1") == 5


def test_no_values_of_variables_are_shown_on_a_terminal(
    written: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", written)
    logging.configure(fmt="console")
    try:
        _fail("words", times=123454321)
    except ValueError:
        structlog.get_logger("terminal").exception("failed")
    assert "ValueError: words" in written.getvalue()
    assert written.getvalue().count("123454321") == 2  # the line of the call, and the error
