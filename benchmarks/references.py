"""What the gateway is compared with: the design that it replaces, and a native proxy."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mesh import BenchError
from benchmarks.processes import free_port, running_program

SOURCES = Path(__file__).parent / "references"
MODULES = SOURCES / "node_modules"
INSTALL_LIMIT_S = 120.0
START_LIMIT_S = 5.0


class MissingError(Exception):
    """This machine lacks what a reference needs; the text says what."""


@dataclass(frozen=True, slots=True)
class Express:
    """Two Node processes: a gateway, and the bot that it posts to.

    Attributes:
        versions: of what they are made of.
    """

    gateway_url: str
    bot_url: str
    gateway_pid: int
    versions: str


@contextmanager
def express() -> Iterator[Express]:
    """Express, axios and Express; raises MissingError without Node or npm."""
    node = shutil.which("node")
    if node is None:
        raise MissingError("no node on the PATH")
    _install()
    environment = {"NODE_ENV": "production"}
    with ExitStack() as stack:
        script = str(SOURCES / "bot.js")
        bot = stack.enter_context(running_program(node, script, **environment))
        bot_port = _told(bot)
        script = str(SOURCES / "gateway.js")
        gateway = stack.enter_context(running_program(node, script, bot_port, **environment))
        yield Express(
            gateway_url=f"http://127.0.0.1:{_told(gateway)}/tenants/bench-0/send",
            bot_url=f"http://127.0.0.1:{bot_port}/send",
            gateway_pid=gateway.pid,
            versions=f"Express {_version('express')}, axios {_version('axios')}, "
            f"Node {subprocess.check_output([node, '--version'], text=True).strip()}",
        )


@dataclass(frozen=True, slots=True)
class Nginx:
    """A native proxy for gRPC, with one worker.

    Attributes:
        pid: its first process.
    """

    address: str
    pid: int
    version: str


@contextmanager
def nginx(folder: Path, callee: str) -> Iterator[Nginx]:
    """``grpc_pass`` to a callee's host:port; raises MissingError where there is no nginx."""
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise MissingError("no nginx: on Debian, apt-get install nginx")
    port = free_port()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(_config(folder, port, callee))
    shown = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stderr
    command = (binary, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log"))
    with running_program(*command) as process:
        deadline = time.monotonic() + START_LIMIT_S
        while not (folder / "nginx.pid").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"nginx did not start: {(folder / 'error.log').read_text()}")
            time.sleep(0.01)
        yield Nginx(f"127.0.0.1:{port}", process.pid, shown.strip().rpartition("/")[2])


def _config(folder: Path, port: int, callee: str) -> str:
    user = "user root;" if os.geteuid() == 0 else ""
    return f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; {user}
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000; keepalive_timeout 3600s;
  upstream callee {{
    server {callee}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 3600s;
  }}
  server {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://callee; }} }}
}}
"""


def _install() -> None:
    """Fetch the packages, once."""
    if (MODULES / "express").is_dir() and (MODULES / "axios").is_dir():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("no npm on the PATH, which fetches express and axios")
    done = subprocess.run(
        [npm, "install", "--no-package-lock", "--no-fund", "--no-audit", "--silent"],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        timeout=INSTALL_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise MissingError(f"npm install failed: {done.stderr.strip()[-200:]}")


def _version(package: str) -> str:
    return str(json.loads((MODULES / package / "package.json").read_text())["version"])


def _told(process: "subprocess.Popen[str]") -> str:
    """The port that a program writes on its first line."""
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port:
        raise BenchError(f"{process.args!r} ended with {process.wait()}")
    return port
