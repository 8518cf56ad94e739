"""Unit files of systemd (systemd.unit(5), systemd.service(5), systemd.exec(5))."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from botmesh.export.program import STOP_LIMIT_S, Plan, Program
from botmesh.rpc.lifecycle import EX_CONFIG, EX_RENEW

GATEWAY_UNIT = "botmesh-gateway.service"
BOTNODE_UNIT = "botmesh-botnode@.service"
# Where the units look for their settings; the files written here belong there.
# A process whose event loop stands still for so long is killed and started again.
WATCHDOG_S = 10
CONFIG_DIR = PurePosixPath("/etc/botmesh")

_UNIT = """\
# Written by `botmesh export systemd`.
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target
# What it waits for may take longer than any number of tries: never give up.
StartLimitIntervalSec=0

[Service]
Type=notify
# A botnode is ready when it has its tenant's lease, which another machine may hold for long.
TimeoutStartSec=infinity
WatchdogSec={watchdog}
User={user}
EnvironmentFile={config}/mesh.env
{environment_file}ExecStart={python} -m {module}
Restart=always
RestartSec=1
RestartForceExitStatus={renew}
RestartPreventExitStatus={config_status}
TimeoutStopSec={stop_limit}
UMask=0077
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths={data_dir}
{hardening}
[Install]
WantedBy=multi-user.target
"""
_HARDENING = """\
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
"""


def files(plan: Plan, user: str) -> dict[str, str]:
    """Every file to write: its name relative to the output folder, and its text.

    Args:
        plan: what to run.
        user: the account that owns the data directory.
    """
    found = {
        GATEWAY_UNIT: _unit(
            plan,
            user,
            "botmesh gateway",
            "gateway",
            f"EnvironmentFile={CONFIG_DIR}/gateway.env\n",
        ),
        BOTNODE_UNIT: _unit(
            plan,
            user,
            "botmesh botnode of %i",
            "botnode",
            f"EnvironmentFile={CONFIG_DIR}/tenants/%i.env\n",
        ),
        "mesh.env": _env_file(plan.shared),
        "gateway.env": _env_file(plan.programs[0].env),
    }
    for program in _botnodes(plan):
        found[f"tenants/{program.name}.env"] = _env_file(program.env)
    return found


def commands(plan: Plan, folder: str) -> list[str]:
    """What to type so that systemd runs the files in ``folder``."""
    units = " ".join(f"botmesh-botnode@{program.name}" for program in _botnodes(plan))
    return [
        f"sudo install -D -m 644 -t /etc/systemd/system {folder}/*.service",
        f"sudo install -D -m 600 -t {CONFIG_DIR} {folder}/mesh.env {folder}/gateway.env",
        f"sudo install -D -m 600 -t {CONFIG_DIR}/tenants {folder}/tenants/*.env",
        "sudo systemctl daemon-reload",
        f"sudo systemctl enable --now --no-block botmesh-gateway {units}".rstrip(),
    ]


def _botnodes(plan: Plan) -> list[Program]:
    return [program for program in plan.programs if program.module == "botnode"]


def _unit(plan: Plan, user: str, description: str, module: str, environment_file: str) -> str:
    return _UNIT.format(
        description=description,
        user=user,
        config=CONFIG_DIR,
        environment_file=environment_file,
        python=_escaped(str(plan.python)),
        module=module,
        renew=EX_RENEW,
        config_status=EX_CONFIG,
        stop_limit=STOP_LIMIT_S,
        watchdog=WATCHDOG_S,
        data_dir=_escaped(str(plan.data_dir)),
        hardening=_HARDENING,
    )


def _env_file(env: Mapping[str, str]) -> str:
    return "".join(f"{name}={_quoted(value)}\n" for name, value in env.items())


def _quoted(value: str) -> str:
    """A value as EnvironmentFile reads it: in double quotes, special characters escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
    return '"' + escaped.replace("$", "\\$").replace("\n", " ") + '"'


def _escaped(path: str) -> str:
    """A path in a unit file, where % begins a specifier and a space ends a word."""
    return path.replace("%", "%%").replace("\\", "\\\\").replace(" ", "\\x20")
