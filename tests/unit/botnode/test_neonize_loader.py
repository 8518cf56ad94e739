"""neonize is imported without its library, which is loaded later."""

import subprocess
import sys
import textwrap


def _run(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_import_starts_no_go_and_no_thread() -> None:
    _run("""
        import ctypes, logging, os, time
        from pathlib import Path
        from botnode import neonize_loader
        real, handlers = ctypes.CDLL, list(logging.getLogger().handlers)
        library = neonize_loader.import_lean()
        assert library.library_file.name not in Path("/proc/self/maps").read_text()
        until = time.monotonic() + 10
        while len(os.listdir("/proc/self/task")) > 1:  # one that was joined may be on its way out
            assert time.monotonic() < until
        assert ctypes.CDLL is real
        assert logging.getLogger().handlers == handlers
        try:
            library.binder.gocode.StopAll()
        except RuntimeError as error:
            assert "not loaded yet" in str(error)
        else:
            raise AssertionError("it was called")
    """)


def test_a_process_that_was_forked_loads_the_library_with_its_prototypes() -> None:
    _run("""
        import ctypes, os
        from pathlib import Path
        from botnode import neonize_loader
        noted = neonize_loader.import_lean()
        child = os.fork()
        if not child:
            library = neonize_loader.load()
            assert library is noted
            gocode = library.binder.gocode
            assert library.library_file.name in Path("/proc/self/maps").read_text()
            assert gocode.GetVersion() == b"0.5.2"
            assert gocode.Neonize.restype is ctypes.c_void_p
            assert gocode.SetProxyAddress.errcheck.__name__ == "consume_cstring"
            assert gocode.Neonize.argtypes[0] is ctypes.c_char_p
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """)


def test_a_library_of_another_version_is_refused() -> None:
    _run("""
        import importlib
        from botnode import neonize_loader
        neonize_loader.import_lean()
        importlib.import_module("neonize.download").__GONEONIZE_VERSION__ = "0.0.1"
        try:
            neonize_loader.load()
        except RuntimeError as error:
            assert "is of version b'0.5.2', not b'0.0.1'" in str(error)
        else:
            raise AssertionError("it was loaded")
    """)
