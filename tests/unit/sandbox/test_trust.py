"""Whose root key a botnode may replace, and what happens where it cannot."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from botnode import trust

ALLOWED = {"mesh_is_sandbox": True, "proxy": "http://127.0.0.1:4000", "folder_is_sandbox": True}


def check(**changes: object) -> None:
    trust.check_sandbox(**(ALLOWED | changes))


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:4000", "http://localhost:4000", "http://[::1]:4000"]
)
def test_a_sandbox_in_every_respect_is_trusted(proxy: str) -> None:
    check(proxy=proxy)
    check(tenant_proxy=proxy)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"mesh_is_sandbox": False}, "mesh"),
        ({"folder_is_sandbox": False}, "folder"),
        ({"proxy": None}, "not set"),
        ({"proxy": ""}, "not set"),
        ({"proxy": "http://proxy.example.com:3128"}, "loopback"),
        ({"proxy": "http://10.0.0.1:3128"}, "loopback"),
        ({"proxy": "http://localhost.example.com:1"}, "loopback"),
        ({"proxy": "http://127.0.0.1@example.com:1"}, "loopback"),
        ({"proxy": "127.0.0.1:4000"}, "loopback"),
        ({"proxy": "http://[half"}, "loopback"),
        ({"tenant_proxy": "http://10.0.0.1:3128"}, "BOTMESH_PROXY_URL .* loopback"),
    ],
)
def test_anything_less_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(trust.TrustRefusedError, match=why):
        check(**changes)


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(trust.TrustError, match="32 bytes"):
        trust.replace_root_key(b"short", Path("any.so"))


def test_a_library_that_is_not_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(trust.TrustError, match=r"other\.so is not loaded"):
        trust.replace_root_key(bytes(32), tmp_path / "other.so")


def build(folder: Path, source: str) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler to make a library with")
    code, library = folder / "lib.c", folder / "lib.so"
    code.write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(code)], check=True)
    return library


def literal() -> str:
    return ",".join(map(str, trust.PINNED_KEY))


def test_the_key_is_replaced_where_it_occurs_once(tmp_path: Path) -> None:
    library = build(tmp_path, f"unsigned char key[32] = {{{literal()}}};")
    loaded = ctypes.CDLL(str(library))
    key = (ctypes.c_ubyte * 32).in_dll(loaded, "key")
    assert bytes(key) == trust.PINNED_KEY
    trust.replace_root_key(bytes(range(32)), library)
    assert bytes(key) == bytes(range(32))
    with pytest.raises(trust.TrustError, match="occurs 0 times"):
        trust.replace_root_key(bytes(32), library)


def test_two_occurrences_are_one_too_many(tmp_path: Path) -> None:
    library = build(tmp_path, f"unsigned char one[32]={{{literal()}}}, two[32]={{{literal()}}};")
    ctypes.CDLL(str(library))
    with pytest.raises(trust.TrustError, match="occurs 2 times"):
        trust.replace_root_key(bytes(32), library)


def test_importing_the_sandboxs_protobufs_does_not_load_go() -> None:
    code = (
        "from sandbox import protobufs; import sys;"
        "assert 'neonize' not in sys.modules;"
        "assert 'neonize' not in ''.join(l for l in open('/proc/self/maps') if '.so' in l);"
        "protobufs.e2e.Message(conversation='x').SerializeToString()"
    )
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
