from __future__ import annotations

from trunkline.serving.bounded import ENTRY_BYTES, Bounded


def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache: Bounded[str, int] = Bounded(entries=2, size=10**6)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    assert cache.get("a") == 1
    cache.put("c", 3, 1)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_the_bytes_are_bounded_and_counted_right() -> None:
    cache: Bounded[int, int] = Bounded(entries=1000, size=10 * (ENTRY_BYTES + 100))
    for key in range(50):
        cache.put(key % 20, key, 100)
    assert len(cache) == 10
    assert cache.size == 10 * (ENTRY_BYTES + 100)
    cache.put(0, 0, 10**6)
    assert len(cache) == 10


def test_a_value_put_again_counts_once() -> None:
    cache: Bounded[str, int] = Bounded(entries=10, size=10**6)
    for value in range(5):
        cache.put("a", value, 100 * value)
    assert cache.get("a") == 4
    assert cache.size == 400 + ENTRY_BYTES
