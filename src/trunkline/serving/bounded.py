"""A mapping that forgets what was not asked for longest, bounded by entries and by bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES = 300
"""What an entry costs beside its value: dictionary slot, key, tuple (measured with tracemalloc, rounded up)."""


class Bounded(Generic[K, V]):
    """An LRU cache. `size` of a value is given in bytes when it is put; a value over the bound is not kept at all."""

    def __init__(self, *, entries: int, size: int) -> None:
        self._entries = entries
        self._limit = size
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        size += ENTRY_BYTES
        if size > self._limit:
            return
        old = self._held.pop(key, None)
        if old is not None:
            self.size -= old[1]
        self._held[key] = (value, size)
        self.size += size
        while self.size > self._limit or len(self._held) > self._entries:
            _, (_, freed) = self._held.popitem(last=False)
            self.size -= freed
