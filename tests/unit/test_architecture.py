"""The house's rules about who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("botmesh", "gateway", "botnode", "registry", "sandbox", "migrations")

# A module (by prefix) -> what of the mesh it may import (by prefix). The longest prefix decides.
ALLOWED = {
    "botmesh": ("botmesh", "sandbox.addresses"),
    "botmesh.v1": ("botmesh.v1",),
    "botmesh.sandbox.v1": ("botmesh.sandbox.v1",),
    "botmesh.errors": (),
    "botmesh.rpc": ("botmesh.rpc", "botmesh.errors", "botmesh.v1"),
    "botmesh.cli": ("botmesh",),
    "botmesh.up": (
        "botmesh",
        "sandbox.addresses",
        "registry.discovery.consul",
        "registry.discovery.consul_settings",
    ),
    "registry": ("registry", "migrations", "botmesh.rpc", "botmesh.errors", "botmesh.v1"),
    "migrations": ("migrations", "registry.models"),
    "gateway": ("gateway", "registry", "botmesh.rpc", "botmesh.errors", "botmesh.v1", "botmesh"),
    "botnode": ("botnode", "registry", "botmesh.rpc", "botmesh.errors", "botmesh.v1", "botmesh"),
    # It has untrusted bytes in its hands, and starts for each: it loads nothing else of the mesh.
    "botnode.inspection": ("botnode.inspection",),
    "sandbox": ("sandbox", "botmesh.sandbox.v1"),
}
# These never import each other, whatever the prefixes above say.
APART = (
    ("gateway", "botnode"),
    ("gateway", "botmesh.cli"),
    ("gateway", "botmesh.up"),
    ("botnode", "botmesh.cli"),
    ("botnode", "botmesh.up"),
)
# A library -> the only places that may import it.
ONLY_IN = {
    "neonize": ("botnode.whatsapp", "botnode.neonize", "sandbox.protobufs"),
    "consul": ("registry.discovery",),
    "typer": ("botmesh.cli",),
    "rich": ("botmesh.cli", "botmesh.up", "botmesh.demo"),
    "sqlalchemy": ("registry", "migrations", "botnode", "sandbox.state"),
    "alembic": ("registry.database", "migrations"),
    "tenacity": ("gateway",),
    # A botnode decodes no media itself.
    "PIL": ("botnode.inspection",),
    "pypdfium2": ("botnode.inspection",),
    "tinytag": ("botnode.inspection",),
}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "misc"}


def _modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), path


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _rule(module: str) -> tuple[str, ...]:
    prefix = max((p for p in ALLOWED if _within(module, (p,))), key=len)
    return ALLOWED[prefix]


MODULES = list(_modules())


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_point_one_way(module: str, path: Path) -> None:
    for imported in _imports(path):
        if _within(imported, PACKAGES):
            assert _within(imported, _rule(module)) or imported in _parents(module), imported
        for one, other in APART:
            if _within(module, (one,)):
                assert not _within(imported, (other,)), imported
            if _within(module, (other,)):
                assert not _within(imported, (one,)), imported
        library = imported.partition(".")[0]
        if library in ONLY_IN and not _within(module, (library,)):
            assert module.startswith(ONLY_IN[library]), imported


def _parents(module: str) -> set[str]:
    """``from package import module`` names the package too."""
    allowed = _rule(module)
    return {name.rpartition(".")[0] for name in allowed if "." in name}


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    assert not [name for name, _ in MODULES if FORBIDDEN_NAMES & set(name.split("."))]


def test_the_rules_name_real_places() -> None:
    names = [name for name, _ in MODULES]
    for prefix in ALLOWED:
        assert any(_within(name, (prefix,)) for name in names), prefix
