"""The tables of states are whole."""

import pytest

from botmesh.v1 import message_pb2, session_pb2
from botnode.ports import Account
from botnode.session import SessionMachine, TransitionError
from botnode.states import REASON_OF, TRANSITIONS, MessageState, SessionState


def test_states_are_those_of_the_contract() -> None:
    names = {name.removeprefix("SESSION_STATE_") for name, _ in session_pb2.SessionState.items()}
    assert names - {"UNSPECIFIED"} == {state.value for state in SessionState}
    numbers = {
        name.removeprefix("MESSAGE_STATE_"): number
        for name, number in message_pb2.MessageState.items()
    }
    assert {state.name: state.value for state in MessageState} == {
        name: number for name, number in numbers.items() if number
    }


def test_every_state_is_in_the_tables() -> None:
    assert set(TRANSITIONS) == set(SessionState)
    assert set(REASON_OF) == set(SessionState) - {SessionState.CONNECTED}


def test_every_state_can_be_reached_and_stopped() -> None:
    reached = set().union(*TRANSITIONS.values())
    assert reached == set(SessionState) - {SessionState.STARTING}
    for state in set(SessionState) - {SessionState.STOPPED}:
        assert SessionState.STOPPED in TRANSITIONS[state], state
    assert not TRANSITIONS[SessionState.STOPPED]


def test_connected_needs_a_login() -> None:
    from_where = {s for s in SessionState if SessionState.CONNECTED in TRANSITIONS[s]}
    assert from_where == {SessionState.CONNECTING, SessionState.RECONNECTING, SessionState.DEAF}


async def test_a_step_that_does_not_exist_is_refused() -> None:
    machine = SessionMachine()
    with pytest.raises(TransitionError):
        machine.move(SessionState.CONNECTED)
    assert machine.state is SessionState.STARTING


async def test_a_move_to_the_same_state_is_none() -> None:
    machine = SessionMachine()
    seen = []
    machine.observe(seen.append)
    machine.move(SessionState.CONNECTING)
    machine.move(SessionState.CONNECTING, "still")
    assert [session.state for session in seen] == [SessionState.CONNECTING]
    assert machine.current.last_error == "still"


async def test_connected_forgets_the_error_and_logged_out_the_account() -> None:
    machine = SessionMachine()
    machine.move(SessionState.CONNECTING, "trouble", account=Account("5215512345678:1@s"))
    assert machine.current.last_error == "trouble"
    machine.move(SessionState.CONNECTED)
    assert machine.current.last_error == ""
    assert machine.current.account is not None
    machine.move(SessionState.LOGGED_OUT)
    assert machine.current.account is None


async def test_waiting_for_a_state() -> None:
    machine = SessionMachine()
    assert not await machine.wait_for(lambda s: s.state is SessionState.CONNECTING, 0.01)
    machine.move(SessionState.CONNECTING)
    assert await machine.wait_for(lambda s: s.state is SessionState.CONNECTING, 0.01)
