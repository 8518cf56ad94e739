"""What backend services get: the wheel alone in an empty environment, and Node with the protos."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
# Installing from a package index takes its time on a slow line.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway's address; its registry is empty."""
    folder = tmp_path_factory.mktemp("mesh")
    env = {
        **os.environ,
        "BOTMESH_DATA_DIR": str(folder),
        "BOTMESH_GATEWAY_PORT": "0",
        "BOTMESH_LOG_FORMAT": "json",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    with process, process.stderr:
        for line in process.stderr:
            entry = json.loads(line)
            if entry["event"] == "gateway_listening":
                yield f"127.0.0.1:{entry['port']}"
                break
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_all_it_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "botmesh/v1/bot_pb2.py",
        "botmesh/v1/bot_pb2.pyi",
        "botmesh/py.typed",
        "protos/botmesh/v1/bot.proto",
        "migrations/env.py",
        "sandbox/__main__.py",
    } <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_a_caller_needs_nothing_but_the_wheel(wheel: Path, gateway: str, tmp_path: Path) -> None:
    _run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    _install([python, "-m", "pip", "install", "--quiet", str(wheel)])
    listed = json.loads(_run(python, "-m", "pip", "list", "--format", "json"))
    installed = {package["name"].lower() for package in listed} - {"pip", "setuptools"}
    assert installed == {
        "botmesh",
        "googleapis-common-protos",
        "grpcio",
        "protobuf",
        "typing_extensions",
    }
    printed = _run(python, str(HERE / "caller.py"), gateway, cwd=tmp_path).splitlines()
    assert printed[0].startswith("tienda-sur 3")
    assert printed[1] == "TENANT_NOT_FOUND NOT_FOUND False"
    command = subprocess.run(
        [tmp_path / "venv" / "bin" / "botmesh"], capture_output=True, text=True, check=False
    )
    assert command.returncode == 1
    assert "pip install 'botmesh[mesh]'" in command.stderr


def test_a_caller_in_node_needs_nothing_but_the_protos(gateway: str, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        assert "CI" not in os.environ, "npm must be there in CI"
        pytest.skip("npm is not installed")
    shutil.copy(HERE / "caller.js", tmp_path)
    packages = ["@grpc/grpc-js@1", "@grpc/proto-loader@0.8", "protobufjs@7"]
    _install([npm, "install", "--silent", "--no-fund", "--no-audit", *packages], cwd=tmp_path)
    printed = _run("node", "caller.js", gateway, str(ROOT / "protos"), cwd=tmp_path).splitlines()
    assert printed == [
        "tienda-oeste DESIRED_STATE_STOPPED",
        "botmesh TENANT_NOT_FOUND NOT_FOUND",
    ]


def _install(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        assert "CI" not in os.environ, done.stderr
        pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
