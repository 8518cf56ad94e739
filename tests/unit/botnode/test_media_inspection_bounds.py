"""Media that means harm, and programs that hang: the process that looks at it ends all the same."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import media_samples as samples
import psutil
import pytest

from botmesh.errors import MeshError, Reason
from botnode import media_inspection, media_inspection_death
from botnode.inspection import ffmpeg
from botnode.media_inspection import MediaInspector, MediaKind

FIELD = "content.video.media"
ENDLESS = "while :; do :; done"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tenant"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.write_bytes(samples.mp4())
    return path


@pytest.fixture(autouse=True)
def nothing_left(folder: Path) -> Iterator[None]:
    """No folder and no process stays behind."""
    yield
    assert list(folder.iterdir()) == []
    wait_until_none_works_in(folder)


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def told_to(path: Path) -> bytes:
    return path.read_bytes()


def at_work(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cwd"])
        if process.info["cwd"] == str(folder) and process.status() != psutil.STATUS_ZOMBIE
    ]


def wait_until_none_works_in(folder: Path) -> None:
    until = time.monotonic() + 10
    while left := at_work(folder):
        assert time.monotonic() < until, left
        time.sleep(0.02)


def wait_until_empty(folder: Path) -> None:
    until = time.monotonic() + 10
    while left := list(folder.iterdir()):
        assert time.monotonic() < until, left
        time.sleep(0.02)


async def until_works(folder: Path, count: int) -> list[psutil.Process]:
    async with asyncio.timeout(20):
        while len(found := at_work(folder)) < count:  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.02)
    return found


def stand_in(tmp_path: Path, script: str) -> str:
    """A folder with a program called ffmpeg in it."""
    place = tmp_path / "bin"
    place.mkdir()
    program = place / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(place)


# What starts ffmpeg has one thread, and no gRPC that would have to live through a fork.
_CONVERT = """
import os, sys, time
from pathlib import Path
from botnode.inspection import ffmpeg

program, given, made, limit_s, before = sys.argv[1:]
exec(before)
try:
    found = ffmpeg.Ffmpeg(program, time.monotonic() + float(limit_s))
    found.convert(Path(given), "video/mp4", (), Path(made), 1000)
except ffmpeg.FfmpegError as error:
    print(error, end="")
