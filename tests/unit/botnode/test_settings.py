"""What a botnode is told by its environment."""

import pytest

from botmesh.rpc import environment
from botmesh.rpc.settings import variables_of
from botnode.media_fetcher import FetchLimit
from botnode.settings import BotnodeSettings


def test_a_host_passes_on_what_is_set_for_media() -> None:
    variables = variables_of(BotnodeSettings)
    names = {found.name for field, found in variables.items() if field.startswith("media_")}
    assert names
    assert names <= set(environment.BOTNODE)


@pytest.mark.parametrize(
    ("limit_mb", "limit"),
    [
        (None, FetchLimit(100 * 1024**2, 100 * 1024**2)),
        ("3", FetchLimit(3 * 1024**2, 3 * 1024**2)),
        ("0", FetchLimit(0, 100 * 1024**2)),
    ],
)
def test_what_is_fetched(
    monkeypatch: pytest.MonkeyPatch, limit_mb: str | None, limit: FetchLimit
) -> None:
    monkeypatch.setenv("TENANT_ID", "shop")
    if limit_mb is not None:
        monkeypatch.setenv("BOTMESH_MEDIA_FETCH_LIMIT_MB", limit_mb)
    assert BotnodeSettings.read().fetch_limit == limit


@pytest.mark.parametrize(
    ("least_s", "most_s", "pauses_ms"),
    [
        (None, None, (500, 1500)),
        ("2", None, (2000, 2000)),
        (None, "0.2", (200, 200)),
        ("0", None, (0, 1500)),
        (None, "9", (500, 9000)),
        ("2", "3", (2000, 3000)),
    ],
)
def test_one_pause_alone_moves_the_other(
    monkeypatch: pytest.MonkeyPatch,
    least_s: str | None,
    most_s: str | None,
    pauses_ms: tuple[int, int],
) -> None:
    monkeypatch.setenv("TENANT_ID", "shop")
    for name, value in (("LEAST", least_s), ("MOST", most_s)):
        monkeypatch.delenv(f"BOTMESH_PACING_{name}_PAUSE_S", raising=False)
        if value is not None:
            monkeypatch.setenv(f"BOTMESH_PACING_{name}_PAUSE_S", value)
    pace = BotnodeSettings.read().pace
    assert (pace.least_pause_ms, pace.most_pause_ms) == pauses_ms


def test_pauses_that_are_both_set_are_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT_ID", "shop")
    monkeypatch.setenv("BOTMESH_PACING_LEAST_PAUSE_S", "2")
    monkeypatch.setenv("BOTMESH_PACING_MOST_PAUSE_S", "1")
    with pytest.raises(ValueError, match="BOTMESH_PACING_MOST_PAUSE_S is less than"):
        BotnodeSettings.read()
