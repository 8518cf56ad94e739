import json
import subprocess
import sys
from typing import Any

# In a process of its own: what is immortal is never freed.
_SHARED = """
import gc, json, os, re, types, weakref
from botnode.forkserver import immortal

def written():
    with open("/proc/self/smaps_rollup") as told:
        return int(re.search(r"Private_Dirty: *([0-9]+)", told.read())[1])

class Thing:
    pass

function = "def f{0}(a{0}, *, b{0}={0}.5): return (a{0}, 'c{0}', {0}.25)"
source = "\\n".join(function.format(n) for n in range(4000))
module = types.ModuleType("crowd")
exec(source, vars(module))
things = [Thing() for _ in range(50_000)]
words = {f"key {n}": f"value {n}" for n in range(50_000)}
pairs = [(f"one {n}", f"two {n}") for n in range(50_000)]
gc.collect()
made = immortal.immortalize()
gc.freeze()

def refer():
    kept = list(things)
    kept += words
    kept += words.values()
    for pair in pairs:
        kept += pair
    for value in vars(module).values():
        if type(value) is types.FunctionType:
            kept += (value, value.__code__, *value.__code__.co_consts)
    return kept

reading, writing = os.pipe()
if not os.fork():
    before = written()
    kept = refer()
    grown = written() - before - kept.__sizeof__() // 1024
    died = []
    new = Thing()
    weakref.finalize(new, died.append, True)
    del new
    told = {"grown_kb": grown, "new_ones_die": died == [True], "still": kept == refer()}
    os.write(writing, json.dumps(told).encode())
    os._exit(0)
os.wait()
told = json.loads(os.read(reading, 999))
print(json.dumps({"made": made, "again": immortal.immortalize(), **told}))
"""


def _told(script: str) -> Any:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return json.loads(done.stdout)


def test_who_refers_to_what_is_immortal_writes_nothing() -> None:
    told = _told(_SHARED)
    if sys.version_info >= (3, 12):
        assert told["made"] > 300_000
        assert told["grown_kb"] < 2_500
    else:  # it is the same but for the memory
        assert told["made"] == 0
        assert told["grown_kb"] > 10_000
    assert told["again"] < 1_000
    assert told["new_ones_die"]
    assert told["still"]


# Counts that do not lie where they should.
_ELSEWHERE = """
import sys
from botnode.forkserver import immortal

class Memory:
    def __getitem__(self, place):
        return 3 << 30

    def __setitem__(self, place, value):
        raise AssertionError("nothing may be written")

immortal._memory = Memory()
things = [object(), "a text", {}]
before = [sys.getrefcount(thing) for thing in things]
made = immortal.immortalize()
after = [sys.getrefcount(thing) for thing in things]
print('{"made": %d, "same": %d}' % (made, before == after))
"""

# protobuf counts references to None, too, which is then without its mark.
_OF_A_BOTNODE = """
from botnode import lean_imports
lean_imports.run()
from botnode import neonize_loader, program
neonize_loader.import_lean()
from botnode.forkserver import immortal
print(immortal.immortalize())
"""


def test_all_of_a_botnode_is_made_immortal() -> None:
    made = _told(_OF_A_BOTNODE)
    assert made > 100_000 if sys.version_info >= (3, 12) else made == 0


def test_nothing_is_done_where_counts_are_elsewhere() -> None:
    assert _told(_ELSEWHERE) == {"made": 0, "same": 1}
