"""What a botnode is told by its environment."""

import pytest

from botmesh.rpc import environment
from botnode.media_fetcher import FetchLimit
from botnode.settings import BotnodeSettings


def test_a_host_passes_on_what_is_set_for_media() -> None:
    fields = [name for name in BotnodeSettings.model_fields if name.startswith("media_")]
    assert fields
    assert {f"BOTMESH_{name.upper()}" for name in fields} <= set(environment.BOTNODE)


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
    assert BotnodeSettings().fetch_limit == limit
