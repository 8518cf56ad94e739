"""Names, status, pauses: what needs no agent."""

from datetime import UTC, datetime

import pytest

from registry.discovery import consul_names as names
from registry.discovery.consul_backoff import Backoff
from registry.discovery.consul_status import MAX_META_BYTES, SessionStatus, meta
from registry.discovery.port import Route

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 13, 30, 0, tzinfo=UTC)


def test_a_route_survives_the_way_through_consul() -> None:
    route = Route("shop", "[::1]:3001", "a1b2c3d4", 7)
    path = names.EntryNames("m", "shop", "a1b2c3d4").route_key
    assert names.decode_route("m", path, names.encode_route(route)) == route


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:3001", ("127.0.0.1", 3001)),
        ("[::1]:1", ("::1", 1)),
        ("host.example:65535", ("host.example", 65535)),
        ("127.0.0.1", None),
        (":3001", None),
        ("127.0.0.1:0", None),
        ("127.0.0.1:65536", None),
        ("127.0.0.1:-1", None),
        ("127.0.0.1:x", None),
        ("a b:1", None),
        ("user@host:1", None),
        ("", None),
    ],
)
def test_addresses(address: str, parts: tuple[str, int] | None) -> None:
    assert names.split_address(address) == parts


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b"5", b"[" * 100_000, b'{"address": null}'])
def test_bytes_that_are_no_route(value: bytes) -> None:
    with pytest.raises(names.GarbageError):
        names.decode_route("m", "botmesh/m/routes/shop/one", value)


@pytest.mark.parametrize("value", [b"", b"5", b"{}", b"\xff"])
def test_a_lease_that_somebody_else_wrote_has_an_unknown_holder(value: bytes) -> None:
    assert names.decode_holder(value) == names.Holder("", "")


def test_a_status_knows_since_when_and_keeps_the_number() -> None:
    start = SessionStatus("CONNECTING", None, "", NOON)
    online = start.after("CONNECTED", "+5215512345678", "", LATER)
    assert online.is_connected
    assert online.text == "CONNECTED since 2026-11-22 13:30:00 UTC, +5215512345678"
    lost = online.after("RECONNECTING", None, "the line\nwas  lost", NOON)
    assert lost.text == (
        "RECONNECTING since 2026-11-22 12:00:00 UTC, +5215512345678: the line was lost"
    )
    again = lost.after("RECONNECTING", None, "still", LATER)
    assert again.since == NOON
    out = again.after("LOGGED_OUT", None, "", LATER)
    assert out.number is None
    assert out.tags == ("LOGGED-OUT", "since-2026-11-22T13-30-00Z")
    assert online.tags == ("CONNECTED",)
    assert not out.is_connected


def test_a_full_disk_is_no_good_state_even_on_a_good_line() -> None:
    online = SessionStatus("CONNECTED", None, "", NOON)
    full = online.after("CONNECTED", None, "the disk is full", LATER)
    assert (online.is_well, full.is_well) == (True, False)
    assert full.text == "CONNECTED since 2026-11-22 12:00:00 UTC: the disk is full"
    assert full.is_connected


def test_meta_is_cut_between_characters() -> None:
    cut = meta({"name": "日" * 400, "empty": "", "short": "x"})
    assert cut.keys() == {"name", "short"}
    assert len(cut["name"].encode()) <= MAX_META_BYTES
    assert set(cut["name"]) == {"日"}


def test_the_backoff_grows_to_its_bound_and_starts_again() -> None:
    backoff = Backoff(first_s=0.2, most_s=3.0, rand=lambda: 1.0)
    assert [round(backoff.next_s(), 1) for _ in range(6)] == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0]
    backoff.reset()
    assert round(backoff.next_s(), 1) == 0.2
    low = Backoff(first_s=0.2, most_s=3.0, rand=lambda: 0.0)
    assert low.next_s() == 0.1
    for _ in range(5000):
        assert low.next_s() <= 1.5
