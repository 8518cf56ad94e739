"""The host's small parts."""

import asyncio
import dataclasses
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from botmesh.rpc.datadir import DataDir
from botnode.go_environment import GO_ENVIRONMENT
from botnode.host import childlog
from botnode.host.backoff import Backoff
from botnode.host.environment import common_environment, tenant_environment
from botnode.host.exits import Verdict, in_words, judge
from botnode.host.gate import StartGate
from botnode.host.health import Doubts, wait_until_hung
from botnode.host.runfile import RunFiles, mark_of, start_ticks
from botnode.host.status import (
    MAX_LINE_BYTES,
    LineBuffer,
    Ready,
    SessionChanged,
    StatusError,
    Stopping,
    parse,
)
from botnode.host.tenant_folder import remove_folder, remove_remains
from registry.pacing import Pacing
from registry.tenant import DesiredState, ObservedState, Tenant

TENANT = Tenant(
    tenant_id="a",
    name="A",
    bot_port=3001,
    desired_state=DesiredState.RUNNING,
    desired_generation=1,
    observed_state=ObservedState.RUNNING,
    observed_generation=1,
    delete_data=False,
    account=None,
    session_state=None,
    address=None,
    instance=None,
    epoch=0,
    pid=None,
    restarts=0,
    last_exit=None,
    home="host",
    updated_seq=1,
    create_time=datetime(2026, 1, 1, tzinfo=UTC),
    update_time=datetime(2026, 1, 1, tzinfo=UTC),
)


class TestBackoff:
    def test_full_jitter_up_to_the_limit(self) -> None:
        backoff = Backoff(limit_s=30.0)
        bounds = []
        for _ in range(9):
            backoff = backoff.failed()
            assert backoff.delay_s(lambda: 0.0) == 0.0
            bounds.append(backoff.delay_s(lambda: 1.0))
        assert bounds == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        assert backoff.reset().delay_s(lambda: 1.0) == 0.0

    def test_any_number_of_failures(self) -> None:
        assert Backoff(100_000, 30.0).delay_s(lambda: 1.0) == 30.0


@pytest.mark.parametrize(
    ("returncode", "asked", "was_ready", "verdict"),
    [
        (0, True, True, Verdict.ASKED),
        (-9, True, True, Verdict.ASKED),
        (75, False, True, Verdict.RENEW),
        (75, False, False, Verdict.FAILED),
        (78, False, True, Verdict.CONFIG),
        (78, False, False, Verdict.CONFIG),
        (0, False, True, Verdict.FAILED),
        (1, False, False, Verdict.FAILED),
        (-6, False, True, Verdict.FAILED),
    ],
)
def test_judge(returncode: int, asked: bool, was_ready: bool, verdict: Verdict) -> None:
    assert judge(returncode, asked=asked, was_ready=was_ready) is verdict


def test_ends_in_words() -> None:
    assert [in_words(code) for code in (0, 78, -11, -99)] == [
        "exit 0",
        "exit 78",
        "signal 11 (SIGSEGV)",
        "signal 99",
    ]


class TestStatus:
    def test_lines(self) -> None:
        ready = b'{"event":"ready","address":"127.0.0.1:3001","instance":"a1b2","epoch":3,"pid":1}'
        assert parse(ready) == Ready("127.0.0.1:3001", "a1b2", 3)
        session = b'{"event":"session","state":"CONNECTED","phone_number":"+52","reason":""}'
        assert parse(session) == SessionChanged("CONNECTED", "+52")
        for number in (b"null", b'""'):
            line = b'{"event":"session","state":"UNPAIRED","phone_number":' + number + b"}"
            assert parse(line) == SessionChanged("UNPAIRED", None)
        assert parse(b'{"event":"stopping"}') == Stopping()
        assert parse(b'{"event":"of a later version","x":1}') is None

    @pytest.mark.parametrize(
        "line",
        [b"", b"x", b"\xff", b"[]", b"1", b"{}", b'{"event":"ready"}', b'{"event":"session"}',
         b'{"event":"ready","address":1,"instance":"a","epoch":1}',
         b'{"event":"ready","address":"a:1","instance":"","epoch":1}',
         b'{"event":"session","state":"' + b"X" * 33 + b'"}',
         b'{"event":"session","state":"UN\\u0000PAIRED"}',
         b'{"event":"ready","address":"a:1","instance":"a","epoch":null}'],
    )  # fmt: skip  # the short ones share a line
    def test_anything_else_is_an_error(self, line: bytes) -> None:
        with pytest.raises(StatusError):
            parse(line)

    def test_lines_are_cut_wherever_the_pipe_cuts(self) -> None:
        text = b"one\n\ntwo\nthree\nrest"
        for size in range(1, len(text)):
            buffer, found = LineBuffer(), []
            for start in range(0, len(text), size):
                found += buffer.feed(text[start : start + size])
            assert found == [b"one", b"two", b"three"]

    def test_an_endless_line_is_not_kept(self) -> None:
        buffer = LineBuffer()
        for _ in range(100):
            assert buffer.feed(b"x" * 4096) == []
        assert len(buffer._rest) <= MAX_LINE_BYTES


