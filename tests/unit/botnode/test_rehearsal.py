"""The forkserver's rehearsal is a botnode's life, and leaves nothing of it behind."""

import json
import subprocess
import sys
from typing import Any

from botnode.states import MessageState

# In a process of its own: it is to have one thread, and no Go.
_TWO_LIVES = """
import asyncio, json, os, sqlite3
from pathlib import Path
import grpc.aio
from botmesh.rpc.datadir import DataDir
from botnode import neonize_loader
from botnode.folder import TenantFolder
from botnode.forkserver import rehearsal, warm_up

library = neonize_loader.import_lean()
gocode = library.binder.gocode

def state():
    return (grpc.aio.server, set(vars(gocode)), gocode._opened, len(os.listdir("/proc/self/fd")))

before = state()
with rehearsal.folder() as data_dir:
    for rounds in (1, 2):
        asyncio.run(rehearsal.rehearse(data_dir, rounds=rounds))
    tenant = DataDir.open(data_dir, rehearsal.TENANT).tenant(rehearsal.TENANT)
    with sqlite3.connect(TenantFolder(tenant).node_db) as node:
        sent = dict(node.execute("SELECT state, count(*) FROM messages GROUP BY state"))
        [(received,)] = node.execute("SELECT count(*) FROM inbound")
    node.close()
warm_up.immortal.immortalize = int  # takes its time, and has tests of its own
warm_up.freeze()
print(json.dumps({
    "sent": sent,
    "received": received,
    "as_before": state() == before,
    "threads": len(os.listdir("/proc/self/task")),
    "go_runs": library.library_file.name in Path("/proc/self/maps").read_text(),
    "folder_left": data_dir.parent.exists(),
}))
"""


def test_messages_come_and_go_and_nothing_is_left() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TWO_LIVES], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert told == {
        "sent": {str(MessageState.DELIVERED.value): 3},
        "received": 3,
        "as_before": True,
        "threads": 1,
        "go_runs": False,
        "folder_left": False,
    }
