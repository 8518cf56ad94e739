"""The hash over an app state."""

from sandbox.app_state import add, expand

EMPTY = bytes(128)


def test_the_hash_forgets_what_is_taken_out() -> None:
    one, two = bytes(range(32)), bytes(range(32, 64))
    state = add(add(EMPTY, one), two)
    assert state == add(add(EMPTY, two), one)
    assert add(state, two, one) == add(add(EMPTY, two), two)
    assert state != add(EMPTY, one)


def test_the_keys_differ() -> None:
    keys = expand(bytes(32))
    assert len(set(keys)) == len(keys) == 5
    assert {len(key) for key in keys} == {32}