class TestGate:
    async def test_bounded_and_in_order(self) -> None:
        gate = StartGate(2, slot_limit_s=60, jitter_s=0)
        granted: list[int] = []
        slots = [gate.join(lambda n=n: granted.append(n)) for n in range(5)]
        assert granted == [0, 1]
        slots[3].leave()  # does not want it any more
        slots[0].leave()
        slots[0].leave()
        slots[1].leave()
        await asyncio.sleep(0.01)
        assert granted == [0, 1, 2, 4]
        slots[2].leave()
        slots[4].leave()
        again = [gate.join(lambda: granted.append(9)) for _ in range(3)]
        assert granted == [0, 1, 2, 4, 9, 9]
        for slot in again:
            slot.leave()

    async def test_a_slot_is_not_kept_for_ever(self) -> None:
        gate = StartGate(1, slot_limit_s=0.01, jitter_s=0)
        second = asyncio.Event()
        gate.join(lambda: None)
        slot = gate.join(second.set)
        async with asyncio.timeout(2):
            await second.wait()
        slot.leave()

    async def test_one_that_left_while_its_turn_came_passes_it_on(self) -> None:
        gate = StartGate(1, slot_limit_s=60, jitter_s=0)
        first, second = gate.join(lambda: None), gate.join(lambda: pytest.fail("it had left"))
        third = asyncio.Event()
        slot = gate.join(third.set)
        first.leave()
        second.leave()
        async with asyncio.timeout(2):
            await third.wait()
        slot.leave()


class FakeProbe:
    def __init__(self, answers: list[bool]) -> None:
        self._answers = answers
        self.closed = False

    async def answers(self, timeout_s: float) -> bool:
        return self._answers.pop(0)

    async def close(self) -> None:
        self.closed = True


async def test_only_silence_twice_in_a_row_is_hung() -> None:
    answers = [True, False, True, False, False, True]
    probe = FakeProbe(answers)
    async with asyncio.timeout(2):
        await wait_until_hung(lambda: probe, lambda: 0.0, Doubts(0.001, 60), timeout_s=0.001)
    assert (answers, probe.closed) == ([True], True)


async def test_who_shows_signs_of_life_is_not_asked() -> None:
    """Only now and then: its event loop may turn while its server is stuck."""
    loop = asyncio.get_running_loop()
    probe = FakeProbe([True, False, False])
    begun_at = loop.time()
    async with asyncio.timeout(2):
        await wait_until_hung(lambda: probe, loop.time, Doubts(0.001, 0.05), timeout_s=0.001)
    assert loop.time() - begun_at >= 0.1  # it was asked twice when its time had come
    assert probe.closed


async def test_nobody_is_connected_to_before_there_is_a_doubt() -> None:
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(
        wait_until_hung(lambda: pytest.fail("asked"), loop.time, Doubts(0.001, 60), 0.001)
    )
    await asyncio.wait({waiting}, timeout=0.02)
    assert not waiting.done()
    waiting.cancel()


