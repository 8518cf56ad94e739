"""The supervisor's decisions: from what is wanted and what is, the next thing to do.

Everything here is pure: times are given, nothing waits. The supervisor carries out what `decide`
says, notes what came of it in the `Situation`, and asks again.
"""

from dataclasses import dataclass, field
from enum import Enum

from botnode.host.backoff import Backoff, Random
from botnode.host.exits import Verdict, in_words, judge
from botnode.host.timing import Timing
from registry.tenant import DesiredState, ObservedState

# What the registry keeps of it.
MAX_LAST_EXIT = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """The desired side of a tenant, as far as it decides anything."""

    state: DesiredState
    generation: int
    delete_data: bool = False


class Progress(Enum):
    """Of something that is done once."""

    NONE = "none"
    UNDER_WAY = "under_way"
    DONE = "done"


@dataclass(slots=True)
class ChildView:
    """What is known of the running process. Times are monotonic seconds."""

    generation: int
    started_at: float
    ready_at: float | None = None
    # Of the log-out that comes before a delete.
    log_out: Progress = Progress.NONE
    # When it said by itself that it stops.
    leaving_at: float | None = None
    terminated_at: float | None = None
    killed: bool = False
    # Why it is to be killed although nobody wants it stopped, e.g. that it does not answer.
    condemned: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it answered since it started."""
        return self.ready_at is not None


@dataclass(slots=True)
class Situation:
    """What is: the process if one runs, else how the last one ended."""

    child: ChildView | None = None
    # The host is stopping: no process may be left, and none is started.
    closing: bool = False
    has_slot: bool = False
    failed_generation: int | None = None
    retry_at: float | None = None
    backoff: Backoff = field(default_factory=Backoff)
    # The generation that backoff and retry_at belong to: a newer one starts afresh.
    tried_generation: int = 0
    restarts: int = 0
    last_exit: str | None = None


class Action(Enum):
    """What the supervisor does next."""

    WAIT = "wait"
    QUEUE = "queue"
    START = "start"
    LOG_OUT = "log_out"
    TERMINATE = "terminate"
    KILL = "kill"
    REMOVE = "remove"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action; a WAIT lasts until something happens or until `until`."""

    action: Action
    until: float | None = None


def decide(wanted: Wanted, situation: Situation, now: float, timing: Timing) -> Decision:
    """The next thing to do."""
    if situation.child is not None:
        return _decide_running(wanted, situation, situation.child, now, timing)
    if situation.closing:
        return Decision(Action.FINISH)
    if wanted.state is DesiredState.DELETED:
        return Decision(Action.REMOVE)
    if wanted.state is DesiredState.STOPPED or has_failed(wanted, situation):
        return Decision(Action.WAIT)
    if is_backing_off(wanted, situation, now):
        return Decision(Action.WAIT, situation.retry_at)
    return Decision(Action.START if situation.has_slot else Action.QUEUE)


def _decide_running(
    wanted: Wanted, situation: Situation, child: ChildView, now: float, timing: Timing
) -> Decision:
    if child.killed:
        return Decision(Action.WAIT)
    until = _kill_at(situation, child, timing)
    if until is not None and now >= until:
        return Decision(Action.KILL)
    if child.terminated_at is not None:
        return Decision(Action.WAIT, until)
    if _shall_log_out(wanted, situation, child):
        return Decision(Action.LOG_OUT if child.log_out is Progress.NONE else Action.WAIT, until)
    if situation.closing or not _is_wanted(wanted, child):
        return Decision(Action.TERMINATE)
    return Decision(Action.WAIT, until)


def _kill_at(situation: Situation, child: ChildView, timing: Timing) -> float | None:
    """From when on the process is to be killed, as things stand."""
    stop_limit_s = timing.close_limit_s if situation.closing else timing.stop_limit_s
    times = []
    if child.condemned is not None:
        times.append(child.started_at)
    if child.terminated_at is not None:
        times.append(child.terminated_at + stop_limit_s)
    elif child.leaving_at is not None:
        times.append(child.leaving_at + stop_limit_s)
    elif not child.is_ready:
        times.append(child.started_at + timing.ready_limit_s)
    return min(times, default=None)


