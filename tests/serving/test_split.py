from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trunkline.registry.snapshot import ServedArm
from trunkline.serving.split import choose
from trunkline.types import Version

KEYS = [f"user-{number}" for number in range(20_000)]


def arm(version: int, weight: int) -> ServedArm:
    made = Version(name="p", version=version, commit="c" * 40, blob=f"{version:040}", created_at=0)
    return ServedArm(version=made, weight=weight)


def chosen(arms: list[ServedArm], sticky: str | None, name: str = "p", label: str = "production") -> int:
    return choose(arms, sticky, name=name, label=label).version.version


def test_a_key_keeps_its_arm() -> None:
    arms = [arm(7, 90), arm(8, 10)]
    for key in KEYS[:100]:
        assert len({chosen(arms, key) for _ in range(5)} | {chosen(arms[::-1], key)}) == 1


def test_keys_are_shared_by_weight() -> None:
    counts = Counter(chosen([arm(7, 70), arm(8, 20), arm(9, 10)], key) for key in KEYS)
    assert abs(counts[7] / len(KEYS) - 0.7) < 0.02
    assert abs(counts[8] / len(KEYS) - 0.2) < 0.02
    assert abs(counts[9] / len(KEYS) - 0.1) < 0.02


def test_a_change_of_weights_moves_only_who_has_to_move() -> None:
    before = {key: chosen([arm(7, 90), arm(8, 10)], key) for key in KEYS}
    after = {key: chosen([arm(7, 80), arm(8, 20)], key) for key in KEYS}
    moved = [key for key in KEYS if before[key] != after[key]]
    assert all(after[key] == 8 for key in moved)
    assert abs(len(moved) / len(KEYS) - 0.1) < 0.02


def test_a_new_arm_takes_from_all_and_moves_nobody_else() -> None:
    before = {key: chosen([arm(7, 50), arm(8, 50)], key) for key in KEYS}
    after = {key: chosen([arm(7, 50), arm(8, 50), arm(9, 50)], key) for key in KEYS}
    assert {after[key] for key in KEYS if before[key] != after[key]} == {9}


def test_prompts_and_labels_are_split_independently() -> None:
    arms = [arm(7, 50), arm(8, 50)]
    for other in ({"name": "q"}, {"label": "staging"}):
        same = sum(chosen(arms, key) == chosen(arms, key, **other) for key in KEYS)
        assert abs(same / len(KEYS) - 0.5) < 0.02


def test_without_a_key_it_is_random_by_weight() -> None:
    counts = Counter(chosen([arm(7, 90), arm(8, 10)], None) for _ in range(20_000))
    assert abs(counts[8] / 20_000 - 0.1) < 0.02


def test_an_arm_without_weight_is_not_chosen() -> None:
    arms = [arm(7, 0), arm(8, 1)]
    assert {chosen(arms, key) for key in [*KEYS[:500], *[None] * 500]} == {8}
    assert chosen([arm(7, 0), arm(8, 0)], "x") == chosen([arm(7, 0), arm(8, 0)], None) == 8


@given(st.text(), st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
def test_any_key_and_any_weights_give_an_arm(key: str, weights: list[int]) -> None:
    arms = [arm(number, weight) for number, weight in enumerate(weights, 1)]
    assert chosen(arms, key) in range(1, len(weights) + 1)
