"""The supervisor's decisions, without a process and without waiting."""

import pytest

from botnode.host import plan
from botnode.host.backoff import Backoff
from botnode.host.exits import Verdict
from botnode.host.plan import Action, ChildView, Decision, Progress, Situation, Wanted
from botnode.host.timing import Timing
from registry.tenant import DesiredState, ObservedState

TIMING = Timing()
RUNNING = Wanted(DesiredState.RUNNING, 1)
STOPPED = Wanted(DesiredState.STOPPED, 2)
DELETED = Wanted(DesiredState.DELETED, 2)
DELETED_WITH_DATA = Wanted(DesiredState.DELETED, 2, delete_data=True)


def ready(generation: int = 1) -> Situation:
    return Situation(child=ChildView(generation, started_at=0.0, ready_at=1.0))


def decide(wanted: Wanted, situation: Situation, now: float = 10.0) -> Decision:
    return plan.decide(wanted, situation, now, TIMING)


class TestWithoutAProcess:
    @pytest.mark.parametrize(
        ("wanted", "situation", "action"),
        [
            (RUNNING, Situation(), Action.QUEUE),
            (RUNNING, Situation(has_slot=True), Action.START),
            (RUNNING, Situation(closing=True, has_slot=True), Action.FINISH),
            (RUNNING, Situation(failed_generation=1, has_slot=True), Action.WAIT),
            (RUNNING, Situation(failed_generation=0, has_slot=True), Action.START),
            (STOPPED, Situation(has_slot=True), Action.WAIT),
            (DELETED, Situation(), Action.REMOVE),
            (DELETED, Situation(closing=True), Action.FINISH),
        ],
    )
    def test_next_step(self, wanted: Wanted, situation: Situation, action: Action) -> None:
        assert decide(wanted, situation).action is action

    def test_a_failure_is_waited_out(self) -> None:
        situation = Situation(retry_at=12.0, tried_generation=1, has_slot=True)
        assert decide(RUNNING, situation) == Decision(Action.WAIT, 12.0)
        assert decide(RUNNING, situation, now=12.0).action is Action.START

    def test_a_new_generation_does_not_wait_for_an_old_ones_failure(self) -> None:
        situation = Situation(retry_at=99.0, tried_generation=1, has_slot=True)
        assert decide(Wanted(DesiredState.RUNNING, 2), situation).action is Action.START


class TestWithAProcess:
    @pytest.mark.parametrize(
        ("wanted", "action"),
        [
            (RUNNING, Action.WAIT),
            (Wanted(DesiredState.RUNNING, 2), Action.TERMINATE),
            (STOPPED, Action.TERMINATE),
            (DELETED, Action.TERMINATE),
            (DELETED_WITH_DATA, Action.LOG_OUT),
        ],
    )
    def test_next_step(self, wanted: Wanted, action: Action) -> None:
        assert decide(wanted, ready()).action is action

    def test_the_log_out_comes_before_the_stop_and_is_tried_once(self) -> None:
        situation = ready()
        situation.child.log_out = Progress.UNDER_WAY
        assert decide(DELETED_WITH_DATA, situation) == Decision(Action.WAIT)
        situation.child.log_out = Progress.DONE
        assert decide(DELETED_WITH_DATA, situation).action is Action.TERMINATE

    def test_what_cannot_answer_is_not_asked_to_log_out(self) -> None:
        situation = Situation(child=ChildView(1, started_at=9.0))
        assert decide(DELETED_WITH_DATA, situation).action is Action.TERMINATE

    def test_closing_does_not_wait_for_a_log_out(self) -> None:
        situation = ready()
        situation.closing = True
        situation.child.log_out = Progress.UNDER_WAY
        assert decide(DELETED_WITH_DATA, situation).action is Action.TERMINATE

    def test_a_start_has_a_limit(self) -> None:
        situation = Situation(child=ChildView(1, started_at=0.0))
        assert decide(RUNNING, situation) == Decision(Action.WAIT, TIMING.ready_limit_s)
        assert decide(RUNNING, situation, now=TIMING.ready_limit_s).action is Action.KILL

    @pytest.mark.parametrize(("closing", "limit_s"), [(False, 8.0), (True, 4.0)])
    def test_a_stop_has_a_limit(self, closing: bool, limit_s: float) -> None:
        situation = ready()
        situation.closing = closing
        situation.child.terminated_at = 10.0
        assert decide(STOPPED, situation) == Decision(Action.WAIT, 10.0 + limit_s)
        assert decide(STOPPED, situation, now=10.0 + limit_s).action is Action.KILL
        situation.child.killed = True
        assert decide(STOPPED, situation, now=99.0) == Decision(Action.WAIT)

    def test_a_stop_of_its_own_has_a_limit_too(self) -> None:
        situation = ready()
        situation.child.leaving_at = 10.0
        assert decide(RUNNING, situation) == Decision(Action.WAIT, 18.0)
        assert decide(RUNNING, situation, now=18.0).action is Action.KILL

    def test_what_does_not_answer_is_killed(self) -> None:
        situation = ready()
        situation.child.condemned = "no answer"
        assert decide(RUNNING, situation).action is Action.KILL