def _is_wanted(wanted: Wanted, child: ChildView) -> bool:
    return wanted.state is DesiredState.RUNNING and wanted.generation == child.generation


def _shall_log_out(wanted: Wanted, situation: Situation, child: ChildView) -> bool:
    gone = wanted.state is DesiredState.DELETED and wanted.delete_data
    undone = child.log_out is not Progress.DONE and child.leaving_at is None
    return gone and child.is_ready and undone and not situation.closing


def has_failed(wanted: Wanted, situation: Situation) -> bool:
    """Whether it cannot run as it is wanted now."""
    return situation.failed_generation == wanted.generation


def is_backing_off(wanted: Wanted, situation: Situation, now: float) -> bool:
    """Whether its next start has to wait."""
    retry_at = situation.retry_at
    return (
        situation.tried_generation == wanted.generation and retry_at is not None and now < retry_at
    )


def begin(wanted: Wanted, situation: Situation, now: float) -> None:
    """Note that a process was started."""
    if situation.tried_generation != wanted.generation:
        situation.tried_generation = wanted.generation
        situation.backoff = situation.backoff.reset()
    situation.failed_generation = None
    situation.retry_at = None
    situation.child = ChildView(wanted.generation, now)


def end(
    situation: Situation,
    returncode: int,
    now: float,
    timing: Timing,
    *,
    rand: Random,
    words: str = "",
) -> Verdict:
    """Note that the process ended; `words` are its last ones, where it said why.

    Returns what its end means.
    """
    child, situation.child = situation.child, None
    if child is None:
        raise ValueError("no process was running")
    condemned = child.condemned
    asked = child.terminated_at is not None and condemned is None
    verdict = judge(returncode, asked=asked, was_ready=child.is_ready)
    situation.last_exit = in_words(returncode)
    if condemned is not None:
        situation.last_exit += f": {condemned}"
    elif words and not asked:
        situation.last_exit += f": {words}"
    situation.last_exit = situation.last_exit[:MAX_LAST_EXIT]
    if verdict is Verdict.CONFIG:
        situation.failed_generation = child.generation
    elif verdict is Verdict.FAILED:
        _back_off(situation, child, now, timing, rand)
    return verdict


def _back_off(
    situation: Situation, child: ChildView, now: float, timing: Timing, rand: Random
) -> None:
    if child.ready_at is not None and now - child.ready_at >= timing.healthy_after_s:
        situation.backoff = situation.backoff.reset()
    situation.backoff = situation.backoff.failed()
    situation.retry_at = now + situation.backoff.delay_s(rand)
    situation.restarts += 1


def observed_state(wanted: Wanted, situation: Situation, now: float) -> ObservedState:
    """The state that people are shown."""
    if wanted.state is DesiredState.DELETED:
        return ObservedState.DELETING
    if situation.child is not None:
        return _running_state(situation.child)
    if situation.closing or wanted.state is DesiredState.STOPPED:
        return ObservedState.STOPPED
    if has_failed(wanted, situation):
        return ObservedState.FAILED
    if is_backing_off(wanted, situation, now):
        return ObservedState.BACKING_OFF
    return ObservedState.STARTING


def _running_state(child: ChildView) -> ObservedState:
    if child.terminated_at is not None or child.leaving_at is not None or child.killed:
        return ObservedState.STOPPING
    return ObservedState.RUNNING if child.is_ready else ObservedState.STARTING


def reached_generation(wanted: Wanted, situation: Situation) -> int | None:
    """The desired generation that has been brought about now; None while one is on its way.

    A tenant that cannot run has got as far as it will: whoever waits for it is told FAILED.
    """
    child = situation.child
    if child is not None:
        settled = child.is_ready and child.terminated_at is None and _is_wanted(wanted, child)
        return child.generation if settled else None
    if wanted.state is DesiredState.STOPPED or has_failed(wanted, situation):
        return wanted.generation
    return None
