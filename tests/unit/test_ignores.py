"""What turns a checker off, or leaves out a test, has its reason beside it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "benchmarks",
    "botmesh",
    "botnode",
    "docs",
    "gateway",
    "migrations",
    "protos",
    "registry",
    "sandbox",
    "tests",
)
GENERATED = ("botmesh/v1/", "botmesh/sandbox/v1/")

# A comment that turns a checker off. What follows, up to the next one, is its reason.
MARK = re.compile(
    r"#\s*(?:(?:ruff|flake8):\s*)?noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?"
    r"|#\s*(?:type|pyright):\s*ignore(?:\[[^]]*\])?"
    r"|#\s*(?:fmt|isort|mypy|pylint|pragma|ruff):\s*[\w-]+(?:\[[^]]*\])?"
    r"|#\s*nosec\b",
    re.IGNORECASE,
)
REASON = re.compile(r"\s*[-#]\s*\w")
SKIPS = {"skip", "xfail", "skipif", "importorskip"}
RULE = re.compile(r'"(?!ALL")[A-Z]+\d*"')


def lacks_reason(comment: str) -> bool:
    return not all(REASON.match(reason) for reason in MARK.split(comment)[1:])


def bare_comments(text: str) -> Iterator[int]:
    """The lines with a comment that turns a checker off and does not say why."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and lacks_reason(token.string):
            yield token.start[0]


def bare_skips(text: str) -> Iterator[int]:
    """The lines that leave out a test, or expect it to fail, and do not say why."""
    nodes = list(ast.walk(ast.parse(text)))
    calls = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in SKIPS:
            of = ast.unparse(node.value)
            if of in {"pytest", "pytest.mark"} and not _says_why(
                node.attr, of, calls.get(id(node))
            ):
                yield node.lineno


def _says_why(name: str, of: str, call: ast.Call | None) -> bool:
    if call is None:
        return False
    given = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    if of == "pytest" and name != "importorskip":
        given += call.args[:1]
    return any(not isinstance(value, ast.Constant) or value.value for value in given)


def bare_settings(text: str) -> Iterator[int]:
    """The lines of pyproject.toml that turn rules off, all in one go or without a reason."""
    section = ""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("["):
            section = line.strip("[]")
        rules, _, why = line.partition("#")
        if section.startswith("tool.ruff.lint") and (found := RULE.findall(rules)):
            if len(found) > 1 or not why.strip():
                yield number
        elif line == "[[tool.mypy.overrides]]" and not lines[number].startswith("# "):
            yield number


def files() -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(GENERATED):
                yield name, path.read_text()


def test_every_exception_has_its_reason_beside_it() -> None:
    assert not [f"{name}:{line}" for name, text in files() for line in bare_comments(text)]


def test_every_skip_has_its_reason() -> None:
    assert not [f"{name}:{line}" for name, text in files() for line in bare_skips(text)]


def test_every_rule_that_is_off_has_its_reason_beside_it() -> None:
    assert not [*bare_settings((ROOT / "pyproject.toml").read_text())]


@pytest.mark.parametrize("reason", [" - because", "  # because"])
@pytest.mark.parametrize(
    "mark",
    [
        *("no" + "qa: S101", "no" + "qa: S101, SLF001", "ruff: no" + "qa: E402", "no" + "qa"),
        *("type: " + "ignore[misc]", "type: " + "ignore", "fmt: off", "pragma: no-cover"),
    ],
)
def test_a_comment_without_a_reason_is_found(mark: str, reason: str) -> None:
    assert not [*bare_comments(f"x = 1  # {mark}{reason}\n")]
    assert [*bare_comments(f"x = 1  # {mark}\n")] == [1]
    assert [*bare_comments(f"x = 1  # {mark} -\n")] == [1]
    assert [*bare_comments(f"x = 1  # {mark}  # no" + f"qa: S101{reason}\n")] == [1]
    assert not [*bare_comments(f"x = '# {mark}'\n")]


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("pytest.skip('no disk')", False),
        ("pytest.skip(why)", False),
        ("pytest.skip(reason='no disk')", False),
        ("pytest.skip('')", True),
        ("pytest.skip()", True),
        ("pytest.importorskip('psycopg')", True),
        ("pytest.importorskip('psycopg', reason='no server')", False),
        ("pytest.mark.xfail", True),
        ("pytest.mark.skipif(True)", True),
        ("pytest.mark.skipif(True, reason='no disk')", False),
    ],
)
def test_a_skip_without_a_reason_is_found(text: str, bare: bool) -> None:
    assert [*bare_skips(text)] == ([1] if bare else [])


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ('[tool.ruff.lint]\nignore = ["D1"]', [2]),
        ('[tool.ruff.lint]\nignore = ["D1"] # because', []),
        ('[tool.ruff.lint]\nignore = ["D1", "S"] # because', [2]),
        ('[tool.ruff.lint.per-file-ignores]\n"tests/**" = [\n"S",\n]', [3]),
        ('[tool.ruff.lint]\nselect = ["ALL"]', []),
        ('[[tool.mypy.overrides]]\nmodule = "x"', [1]),
        ('[[tool.mypy.overrides]]\n# because\nmodule = "x"', []),
    ],
)
def test_a_setting_without_a_reason_is_found(text: str, bare: list[int]) -> None:
    assert [*bare_settings(text)] == bare
