"""The ecosystem file of PM2 (https://pm2.keymetrics.io/docs/usage/application-declaration/)."""

import json
from typing import Any

from botmesh.export.program import STOP_LIMIT_S, Plan, Program
from botmesh.rpc.lifecycle import EX_CONFIG

_HEAD = """\
// Written by `botmesh export pm2`; write it anew after adding a tenant, then `pm2 startOrReload`.
// pm2 start ecosystem.config.js
"""


def ecosystem(plan: Plan) -> str:
    """The text of ``ecosystem.config.js``."""
    apps = [_app(plan, program) for program in plan.programs]
    body = json.dumps({"apps": apps}, indent=2, ensure_ascii=False)
    return f"{_HEAD}module.exports = {body};\n"


def _app(plan: Plan, program: Program) -> dict[str, Any]:
    name = program.name if program.module == "gateway" else f"{program.module}-{program.name}"
    log = str(plan.data_dir / "logs" / f"{name}.log")
    return {
        "name": f"botmesh-{name}",
        "script": str(plan.python),
        "args": ["-m", program.module],
        "interpreter": "none",
        "env": {**plan.shared, **program.env},
        "out_file": log,
        "error_file": log,
        "merge_logs": True,
        "kill_timeout": STOP_LIMIT_S * 1000,
        # A setting that must be mended first; everything else is started again.
        "stop_exit_codes": [EX_CONFIG],
        "exp_backoff_restart_delay": 100,
    }
