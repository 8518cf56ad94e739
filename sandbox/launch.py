"""Starting a sandbox as a child process, for the command and for tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from sandbox.addresses import Addresses, read

_READY_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_ROOT: Final = Path(__file__).resolve().parent.parent


class LaunchError(Exception):
    """The sandbox did not start."""


class RunningSandbox:
    """A sandbox in a child process that dies with this one.

    The child holds the reading end of a pipe whose writing end is ours: it stops when we are gone,
    however we went.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        options: tuple[str, ...] = (),
        output: IO[bytes] | int | None = subprocess.DEVNULL,
    ) -> None:
        """Start it and wait until it is ready; raises LaunchError."""
        reading, self._holding = os.pipe()
        command = [sys.executable, "-m", "sandbox", "--data-dir", str(data_dir)]
        self.process = subprocess.Popen(
            [*command, "--die-with-fd", str(reading), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(reading,),
            env=_environment(),
        )
        os.close(reading)
        try:
            self.addresses = self._wait_until_ready(data_dir)
        except BaseException:
            self.kill()
            raise

    def environment(self) -> dict[str, str]:
        """What a client process must be started with."""
        return self.addresses.environment()

    def stop(self) -> int:
        """Stop it in good order; its exit status."""
        self.process.terminate()
        try:
            status = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self.process.returncode
        self._let_go()
        return status

    def kill(self) -> None:
        """Kill it without a warning."""
        self.process.kill()
        self.process.wait()
        self._let_go()

    def _wait_until_ready(self, data_dir: Path) -> Addresses:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                addresses = read(data_dir)
                if addresses.pid == self.process.pid:
                    return addresses
            if self.process.poll() is not None:
                raise LaunchError(f"the sandbox ended with status {self.process.returncode}")
            time.sleep(_POLL_SECONDS)
        raise LaunchError(f"the sandbox was not ready after {_READY_SECONDS:.0f} seconds")

    def _let_go(self) -> None:
        if self._holding >= 0:
            os.close(self._holding)
            self._holding = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        else:
            self._let_go()


def _environment() -> dict[str, str]:
    """Ours, with this package importable whether or not it is installed."""
    path = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{_ROOT}{os.pathsep}{path}" if path else str(_ROOT)}
