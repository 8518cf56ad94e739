"""What gRPC's core is told has to be there before core is loaded."""

import subprocess
import sys

_TOLD = """
import os, sys
import gateway.__main__
assert "grpc" not in sys.modules, "core was loaded"
from botmesh.rpc import lifecycle
lifecycle.run = lambda *_, **__: print(os.environ["GRPC_EXPERIMENTS"]) or 0
sys.argv = ["gateway"]
sys.exit(gateway.__main__.main())
"""


def _experiments(**own: str) -> str:
    environment = {"BOTMESH_DATA_DIR": "unused", **own}
    done = subprocess.run(
        [sys.executable, "-c", _TOLD], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_core_is_told_before_it_is_loaded() -> None:
    assert _experiments() == "-event_engine_client,-event_engine_listener"


def test_what_the_operator_says_holds() -> None:
    assert _experiments(GRPC_EXPERIMENTS="tcp_frame_size_tuning") == "tcp_frame_size_tuning"
