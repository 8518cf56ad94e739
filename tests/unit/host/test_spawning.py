"""What a host and its forkserver agree on."""

import pytest

from botnode.forkserver import orders
from botnode.host.fork_spawner import can_be_forked


@pytest.mark.parametrize(
    ("common", "own", "can"),
    [
        ({}, {"TENANT_ID": "a", "BOTMESH_PROXY_URL": "http://192.0.2.1:1"}, True),
        ({"HTTPS_PROXY": "http://192.0.2.1:1"}, {"TENANT_ID": "a"}, True),
        ({"HTTPS_PROXY": "http://192.0.2.1:1"}, {"HTTPS_PROXY": ""}, False),
        ({"HTTPS_PROXY": "http://192.0.2.1:1"}, {"HTTPS_PROXY": "http://192.0.2.1:1"}, True),
        ({}, {"HTTPS_PROXY": ""}, True),
        ({"GOGC": "25"}, {"GOGC": "50"}, False),
        ({}, {"NEONIZE_BOT_TAG": "on"}, False),
        ({}, {"SSL_CERT_FILE": "/ca.pem"}, False),
    ],
)
def test_go_sees_only_what_a_process_was_started_with(
    common: dict[str, str], own: dict[str, str], *, can: bool
) -> None:
    assert can_be_forked(common, own) is can


def test_an_answer() -> None:
    answer = orders.Answer(7, 4711, "")
    assert orders.parse_answer(orders.pack_answer(answer)) == answer


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"number": "x", "pid": 1, "error": ""}'])
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(orders.OrderError):
        orders.parse_answer(data)
