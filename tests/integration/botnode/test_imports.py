"""What a botnode does without: each of these costs every tenant memory, and time to start."""

import subprocess
import sys

# A botnode of its own, before it loads the library, and after.
_SCRIPT = """
import sys
from botnode import __main__
sys.modules["rich"] = None  # as its main does
from botnode import neonize_loader, program
started = {name for name, module in sys.modules.items() if module is not None}
print(*started)
neonize_loader.load()
print(*(name for name, module in sys.modules.items() if module is not None))
"""

# Of the environment's readers, other databases, Consul's client, and other processes' parts.
_NEVER = {
    *("pydantic", "pydantic_core", "pydantic_settings", "dotenv", "rich", "typer", "click"),
    *("sqlalchemy.orm", "sqlalchemy.ext.asyncio", "sqlalchemy.dialects.postgresql", "alembic"),
    *("psycopg", "aiohttp", "consul", "tenacity", "psutil", "websockets"),
    *("gateway", "sandbox", "botmesh.cli", "botmesh.sandbox", "botnode.host", "registry.database"),
    # Of what is loaded when it is used first.
    *("cryptography", "python_socks", "phonenumbers", "pypdfium2", "PIL", "tinytag", "segno"),
    # Of what the library does without.
    *("magic", "requests", "httpx", "bs4", "linkpreview", "tqdm", "colorlog"),
}


def test_a_botnode_loads_nothing_that_it_does_not_need() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
    )
    started, running = (set(line.split()) for line in run.stdout.splitlines()[:2])
    assert {"sqlalchemy", "grpc.aio", "botnode.app"} <= started
    assert _NEVER & running == set()
    # The library starts Go: only once the lease is held.
    assert "neonize" not in started
    assert "neonize.client" in running
