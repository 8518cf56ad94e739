"""The registry's pure parts."""

from datetime import UTC, datetime

import pytest

from botmesh.errors import MeshError, Reason
from registry.discovery.embedded import routes_of
from registry.discovery.port import Route, newest
from registry.models import TenantRow
from registry.observation import Observation, Observed, apply, session_columns
from registry.ports import FIRST_PORT, LAST_PORT, WELL_KNOWN_PORTS, first_free_port
from registry.service import check_name, slug
from registry.tenant import DesiredState, ObservedState


def row(**columns: object) -> TenantRow:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    usual = {
        "tenant_id": "a",
        "name": "A",
        "bot_port": 3001,
        "desired_state": DesiredState.RUNNING,
        "desired_generation": 1,
        "delete_data": False,
        "observed_state": ObservedState.UNOBSERVED,
        "observed_generation": 0,
        "epoch": 0,
        "restarts": 0,
        "updated_seq": 1,
        "create_time": now,
        "update_time": now,
    }
    return TenantRow(**{**usual, **columns})


class TestPorts:
    def test_the_lowest_that_is_free(self) -> None:
        assert first_free_port([]) == 3001
        assert first_free_port([80, 3001, 3002, 3004]) == 3003

    def test_well_known_ones_are_skipped(self) -> None:
        assert first_free_port(range(3001, 3306)) == 3307
        assert {3306, 5432, 6379, 8500, 50051} <= WELL_KNOWN_PORTS

    def test_none_left(self) -> None:
        with pytest.raises(MeshError) as error:
            first_free_port(range(FIRST_PORT, LAST_PORT + 1))
        assert error.value.reason is Reason.PORT_TAKEN

    def test_ten_thousand_tenants_fit(self) -> None:
        assert LAST_PORT - FIRST_PORT - len(WELL_KNOWN_PORTS) > 10_000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Mundo Apple", "mundo-apple"),
        ("  Café -- Ñandú!! 2 ", "cafe-nandu-2"),
        ("x" * 62 + " y", "x" * 62),
        ("漢字", ""),
    ],
)
def test_slug(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_names() -> None:
    assert check_name("  Ñandú 🦙 ") == "Ñandú 🦙"
    for wrong in ("", "   ", "a\tb", "a\x7fb", "a\ud800b", "x" * 201):
        with pytest.raises(MeshError):
            check_name(wrong)


class TestApply:
    def test_unknown_columns_stay(self) -> None:
        tenant = row(pid=7, account="+52")
        assert apply(Observation("a", Observed(restarts=2)), tenant)
        assert (tenant.pid, tenant.account, tenant.restarts) == (7, "+52", 2)

    def test_a_new_process_begins_without_the_words_of_the_old_one(self) -> None:
        tenant = row(
            pid=7, address="127.0.0.1:3001", instance="old", session_state="CONNECTED", epoch=3
        )
        assert apply(Observation("a", Observed(pid=8)), tenant)
        assert (tenant.address, tenant.instance, tenant.session_state) == (None, None, None)
        assert tenant.epoch == 3
        told = Observed(address="127.0.0.1:3001", instance="new", session_state="CONNECTED")
        assert apply(Observation("a", told), tenant)
        assert not apply(Observation("a", Observed(pid=8)), tenant)
        assert tenant.session_state == "CONNECTED"

    def test_no_change_is_told(self) -> None:
        assert not apply(Observation("a", Observed(pid=None, restarts=0)), row())

    def test_a_late_word_of_an_old_process(self) -> None:
        tenant = row(instance="new", address="127.0.0.1:2", epoch=2)
        late = Observation("a", Observed(address=None, instance=None), only_instance="old")
        assert not apply(late, tenant)
        assert tenant.address == "127.0.0.1:2"

    def test_a_lower_epoch_does_not_replace_a_living_one(self) -> None:
        old = Observed(address="127.0.0.1:1", instance="old", epoch=1)
        living = row(instance="new", address="127.0.0.1:2", epoch=2)
        assert not apply(Observation("a", old), living)
        ended = row(epoch=2)
        assert apply(Observation("a", old), ended)
        assert (ended.address, ended.epoch) == ("127.0.0.1:1", 1)


@pytest.mark.parametrize(
    ("state", "number", "columns"),
    [
        ("CONNECTED", "+52", {"session_state": "CONNECTED", "account": "+52"}),
        # It may not know the number yet: what is recorded stays.
        ("STARTING", None, {"session_state": "STARTING"}),
        ("CONNECTING", None, {"session_state": "CONNECTING"}),
        ("LOGGED_OUT", None, {"session_state": "LOGGED_OUT", "account": None}),
        ("UNPAIRED", None, {"session_state": "UNPAIRED", "account": None}),
    ],
)
def test_session_columns(state: str, number: str | None, columns: dict[str, object]) -> None:
    assert session_columns(state, number) == columns


@pytest.mark.parametrize(
    ("columns", "routes"),
    [
        (
            {"home": "h", "address": "127.0.0.1:9", "instance": "i", "epoch": 4},
            (Route("a", "127.0.0.1:9", "i", 4),),
        ),
        ({"home": "h"}, ()),
        ({"home": "h", "observed_state": ObservedState.STARTING}, ()),
        ({"home": "h", "observed_state": ObservedState.BACKING_OFF}, ()),
        # The host that ran it stopped: something else may run it now.
        (
            {"home": "h", "observed_state": ObservedState.STOPPED},
            (Route("a", "127.0.0.1:3001", "", 0),),
        ),
        ({}, (Route("a", "127.0.0.1:3001", "", 0),)),
        ({"desired_state": DesiredState.STOPPED}, ()),
        ({"desired_state": DesiredState.DELETED}, ()),
    ],
)
def test_routes_of_a_row(columns: dict[str, object], routes: tuple[Route, ...]) -> None:
    assert routes_of(row(**columns).to_tenant()) == routes


def test_newest() -> None:
    low, high = Route("a", "x:1", "one", 1), Route("a", "x:2", "two", 2)
    assert newest([low, high]) is newest([high, low]) is high
    assert newest([]) is None
