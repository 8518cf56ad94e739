import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from botmesh.rpc.datadir import DataDir, DataDirError


def test_a_new_folder_is_private_and_marked(tmp_path: Path) -> None:
    made = DataDir.open(tmp_path / "data", "blue")
    again = DataDir.open(tmp_path / "data", "blue")
    assert again == made
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    for name in ("mesh.json", "mesh.secret"):
        assert stat.S_IMODE((made.path / name).stat().st_mode) == 0o600
    assert made.secret not in repr(made)


def test_another_mesh_is_refused(tmp_path: Path) -> None:
    DataDir.open(tmp_path, "blue")
    with pytest.raises(DataDirError, match="belongs to mesh 'blue', not 'green'"):
        DataDir.open(tmp_path, "green")


@pytest.mark.parametrize("made_as", [True, False])
def test_a_sandbox_folder_is_never_a_real_one(tmp_path: Path, made_as: bool) -> None:
    DataDir.open(tmp_path, "blue", sandbox=made_as)
    with pytest.raises(DataDirError, match="was made for"):
        DataDir.open(tmp_path, "blue", sandbox=not made_as)
    assert DataDir.open(tmp_path, "blue").is_sandbox is made_as


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%b"])
def test_characters_that_break_a_database_uri_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataDirError, match="BOTMESH_DATA_DIR"):
        DataDir.open(tmp_path / name, "blue")


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    DataDir.open(tmp_path, "blue")
    (tmp_path / "mesh.secret").chmod(0o644)
    with pytest.raises(DataDirError, match="chmod 600"):
        DataDir.open(tmp_path, "blue")


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirError, match="cannot be used"):
        DataDir.open(tmp_path / "file", "blue")


def test_a_damaged_mark_is_refused(tmp_path: Path) -> None:
    DataDir.open(tmp_path, "blue")
    (tmp_path / "mesh.json").write_text("{")
    with pytest.raises(DataDirError, match="is damaged"):
        DataDir.open(tmp_path, "blue")


def test_a_path_outside_the_tenants_folder_is_impossible(tmp_path: Path) -> None:
    opened = DataDir.open(tmp_path, "blue")
    with pytest.raises(ValueError, match="not a tenant id"):
        opened.tenant("../etc")


OPEN = """
import sys
from pathlib import Path
from botmesh.rpc.datadir import DataDir
opened = DataDir.open(Path(sys.argv[1]), "blue")
print(opened.host_id, opened.secret)
"""


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN, os.fspath(tmp_path / "data")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    found = {process.communicate(timeout=30)[0] for process in started}
    assert len(found) == 1
    assert len(found.pop().split()) == 2