class TestEnd:
    def end(self, situation: Situation, returncode: int, now: float = 10.0) -> Verdict:
        return plan.end(situation, returncode, now, TIMING, rand=lambda: 0.5, words="why")

    def test_killed(self) -> None:
        situation = ready()
        plan.begin(RUNNING, situation, now=0.0)
        assert self.end(situation, -9) is Verdict.FAILED
        assert situation.child is None
        assert situation.retry_at == 10.0  # the first time at once
        assert (situation.restarts, situation.last_exit) == (1, "signal 9 (SIGKILL): why")

    def test_waits_grow_and_a_healthy_minute_ends_them(self) -> None:
        situation = Situation()
        waits = []
        for _ in range(9):
            plan.begin(RUNNING, situation, now=0.0)
            self.end(situation, 1, now=0.0)
            waits.append(situation.retry_at)
        assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
        assert situation.backoff.is_crash_loop
        plan.begin(RUNNING, situation, now=0.0)
        situation.child.ready_at = 1.0
        self.end(situation, 1, now=60.9)
        assert situation.retry_at == 75.9
        plan.begin(RUNNING, situation, now=0.0)
        situation.child.ready_at = 1.0
        self.end(situation, 1, now=61.0)
        assert (situation.retry_at, situation.backoff.failures) == (61.0, 1)

    def test_a_new_generation_starts_afresh(self) -> None:
        situation = Situation(backoff=Backoff(7), tried_generation=1, failed_generation=1)
        plan.begin(RUNNING, situation, now=0.0)
        assert situation.backoff.failures == 7
        plan.begin(Wanted(DesiredState.RUNNING, 2), situation, now=0.0)
        assert (situation.backoff.failures, situation.failed_generation) == (0, None)

    def test_asked(self) -> None:
        situation = ready()
        situation.child.terminated_at = 5.0
        assert self.end(situation, -9) is Verdict.ASKED
        assert (situation.restarts, situation.retry_at) == (0, None)
        assert situation.last_exit == "signal 9 (SIGKILL)"

    def test_renewal_is_no_failure(self) -> None:
        situation = ready()
        assert self.end(situation, 75) is Verdict.RENEW
        assert (situation.restarts, situation.retry_at, situation.backoff.failures) == (0, None, 0)

    def test_configuration(self) -> None:
        situation = ready(generation=4)
        assert self.end(situation, 78) is Verdict.CONFIG
        assert (situation.failed_generation, situation.last_exit) == (4, "exit 78: why")

    def test_condemned(self) -> None:
        situation = ready()
        situation.child.condemned = "no answer"
        assert self.end(situation, -9) is Verdict.FAILED
        assert situation.last_exit == "signal 9 (SIGKILL): no answer"

    def test_nothing_ran(self) -> None:
        with pytest.raises(ValueError, match="no process"):
            self.end(Situation(), 0)


class TestWhatPeopleSee:
    @pytest.mark.parametrize(
        ("wanted", "situation", "state", "generation"),
        [
            (RUNNING, Situation(), ObservedState.STARTING, None),
            (RUNNING, Situation(child=ChildView(1, 0.0)), ObservedState.STARTING, None),
            (RUNNING, ready(), ObservedState.RUNNING, 1),
            # A restart is on its way: the old process runs, and is not what is wanted.
            (Wanted(DesiredState.RUNNING, 2), ready(), ObservedState.RUNNING, None),
            (RUNNING, Situation(failed_generation=1), ObservedState.FAILED, 1),
            (
                RUNNING,
                Situation(retry_at=99.0, tried_generation=1),
                ObservedState.BACKING_OFF,
                None,
            ),
            (STOPPED, ready(), ObservedState.RUNNING, None),
            (STOPPED, Situation(), ObservedState.STOPPED, 2),
            (RUNNING, Situation(closing=True), ObservedState.STOPPED, None),
            (DELETED, ready(), ObservedState.DELETING, None),
        ],
    )
    def test_state_and_generation(
        self, wanted: Wanted, situation: Situation, state: ObservedState, generation: int | None
    ) -> None:
        assert plan.observed_state(wanted, situation, 10.0) is state
        assert plan.reached_generation(wanted, situation) == generation

    @pytest.mark.parametrize("change", ["terminated_at", "leaving_at"])
    def test_stopping(self, change: str) -> None:
        situation = ready()
        setattr(situation.child, change, 5.0)
        assert plan.observed_state(STOPPED, situation, 10.0) is ObservedState.STOPPING
