"""What a trace store refuses before it queues a write, whatever its engine."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from trunkline.errors import InvalidRequest
from trunkline.types import Change, Micros, ObservationChange, ScoreChange, TraceChange

LONGEST_ID = 800
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds: what ISO 8601 can spell."""
_ROW_BYTES = 600


def check(change: Change) -> None:
    """Raises InvalidRequest that says what of the change cannot be stored."""
    _check_id(change.id)
    _check_time(change.stamp.time)
    if type(change) is ObservationChange:
        _check_observation(change)
    elif type(change) is TraceChange:
        _check_time(change.timestamp)
    elif type(change) is ScoreChange:
        _check_score(change)
    else:
        raise InvalidRequest(f"A change of the unknown kind {type(change).__name__} cannot be stored.")


def size_of(change: Change) -> int:
    """About how many bytes the change takes in memory."""
    if isinstance(change, ScoreChange):
        return _ROW_BYTES + _size(change.metadata)
    return _ROW_BYTES + _size(change.input) + _size(change.output) + _size(change.metadata)


def _check_observation(change: ObservationChange) -> None:
    _check_id(change.trace_id)
    _check_time(change.start_time)
    _check_time(change.end_time)
    _check_time(change.completion_start_time)
    if change.cost:
        _check_numbers(change.cost, change.id)


def _check_score(change: ScoreChange) -> None:
    _check_time(change.timestamp)
    if change.value is not None:
        _check_numbers({"value": change.value}, change.id)


def _check_id(id: str) -> None:
    if not id or len(id) > LONGEST_ID:
        raise InvalidRequest(f"An id has 1 to {LONGEST_ID} characters; this one has {len(id)}.")


def _check_time(time: Micros | None) -> None:
    if time is not None and not EARLIEST <= time <= LATEST:
        raise InvalidRequest(f"{time} microseconds since 1970 lie outside of the years 1 to 9999.")


def _check_numbers(numbers: Mapping[str, float], id: str) -> None:
    for name, number in numbers.items():
        if not isfinite(number):
            raise InvalidRequest(f"{name!r} of {id!r} is {number}, which is no number that can be summed.")


def _size(text: bytes | None) -> int:
    return 0 if text is None else len(text)