"""


def converted(place: str, given: Path, tmp_path: Path, before: str, *, limit_s: float) -> str:
    """What a conversion with a stand-in ends with, in a process where something is done before."""
    arguments = [f"{place}/ffmpeg", str(given), str(tmp_path / "made"), str(limit_s), before]
    command = [sys.executable, "-c", _CONVERT, *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


async def refusal(inspector: MediaInspector, given: Path, kind: MediaKind) -> MeshError:
    """Why media cannot be looked at."""
    with pytest.raises(MeshError) as caught:
        await inspector.inspect(given, kind, FIELD)
    return caught.value


def is_busy(error: MeshError) -> bool:
    told = (error.reason, error.retryable, error.retry_after is not None, error.violations)
    return told == (Reason.BOTNODE_UNAVAILABLE, True, True, ())


class TestFfmpeg:
    async def test_that_hangs_leaves_the_thumbnail_out(
        self, tmp_path: Path, folder: Path, given: Path
    ) -> None:
        inspector = MediaInspector(folder, limit_s=0.5, search_path=stand_in(tmp_path, ENDLESS))
        found = await inspector.inspect(given, MediaKind.VIDEO, FIELD)
        assert (found.width, found.thumbnail) == (320, b"")

    async def test_that_writes_without_end_is_ended(
        self, tmp_path: Path, folder: Path, given: Path
    ) -> None:
        place = stand_in(tmp_path, "exec /bin/cat /dev/zero")
        found = await MediaInspector(folder, search_path=place).inspect(
            given, MediaKind.VIDEO, FIELD
        )
        assert (found.width, found.thumbnail) == (320, b"")

    async def test_that_hangs_ends_a_conversion(
        self, tmp_path: Path, folder: Path, given: Path
    ) -> None:
        put(given, samples.mp4(codec=b"hvc1"))
        place = stand_in(tmp_path, "exec /bin/sleep 60")
        with pytest.raises(MeshError) as caught:
            await MediaInspector(folder, limit_s=0.3, search_path=place).inspect(
                given, MediaKind.VIDEO, FIELD
            )
        assert is_busy(caught.value)

    async def test_that_is_killed_is_no_fault_of_the_media(
        self, tmp_path: Path, folder: Path, given: Path
    ) -> None:
        put(given, samples.mp4(codec=b"hvc1"))
        place = stand_in(tmp_path, "kill -9 $$")
        error = await refusal(MediaInspector(folder, search_path=place), given, MediaKind.VIDEO)
        assert is_busy(error)

    def test_whose_parent_died_before_it_was_watched_does_not_begin(
        self, tmp_path: Path, given: Path
    ) -> None:
        begun = tmp_path / "begun"
        place = stand_in(tmp_path, f": > {begun}")
        said = converted(place, given, tmp_path, "os.getpid = lambda: 1", limit_s=5)
        assert said == f"it ended with status {ffmpeg.EX_ORPHAN}"
        assert not begun.exists()

    @pytest.mark.parametrize(
        ("script", "limit_s", "says"),
        [(ENDLESS, 0.3, "it took too long"), ("kill -9 $$", 20, "it was killed")],
    )
    def test_that_had_its_time_is_the_medias_fault(
        self, tmp_path: Path, given: Path, script: str, limit_s: float, says: str
    ) -> None:
        place = stand_in(tmp_path, script)
        worked = "ffmpeg._processor_s = lambda: 60.0"
        assert converted(place, given, tmp_path, worked, limit_s=limit_s) == says

    async def test_that_fills_the_disk_is_ended(
        self, tmp_path: Path, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(media_inspection.MOST_CONVERTED_BYTES, MediaKind.VIDEO, 100_000)
        put(given, samples.mp4(codec=b"hvc1"))
        script = 'for last; do :; done; exec /bin/cat /dev/zero > "${last#file:}"'
        inspector = MediaInspector(folder, search_path=stand_in(tmp_path, script))
        with pytest.raises(MeshError, match="100000 bytes") as caught:
            await inspector.inspect(given, MediaKind.VIDEO, FIELD)
        assert caught.value.reason == Reason.INVALID_REQUEST

    async def test_gets_nothing_of_the_environment(
        self, tmp_path: Path, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BOTMESH_TEST_SECRET", "hush")
        told = tmp_path / "told"
        place = stand_in(
            tmp_path, f"/bin/cat /proc/$PPID/environ /proc/self/environ >{told}; exit 1"
        )
        # A process that only reads may write no file; one that converts may.
        put(given, samples.mp4(codec=b"hvc1"))
        with pytest.raises(MeshError):
            await MediaInspector(folder, search_path=place).inspect(given, MediaKind.VIDEO, FIELD)
        assert b"hush" not in told_to(told)

    async def test_is_asked_for_no_network_and_no_playlist(
        self, tmp_path: Path, folder: Path, given: Path
    ) -> None:
        told = tmp_path / "told"
        place = stand_in(tmp_path, f'echo "$@" >{told}; exit 1')
        put(given, samples.mp4(codec=b"hvc1"))
        with pytest.raises(MeshError):
            await MediaInspector(folder, search_path=place).inspect(given, MediaKind.VIDEO, FIELD)
        argv = told_to(told).decode()
        for wanted in ("-nostdin", "-protocol_whitelist file,pipe", "-f mov", f"-i file:{given}"):
            assert wanted in argv


class TestThePrograms:
    async def test_that_is_cancelled_ends(self, tmp_path: Path, folder: Path, given: Path) -> None:
        inspector = MediaInspector(folder, search_path=stand_in(tmp_path, ENDLESS))
        looking = asyncio.create_task(inspector.inspect(given, MediaKind.VIDEO, FIELD))
        await until_works(folder, 2)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        wait_until_none_works_in(folder)
        wait_until_empty(folder)

    async def test_that_is_killed_is_no_fault_of_the_media(
        self, tmp_path: Path, folder: Path, given: Path
    ) -> None:
        inspector = MediaInspector(folder, search_path=stand_in(tmp_path, ENDLESS))
        looking = asyncio.create_task(inspector.inspect(given, MediaKind.VIDEO, FIELD))
        for process in await until_works(folder, 2):
            process.kill()
        with pytest.raises(MeshError, match="killed") as caught:
            await looking
        assert is_busy(caught.value)

    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            ("import os; os.kill(os.getpid(), 11)", Reason.INVALID_REQUEST),
            ("import os; os.kill(os.getpid(), 24)", Reason.INVALID_REQUEST),
            ("import os; os.kill(os.getpid(), 9)", Reason.BOTNODE_UNAVAILABLE),
            ("raise SystemExit(1)", Reason.INTERNAL),
            ("pass", Reason.INTERNAL),
        ],
    )
    async def test_that_says_nothing_is_judged_by_its_end(
        self,
        folder: Path,
        given: Path,
        monkeypatch: pytest.MonkeyPatch,
        script: str,
        reason: Reason,
    ) -> None:
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-IS", "-c", script))
        error = await refusal(MediaInspector(folder), given, MediaKind.IMAGE)
        assert error.reason == reason

    async def test_that_dies_before_it_is_asked_is_judged_the_same(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exchange = media_inspection._exchange

        def late(process: "subprocess.Popen[bytes]", request: bytes, until: float) -> bytes:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            return exchange(process, request, until)

        script = "import os; os.kill(os.getpid(), 11)"
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-IS", "-c", script))
        monkeypatch.setattr(media_inspection, "_exchange", late)
        error = await refusal(MediaInspector(folder), given, MediaKind.IMAGE)
        assert error.reason == Reason.INVALID_REQUEST

    @pytest.mark.parametrize(
        ("worked_s", "reason"),
        [(0.05, Reason.BOTNODE_UNAVAILABLE), (0.1, Reason.INVALID_REQUEST)],
    )
    async def test_that_is_late_is_judged_by_its_work(
        self,
        folder: Path,
        given: Path,
        monkeypatch: pytest.MonkeyPatch,
        worked_s: float,
        reason: Reason,
    ) -> None:
        assert media_inspection_death._processor_s(os.getpid()) > 0
        assert media_inspection_death._processor_s(2**31) == 0
        monkeypatch.setattr(media_inspection_death, "_processor_s", lambda _: worked_s)
        monkeypatch.setattr(media_inspection, "GRACE_S", 0.1)
        sleeper = (sys.executable, "-IS", "-c", "import time; time.sleep(60)")
        monkeypatch.setattr(media_inspection, "COMMAND", sleeper)
        with pytest.raises(MeshError, match="longer than") as caught:
            await MediaInspector(folder, limit_s=0.1).inspect(given, MediaKind.IMAGE, FIELD)
        assert caught.value.reason == reason

    async def test_looks_where_the_machine_takes_no_wishes(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(given, samples.picture("PNG", (64, 48)))
        bound = (
            "import os, pathlib, resource as r; from botnode.inspection import __main__ as program;"
            "r.setrlimit(r.RLIMIT_NOFILE, (50, 50)); r.setrlimit(r.RLIMIT_CPU, (9, 9));"
            "r.setrlimit(r.RLIMIT_AS, (700 << 20, 700 << 20));"
            "program.OOM_SCORE = pathlib.Path('/proc/nothing');"
            "os.nice = lambda _: open('/proc/nothing');"
            "program.main()"
        )
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-I", "-c", bound))
        found = await MediaInspector(folder).inspect(given, MediaKind.IMAGE, FIELD)
        assert (found.width, found.height) == (64, 48)

    async def test_without_bounds_looks_at_nothing(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(given, samples.picture("PNG", (64, 48)))
        unbound = (
            "from botnode.inspection import __main__ as program;"
            "program.resource.setrlimit = lambda *given: open('/proc/nothing');"
            "program.main()"
        )
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-I", "-c", unbound))
        error = await refusal(MediaInspector(folder), given, MediaKind.IMAGE)
        assert error.reason == Reason.INTERNAL

    async def test_whose_asker_died_before_it_was_watched_looks_at_nothing(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(given, samples.picture("PNG", (64, 48)))
        monkeypatch.setattr(os, "getpid", lambda: 1)
        error = await refusal(MediaInspector(folder), given, MediaKind.IMAGE)
        assert error.reason == Reason.INTERNAL

    async def test_that_cannot_start_now_may_start_later(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def start(*_given: object, **_more: object) -> None:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

        monkeypatch.setattr(subprocess, "Popen", start)
        error = await refusal(MediaInspector(folder), given, MediaKind.IMAGE)
        assert is_busy(error)

    def test_ends_with_a_botnode_that_is_killed(
        self, tmp_path: Path, folder: Path, given: Path
    ) -> None:
        script = (
            "import asyncio, sys; from pathlib import Path;"
            "from botnode.media_inspection import MediaInspector, MediaKind;"
            "asyncio.run(MediaInspector(Path(sys.argv[1]), search_path=sys.argv[2])"
            ".inspect(Path(sys.argv[3]), MediaKind.VIDEO, 'x'))"
        )
        place = stand_in(tmp_path, ENDLESS)
        argv = [sys.executable, "-c", script, str(folder), place, str(given)]
        with subprocess.Popen(argv) as botnode:
            until = time.monotonic() + 20
            while len(at_work(folder)) < 2:
                assert time.monotonic() < until
                time.sleep(0.02)
            os.kill(botnode.pid, signal.SIGKILL)
        wait_until_none_works_in(folder)
        assert len(list(folder.iterdir())) == 1
        (folder / "inspection-0123.converted").write_bytes(b"x")
        MediaInspector(folder).clean()

    async def test_a_document_that_kills_it_goes_out_plainly(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(given, samples.pdf())
        killer = (
            "import sys, os; from botnode.inspection import __main__ as program, document;"
            "document.pypdfium2.PdfDocument = lambda path: os.kill(os.getpid(), 9);"
            "program.main()"
        )
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-I", "-c", killer))
        found = await MediaInspector(folder).inspect(given, MediaKind.DOCUMENT, FIELD)
        assert (found.content_type, found.page_count) == ("application/pdf", 0)

    @pytest.mark.parametrize(
        "script",
        [
            "print('{}')",
            "print('Hola')",
            "print('[' * 60000)",
            "while True: print('x' * 1000)",
            'print(\'{"findings": {"content_type": 5}}\')',
            'print(\'{"findings": {"content_type": "a/b", "width": -1}}\')',
            'print(\'{"findings": {"content_type": "a/b", "width": 1e400}}\')',
            'print(\'{"findings": {"content_type": "\' + "A" * 300 + \'"}}\')',
            'print(\'{"findings": {"content_type": "a/b", "colour": 1}}\')',
            "raise ImportError",
        ],
    )
    async def test_that_lies_is_not_believed(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch, script: str
    ) -> None:
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-IS", "-c", script))
        error = await refusal(MediaInspector(folder, limit_s=5), given, MediaKind.VIDEO)
        assert error.reason in {Reason.INTERNAL, Reason.INVALID_REQUEST}

    async def test_that_promises_a_file_must_have_made_it(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = (
            "import os, sys, json; folder = json.loads(sys.stdin.readline())['folder'];"
            "os.symlink('/etc/passwd', folder + '/converted');"
            'print(\'{"findings": {"content_type": "a/b", "thumbnail": "", '
            '"waveform": "", "converted": true}}\')'
        )
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-IS", "-c", script))
        error = await refusal(MediaInspector(folder), given, MediaKind.VIDEO)
        assert error.reason == Reason.INVALID_REQUEST

    async def test_that_cannot_start_is_no_fault_of_the_media(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media_inspection, "COMMAND", ("/nonexistent",))
        error = await refusal(MediaInspector(folder), given, MediaKind.VIDEO)
        assert error.reason == Reason.INTERNAL

    async def test_is_bounded_in_memory(
        self, folder: Path, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hungry = (
            "from botnode.inspection import __main__ as program, look;"
            "look.look = lambda request: bytearray(2**30);"
            "program.main()"
        )
        monkeypatch.setattr(media_inspection, "COMMAND", (sys.executable, "-I", "-c", hungry))
        with pytest.raises(MeshError, match="memory") as caught:
            await MediaInspector(folder).inspect(given, MediaKind.VIDEO, FIELD)
        assert caught.value.reason == Reason.INVALID_REQUEST

    @pytest.mark.parametrize("name", ["pipe", "folder", "/dev/zero"])
    async def test_reads_only_files(self, tmp_path: Path, folder: Path, name: str) -> None:
        path = tmp_path / name
        if name == "pipe":
            os.mkfifo(path)
        elif name == "folder":
            path.mkdir()
        with pytest.raises(MeshError, match="no file"):
            await MediaInspector(folder).inspect(path, MediaKind.IMAGE, FIELD)


def test_a_botnode_decodes_nothing_itself() -> None:
    script = (
        "import sys, botnode.media_inspection;"
        "print([name for name in ('PIL', 'pypdfium2', 'tinytag') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
