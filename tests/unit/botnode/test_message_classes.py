"""Generated modules whose classes are made later have all that others have."""

import json
import subprocess
import sys
import textwrap

_TOLD = """
    import json, sys
    def told(thing):
        descriptor = getattr(thing, "DESCRIPTOR", None)
        if descriptor is None:
            return thing if isinstance(thing, int) else None
        return getattr(descriptor, "full_name", descriptor.name)
"""


def _run(program: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_TOLD) + textwrap.dedent(program)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_names_are_there_and_mean_the_same() -> None:
    names = json.loads(
        _run("""
        from botnode import message_classes, neonize_loader
        import contextlib
        message_classes.made_later = contextlib.nullcontext
        neonize_loader.import_lean()
        print(json.dumps({
            name: {key: told(thing) for key, thing in vars(module).items() if key[0] != "_"}
            for name, module in sys.modules.items()
            if name.endswith("_pb2") and name.startswith(("neonize.", "wa"))
        }))
    """)
    )
    assert sum(map(len, names.values())) > 1000
    _run(
        """
        import gc
        from botnode import neonize_loader
        kind = type(neonize_loader.import_lean().message)
        def count():
            return sum(type(thing) is kind for thing in gc.get_objects())
        assert count() < 300, count()
        for name, wanted in json.load(sys.stdin).items():
            module = sys.modules[name]
            assert {key: told(getattr(module, key)) for key in wanted} == wanted
            assert not hasattr(module, "Nothing")
        assert count() > 500, count()
        """,
        json.dumps(names),
    )


def test_what_is_imported_later_is_made_at_once() -> None:
    _run("""
        from botnode import neonize_loader
        neonize_loader.import_lean()
        from neonize.proto.waCert import WACert_pb2
        assert "CertChain" in vars(WACert_pb2)
    """)
