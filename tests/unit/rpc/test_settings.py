"""Settings from the environment."""

import dataclasses
from pathlib import Path

import pytest

from botmesh.rpc.settings import (
    MeshSettings,
    Read,
    VariableError,
    flag,
    number,
    one_of,
    variable,
    variables_of,
    whole,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bakery(MeshSettings):
    """A process's settings."""

    oven: str = variable("Which oven.", name="OVEN")
    loaves: int = variable("How many.", 3, read=whole(1, 9))
    heat: float = variable("How hot.", 0.5, read=number(0, 1))
    open_now: bool = variable("Whether it is open.", False, read=flag)
    key: str = variable("The key.", "", secret=True)


def test_an_environment_is_read() -> None:
    bakery = Bakery.read(
        {"OVEN": "left", "BOTMESH_LOAVES": "4", "BOTMESH_HEAT": "1", "BOTMESH_OPEN_NOW": "Yes"}
    )
    assert (bakery.oven, bakery.loaves, bakery.heat, bakery.open_now) == ("left", 4, 1.0, True)
    assert bakery.given == {"oven", "loaves", "heat", "open_now"}


def test_what_was_given_otherwise_wins_and_is_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVEN", "left")
    monkeypatch.setenv("BOTMESH_LOAVES", "4")
    bakery = Bakery.load(loaves=5, open_now=True, data_dir=Path("here"))
    assert (bakery.loaves, bakery.open_now, bakery.data_dir) == (5, True, Path("here"))
    with pytest.raises(SystemExit):
        Bakery.load(loaves=10)
    assert (
        capsys.readouterr().err == "botmesh: BOTMESH_LOAVES: must be a whole number from 1 to 9\n"
    )


def test_defaults_hold_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    for data_dir in ({}, {"BOTMESH_DATA_DIR": ""}):
        bakery = Bakery.read({"OVEN": "left", "BOTMESH_MESH": "norte", **data_dir})
        assert bakery.data_dir == Path("/data/botmesh/norte")
        assert (bakery.loaves, bakery.heat, bakery.open_now) == (3, 0.5, False)


def test_every_mistake_is_named_and_no_value_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OVEN", raising=False)
    monkeypatch.setenv("BOTMESH_LOAVES", "12")
    monkeypatch.setenv("BOTMESH_LOG_LEVEL", "loud")
    with pytest.raises(SystemExit) as ended:
        Bakery.load()
    assert ended.value.code == 78
    assert capsys.readouterr().err.splitlines() == [
        "botmesh: BOTMESH_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'",
        "botmesh: OVEN: must be set",
        "botmesh: BOTMESH_LOAVES: must be a whole number from 1 to 9",
    ]


@pytest.mark.parametrize(
    ("read", "text", "problem"),
    [
        (whole(), "-1", "must be a whole number of 0 or more"),
        (whole(), "", "must be a whole number"),
        (whole(), "1.5", "must be a whole number"),
        (number(0, 60), "nan", "must be a number from 0 to 60"),
        (number(0, 60), "inf", "must be a number from 0 to 60"),
        (number(0, 60), "soon", "must be a number"),
        (flag, "perhaps", "must be true or false"),
        (flag, "", "must be true or false"),
        (one_of("a", "b"), "c", "must be 'a' or 'b'"),
        (variables_of(MeshSettings)["mesh"].read, "My Mesh", "must be 1 to 63 of"),
    ],
)
def test_what_cannot_be_read(read: Read, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(text)


def test_a_secret_is_not_shown() -> None:
    bakery = Bakery.read({"OVEN": "left", "BOTMESH_KEY": "sesame"})
    assert bakery.key == "sesame"
    assert "sesame" not in repr(bakery)


def test_several_mistakes_are_one_error() -> None:
    with pytest.raises(VariableError, match="OVEN: must be set\nBOTMESH_HEAT: must be a number"):
        Bakery.read({"BOTMESH_HEAT": "hot"})
