"""Limits on what a process may use."""

import resource


def lower(kind: int, most: int, *, hard: int | None = None) -> None:
    """Limit something, for this process and those that it starts.

    A process that may use less already is let be: a limit that is raised is refused.

    Args:
        kind: e.g. `resource.RLIMIT_AS`.
        most: of it.
        hard: above which no process of these can raise it again; ``most`` if None.
    """
    _, present = resource.getrlimit(kind)
    wanted = most if hard is None else hard
    if present != resource.RLIM_INFINITY and (wanted == resource.RLIM_INFINITY or present < wanted):
        wanted = present
    if wanted != resource.RLIM_INFINITY:
        most = min(most, wanted)
    resource.setrlimit(kind, (most, wanted))
