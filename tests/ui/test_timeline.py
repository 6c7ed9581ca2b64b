from __future__ import annotations

import random

import pytest

from trunkline.types import Level, Observation, ObservationType
from trunkline.ui import timeline


def observation(id_: str, parent: str | None = None, start: int = 0, end: int | None = 1000) -> Observation:
    return Observation(
        id=id_,
        trace_id="t",
        type=ObservationType.SPAN,
        start_time=start,
        end_time=end,
        created_at=0,
        updated_at=0,
        environment="default",
        parent_id=parent,
        level=Level.DEFAULT,
    )


def test_a_tree_is_read_depth_first() -> None:
    found = timeline.order([observation("a"), observation("b", "a"), observation("c", "b"), observation("d", "a")])
    assert [(o.id, depth, below) for o, depth, below in found] == [("a", 0, 2), ("b", 1, 1), ("c", 2, 0), ("d", 1, 0)]


def test_an_observation_without_its_parent_hangs_at_the_top() -> None:
    found = timeline.order([observation("a", "missing"), observation("b", "a")])
    assert [(o.id, depth) for o, depth, _ in found] == [("a", 0), ("b", 1)]


def test_a_ring_of_parents_is_shown_once() -> None:
    found = timeline.order([observation("a", "c"), observation("b", "a"), observation("c", "b"), observation("d", "d")])
    assert sorted(o.id for o, _, _ in found) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("seed", range(20))
def test_every_observation_is_shown_exactly_once(seed: int) -> None:
    chance = random.Random(seed)
    ids = [f"o{n}" for n in range(60)]
    many = [observation(id_, chance.choice([None, *ids, "missing"])) for id_ in ids]
    found = timeline.order(many)
    assert sorted(o.id for o, _, _ in found) == sorted(ids)


def test_a_chain_of_thousands_needs_no_deep_recursion() -> None:
    chain = [observation(f"o{n}", f"o{n - 1}" if n else None) for n in range(5000)]
    layout = timeline.lay_out(chain, page=3)
    assert layout.pages == 3
    assert len(layout.rows) == 1000
    assert max(row.depth for row in layout.rows) == timeline.MAX_DEPTH


def test_the_page_of_the_chosen_observation_is_shown() -> None:
    many = [observation(f"o{n}", start=n) for n in range(4500)]
    assert timeline.lay_out(many, chosen="o4400").page == 3
    assert timeline.lay_out(many, chosen="unknown").page == 1
    assert timeline.lay_out(many, page=99).page == 3


def test_bars_lie_inside_the_axis() -> None:
    layout = timeline.lay_out([observation("a", start=0, end=1_000_000), observation("b", "a", 250_000, 500_000)])
    assert (layout.rows[1].left, layout.rows[1].width) == ("25.000%", "25.000%")
    assert [tick.text for tick in layout.ticks] == ["0", "200 ms", "400 ms", "600 ms", "800 ms", "1 s"]
    assert layout.ticks[-1].anchor == "end"


def test_an_event_has_a_mark_and_no_duration() -> None:
    layout = timeline.lay_out([observation("a", end=None)])
    assert layout.rows[0].duration == ""
    assert layout.rows[0].width == "0.000%"


@pytest.mark.parametrize("length", [1, 2, 7, 999, 10**6, 3 * 10**9, 10**15])
def test_an_axis_has_few_ticks(length: int) -> None:
    layout = timeline.lay_out([observation("a", start=5, end=5 + length)])
    assert 2 <= len(layout.ticks) <= 6


def test_an_empty_trace_has_no_axis() -> None:
    assert timeline.lay_out([]).ticks == ()
