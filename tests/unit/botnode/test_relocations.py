"""Forked processes that load neonize's library share what the loader wrote into it."""

import json
import subprocess
import sys
from typing import Any

_FORKED = """
import ctypes, json, os
from pathlib import Path
from botnode import neonize_loader, relocations

library = neonize_loader.import_lean().library_file
while len(os.listdir("/proc/self/task")) > 1:
    pass  # a thread that was joined is on its way out

def mappings(name):
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line.split() for line in lines if name in line]

def descriptors():
    links = [Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd")]
    return sum("memfd" in os.readlink(link) for link in links if link.is_symlink())

def load():
    with relocations.shared(library):
        gocode = neonize_loader.load().binder.gocode
    gocode.StopAll()  # Go runs
    return {"copied": [found[1] for found in mappings("memfd:relocations")],
            "own": len(mappings(library.name)), "open": descriptors()}

def forked():
    reading, writing = os.pipe()
    if not os.fork():
        try:
            os.write(writing, json.dumps(load()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.wait()
    with os.fdopen(reading) as told:
        return json.load(told)

def refused(call):
    try:
        call()
    except OSError:
        return True
    return False

told = {"alone": forked()}
relocations.copy(library)
told["shared"] = [forked() for _ in range(2)]
file = relocations._copy.file
told["sealed"] = [refused(lambda: os.write(file, b"x")), refused(lambda: os.truncate(file, 0))]
told["mapped_here"] = len(mappings(library.name))
"""
_OTHER_BYTES = """
other = os.memfd_create("relocations")
os.sendfile(other, file, 0, os.fstat(file).st_size)
os.pwrite(other, b"x", 4096)
relocations._copy = relocations._Copy(relocations._copy.room, other)
told["other_bytes"] = forked()
"""
_OTHER_PLACE = """
real, room = neonize_loader.load, relocations._copy.room

def load_lower():
    end = room + relocations._ROOM - 4096
    assert relocations._Calls().map(end, 4096, 0, 0x32, -1, 0) == end  # fixed, anonymous, private
    return real()

neonize_loader.load = load_lower
told["other_place"] = forked()
"""


def _told(*scripts: str) -> dict[str, Any]:
    script = "\n".join((*scripts, "print(json.dumps(told))"))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_botnodes_have_the_same_relocations_that_nobody_can_change() -> None:
    told = _told(_FORKED)
    assert told["alone"]["copied"] == []
    one, other = told["shared"]
    assert one["copied"] == other["copied"] == ["r--p"]
    assert one["own"] == told["alone"]["own"] - 1
    assert one["open"] == 0
    assert told["sealed"] == [True, True]
    assert told["mapped_here"] == 0  # no Go where botnodes are forked


def test_a_botnode_with_other_relocations_keeps_its_own() -> None:
    told = _told(_FORKED, _OTHER_BYTES, _OTHER_PLACE)
    for case in ("other_bytes", "other_place"):
        assert told[case]["copied"] == []
        assert told[case]["own"] == told["alone"]["own"]
