"""The newest events of a log as consumers get them: read and encoded once for all who follow."""

from typing import Generic, TypeVar

T = TypeVar("T")

# What is kept for consumers that are on their way to an event; older ones they read from disk.
MOST_EVENTS = 256
MOST_BYTES = 256 * 1024


class EventTail(Generic[T]):
    """A bounded stretch of a log without a gap, up to its newest event.

    Attributes:
        last: the newest event that is here or was; the log may have grown meanwhile.
    """

    def __init__(self, last: int) -> None:
        self.last = last
        self._items: dict[int, tuple[T, int]] = {}
        self._bytes = 0

    def append(self, sequence: int, item: T, size: int) -> None:
        """Add the next event, of so many bytes. One that leaves a gap begins the stretch anew."""
        if sequence != self.last + 1:
            self._items.clear()
            self._bytes = 0
        self._items[sequence] = (item, size)
        self._bytes += size
        self.last = sequence
        while len(self._items) > MOST_EVENTS or self._bytes > MOST_BYTES:
            _, dropped = self._items.pop(next(iter(self._items)))
            self._bytes -= dropped

    def get(self, sequence: int) -> T | None:
        """An event, or None if it is not here."""
        found = self._items.get(sequence)
        return found[0] if found is not None else None
