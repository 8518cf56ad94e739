"""How long the host waits for what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in seconds.

    A hung botnode is found within `ping_interval_s`, an eighth of it, and two pings of
    `ping_timeout_s`: 9 seconds.
    While it shows signs of life (`botnode.status.BEAT_S`) it is not asked, for asking costs it far
    more; only every `thorough_ping_s`, for it may be that its server alone is stuck.
    """

    # From the start until a botnode answers; also one that reads a large store gets there.
    ready_limit_s: float = 60.0
    # How long one start may keep others waiting.
    start_slot_limit_s: float = 10.0
    # Spread of the starts that wait for one another.
    start_jitter_s: float = 0.05
    # From the start of a forkserver until it takes orders: a second or two on a quiet machine.
    forkserver_limit_s: float = 30.0
    # What it may take over an order; mostly it is some milliseconds.
    fork_limit_s: float = 5.0
    # From SIGTERM to SIGKILL; shorter when the host itself is being stopped.
    stop_limit_s: float = 8.0
    close_limit_s: float = 4.0
    # What a predecessor's botnodes get: their pipe told them to stop already, and a send that the
    # library has in hand is given 3 seconds.
    leftover_limit_s: float = 4.0
    log_out_limit_s: float = 5.0
    ping_interval_s: float = 4.5
    ping_timeout_s: float = 2.0
    thorough_ping_s: float = 60.0
    # A botnode that was ready for so long has put its failures behind it.
    healthy_after_s: float = 60.0
    backoff_limit_s: float = 30.0
    log_check_interval_s: float = 5.0
    retry_s: float = 1.0