class TestChildLog:
    def test_private_and_appended(self, tmp_path: Path) -> None:
        path = tmp_path / "a.log"
        for text in (b"one\n", b"two\n"):
            fd = childlog.open_log(path)
            os.write(fd, text)
            os.close(fd)
        assert path.read_bytes() == b"one\ntwo\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "a.log").symlink_to(tmp_path / "target")
        with pytest.raises(OSError, match=r"a\.log"):
            childlog.open_log(tmp_path / "a.log")

    def test_put_aside_at_the_start(self, tmp_path: Path) -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"x" * 101)
        os.close(childlog.open_log(path, max_bytes=100))
        assert path.read_bytes() == b""
        assert (tmp_path / "a.log.1").read_bytes() == b"x" * 101

    def test_trimmed_under_its_writer(self, tmp_path: Path) -> None:
        path = tmp_path / "a.log"
        fd = childlog.open_log(path)
        os.write(fd, b"x" * 100)
        assert not childlog.trim(path, max_bytes=100)
        os.write(fd, b"y")
        assert childlog.trim(path, max_bytes=100)
        os.write(fd, b"after")
        os.close(fd)
        assert path.read_bytes() == b"after"
        aside = tmp_path / "a.log.1"
        assert aside.read_bytes() == b"x" * 100 + b"y"
        assert stat.S_IMODE(aside.stat().st_mode) == 0o600
        childlog.remove_log(path)
        childlog.remove_log(path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (
                '{"event":"a","error":"old"}\n{"event":"start_failed","error":"no port"}\n',
                "no port",
            ),
            ('{"event":"start_failed","error":"two\\nlines"}\n', "two"),
            ('{"event":"a","error":"the reason"}\n{"event":"stopped"}\n', "the reason"),
            ("Traceback\nBoom\n", ""),
            ('["error"]\n', ""),
            ("", ""),
        ],
    )
    def test_last_words(self, tmp_path: Path, text: str, words: str) -> None:
        path = tmp_path / "a.log"
        path.write_text(text)
        assert childlog.last_words(path) == words

    def test_words_of_an_earlier_process_are_not_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "a.log"
        path.write_text('{"event":"start_failed","error":"old"}\n')
        since = childlog.size(path)
        assert childlog.last_words(path, since) == ""
        with path.open("a") as log:
            log.write('{"event":"start_failed","error":"new"}\n')
        assert childlog.last_words(path, since) == "new"
        # It was trimmed meanwhile.
        assert childlog.last_words(path, since=10_000) == "new"

    def test_no_log_no_words(self, tmp_path: Path) -> None:
        assert childlog.last_words(tmp_path / "none.log") == ""


class TestRunFiles:
    def test_written_and_read(self, tmp_path: Path) -> None:
        files = RunFiles(tmp_path)
        mark = mark_of(os.getpid(), "abcd")
        assert mark is not None
        assert mark.is_running()
        files.write("a", mark)
        assert files.read() == {"a": mark}
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
        files.remove("a")
        files.remove("a")
        assert files.read() == {}

    def test_a_name_with_brackets_does_not_confuse_it(self, tmp_path: Path) -> None:
        program = tmp_path / "a) S 1 (b"
        program.symlink_to(sys.executable)
        read_end, write_end = os.pipe()
        pid = os.posix_spawn(
            program,
            [str(program), "-c", "input()"],
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, read_end, 0)],
        )
        try:
            before, after = start_ticks(os.getpid()), start_ticks(pid)
            assert before is not None
            assert after is not None
            assert before <= after <= before + 100 * 3600 * os.sysconf("SC_CLK_TCK")
        finally:
            os.close(write_end)
            os.close(read_end)
            os.waitpid(pid, 0)
        assert start_ticks(pid) is None
        assert mark_of(pid) is None


