"""Cases that wait for a minute, all at the same time."""

from concurrent.futures import Future

import pytest

pytestmark = pytest.mark.e2e


def test_a_half_open_line_is_found_and_mended(long_running: dict[str, "Future[object]"]) -> None:
    long_running["test_a_half_open_line_is_found_and_mended"].result(100)


def test_a_deaf_line_is_found_and_mended(long_running: dict[str, "Future[object]"]) -> None:
    long_running["test_a_deaf_line_is_found_and_mended"].result(100)


def test_the_next_code(long_running: dict[str, "Future[object]"]) -> None:
    long_running["test_the_next_code"].result(60)


def test_a_cut_send_is_found_out(long_running: dict[str, "Future[object]"]) -> None:
    long_running["test_a_cut_send_is_found_out"].result(60)
