"""A trace's observations as a tree, and each as a bar on a time axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trunkline.types import Level, Micros, Observation, Struct
from trunkline.ui import formats

PAGE_ROWS = 2000
"""Rows of a tree on one page: a browser lays out so many in about half a second."""
MAX_DEPTH = 24
"""Deepest indentation; what is nested deeper is drawn there."""


class Row(Struct, frozen=True, kw_only=True):
    """One line of the tree. `left` and `width` are SVG lengths in percent of the trace's time."""

    id: str
    name: str
    type: str
    level: Level
    depth: int
    children: int
    duration: str
    left: str
    width: str
    label_left: str
    label_anchor: str
    """``start`` after the bar; ``end`` before a bar that ends far right, or inside one that fills the axis."""
    label_inside: bool
    tokens: int = 0
    cost: float = 0.0


class Tick(Struct, frozen=True, kw_only=True):
    left: str
    text: str
    anchor: str
    """So that the first and the last stay inside the axis."""


class Timeline(Struct, frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    total: int
    page: int
    pages: int


def order(observations: Sequence[Observation]) -> list[tuple[Observation, int, int]]:
    """Depth first: (observation, depth, number of children).

    An observation whose parent did not arrive hangs at the top; one in a ring of parents is shown once, at the top.
    """
    known = {observation.id for observation in observations}
    children: dict[str | None, list[Observation]] = {}
    for observation in observations:
        parent = observation.parent_id if observation.parent_id in known else None
        children.setdefault(parent, []).append(observation)
    rows: list[tuple[Observation, int, int]] = []
    seen: set[str] = set()
    tops = children.get(None, [])
    for top in [*tops, *observations]:
        if top.id not in seen:
            rows.extend(_walk(top, children, seen))
    return rows


def _walk(
    top: Observation, children: dict[str | None, list[Observation]], seen: set[str]
) -> Iterator[tuple[Observation, int, int]]:
    stack = [(top, 0)]
    while stack:
        observation, depth = stack.pop()
        if observation.id in seen:
            continue
        seen.add(observation.id)
        below = children.get(observation.id, [])
        yield observation, depth, len(below)
        stack.extend((child, depth + 1) for child in reversed(below))


def span_of(observations: Sequence[Observation]) -> tuple[Micros, Micros]:
    """First start and length of the axis; at least a microsecond."""
    start = min(observation.start_time for observation in observations)
    end = max(max(observation.start_time, observation.end_time or 0) for observation in observations)
    return start, max(1, end - start)


def lay_out(observations: Sequence[Observation], *, page: int | None = None, chosen: str | None = None) -> Timeline:
    """One page of the tree: `page` (from 1), or the page that holds the observation `chosen`, or the first."""
    if not observations:
        return Timeline(rows=(), ticks=(), total=0, page=1, pages=1)
    ordered = order(observations)
    pages = -(-len(ordered) // PAGE_ROWS)
    if page is None:
        place = next((n for n, (observation, _, _) in enumerate(ordered) if observation.id == chosen), 0)
        page = place // PAGE_ROWS + 1
    page = max(1, min(page, pages))
    start, length = span_of(observations)
    shown = ordered[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    rows = tuple(_row(observation, depth, below, start, length) for observation, depth, below in shown)
    return Timeline(rows=rows, ticks=_ticks(length), total=len(ordered), page=page, pages=pages)


def _row(observation: Observation, depth: int, below: int, start: Micros, length: int) -> Row:
    took = max(0, (observation.end_time or observation.start_time) - observation.start_time)
    left = (observation.start_time - start) / length
    end = left + took / length
    late, inside = end > 0.82, end > 0.82 and left < 0.2
    return Row(
        id=observation.id,
        name=observation.name or observation.type.value.lower(),
        type=observation.type.value.lower(),
        level=observation.level,
        depth=min(depth, MAX_DEPTH),
        children=below,
        duration=formats.duration(took) if observation.end_time is not None else "",
        left=formats.percent(left),
        width=formats.percent(took / length),
        label_left=formats.percent(left if late and not inside else end),
        label_anchor="end" if late else "start",
        label_inside=inside,
        tokens=total_tokens(observation),
        cost=total_cost(observation),
    )


def total_tokens(observation: Observation) -> int:
    usage = observation.usage
    return usage["total"] if "total" in usage else sum(usage.values())


def total_cost(observation: Observation) -> float:
    cost = observation.cost
    return cost["total"] if "total" in cost else sum(cost.values())


def _ticks(length: int) -> tuple[Tick, ...]:
    """At most six, at round values."""
    steps = (digit * 10**power for power in range(20) for digit in (1, 2, 5))
    step = next(step for step in steps if length // step < 6)
    return tuple(
        Tick(
            left=formats.percent(at / length),
            text=formats.tick(at),
            anchor="start" if at == 0 else "end" if at > 0.95 * length else "middle",
        )
        for at in range(0, length + 1, step)
    )