class TestTenantFolder:
    @pytest.fixture
    def data_dir(self, tmp_path: Path) -> DataDir:
        data_dir = DataDir.open(tmp_path / "data", "m")
        data_dir.tenants.mkdir()
        return data_dir

    def test_links_are_removed_not_followed(self, data_dir: DataDir, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("x")
        (data_dir.tenants / "a").symlink_to(tmp_path)
        remove_folder(data_dir, "a")
        assert list(data_dir.tenants.iterdir()) == []
        assert (tmp_path / "precious").exists()

    def test_nothing_there(self, data_dir: DataDir) -> None:
        remove_folder(data_dir, "a")

    @pytest.mark.parametrize("name", ["..", "a/b", "", ".removed-a", "/etc"])
    def test_only_a_tenants_folder(self, data_dir: DataDir, name: str) -> None:
        with pytest.raises(ValueError, match="not a tenant id"):
            remove_folder(data_dir, name)

    def test_an_interrupted_removal_leaves_no_tenants_folder(
        self, data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (data_dir.tenants / "a" / "auth_info").mkdir(parents=True)
        (data_dir.tenants / "b").mkdir()

        def interrupted(_: Path) -> None:
            raise OSError("the power is gone")

        with monkeypatch.context() as patch:
            patch.setattr("shutil.rmtree", interrupted)
            with pytest.raises(OSError, match="power"):
                remove_folder(data_dir, "a")
        assert not (data_dir.tenants / "a").exists()
        assert len(list(data_dir.tenants.iterdir())) == 2
        remove_remains(data_dir)
        assert [path.name for path in data_dir.tenants.iterdir()] == ["b"]


@pytest.mark.parametrize("sandbox", [False, True])
def test_only_a_sandbox_passes_on_the_key_of_a_stand_in(tmp_path: Path, sandbox: bool) -> None:
    data_dir = DataDir.open(tmp_path / "data", "m", sandbox=sandbox)
    own = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "x",
        "https_proxy": "http://lower:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "SSL_CERT_FILE": "/ca",
        "BOTMESH_SANDBOX_ROOT_KEY": "00",
        "BOTMESH_DATABASE_URL": "postgresql://user:password@db/x",
        "BOTMESH_LOG_LEVEL": "debug",
    }
    given = common_environment(data_dir, own)
    always = {"PATH", "PYTHONUNBUFFERED", "BOTMESH_LOG_LEVEL", "BOTMESH_MESH", "BOTMESH_DATA_DIR"}
    always |= {"HTTPS_PROXY", "SSL_CERT_FILE", *GO_ENVIRONMENT}
    in_sandbox = {"BOTMESH_SANDBOX_ROOT_KEY"}
    assert set(given) == always | (in_sandbox if sandbox else set())


def test_a_tenants_pace_goes_before_the_meshs(tmp_path: Path) -> None:
    data_dir = DataDir.open(tmp_path / "data", "m")
    mesh = {
        "BOTMESH_PACING_MESSAGES_PER_MINUTE": "7",
        "BOTMESH_PACING_NEW_CHATS_PER_DAY": "8",
        "BOTMESH_PACING_LEAST_PAUSE_S": "9",
        "BOTMESH_PACING_MOST_PAUSE_S": "9",
        "BOTMESH_PACING_RATE_LIMIT_PAUSE_S": "10",
    }
    pacing = Pacing(messages_per_minute=0, least_pause_ms=0, most_pause_ms=250)
    tenant = dataclasses.replace(TENANT, pacing=pacing)
    given = common_environment(data_dir, mesh) | tenant_environment(tenant, None)
    settings = {name: value for name, value in given.items() if "PACING" in name}
    assert settings == {
        "BOTMESH_PACING_MESSAGES_PER_MINUTE": "0",
        "BOTMESH_PACING_NEW_CHATS_PER_DAY": "8",
        "BOTMESH_PACING_LEAST_PAUSE_S": "0.0",
        "BOTMESH_PACING_MOST_PAUSE_S": "0.25",
        "BOTMESH_PACING_RATE_LIMIT_PAUSE_S": "10",
    }


@pytest.mark.parametrize("sandbox", [False, True])
def test_a_tenants_proxy_takes_the_place_of_the_meshs(tmp_path: Path, *, sandbox: bool) -> None:
    data_dir = DataDir.open(tmp_path / "data", "m", sandbox=sandbox)
    common = common_environment(
        data_dir, {"HTTPS_PROXY": "http://127.0.0.1:1", "BOTMESH_PROXY_URL": "http://host:1"}
    )
    assert "BOTMESH_PROXY_URL" not in common | tenant_environment(TENANT, None, sandbox=sandbox)
    tenant = dataclasses.replace(TENANT, proxy_url="socks5://ana:secret@127.0.0.1:1080")
    given = common | tenant_environment(tenant, None, sandbox=sandbox)
    assert given["BOTMESH_PROXY_URL"] == tenant.proxy_url
    # In a sandbox nothing has another way out.
    assert given["HTTPS_PROXY"] == ("http://127.0.0.1:1" if sandbox else "")
