"""A latency histogram that can be merged and subtracted: the log buckets of DDSketch.

Bucket i holds durations d (microseconds) with g**(i-1) < d <= g**i and g = (1 + a) / (1 - a); a quantile read as
2 * g**i / (g + 1) is off by at most a = 1 % of itself (Masson, Rim, Lee: DDSketch, VLDB 2019, section 2.1). Counts add
up exactly, so a histogram of hours is the sum of its hours and a row that moves takes its count along. Durations of
0 have the bucket -1 of their own.

As bytes a histogram is a list of (bucket, count) pairs of 6 bytes in which a bucket may come again: to add two is to
put one behind the other, which SQL does without calling Python. `compact` sums the pairs up where they grew too many.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping

from trunkline.types import Micros

RELATIVE_ERROR = 0.01
ZERO = -1

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
PER_LOG = 1 / math.log(_GAMMA)

Counts = dict[int, int]
"""Bucket to count. In a difference counts may be negative; a count of 0 is left out."""

LONG = 3000
"""Bytes from which on a histogram is worth compacting: more than the distinct buckets of most services."""

_pair = struct.Struct("<hi")
_pack, _unpack = _pair.pack, _pair.iter_unpack
_log, _ceil = math.log, math.ceil


def bucket(duration: Micros) -> int:
    """The bucket of a duration; what is negative counts as 0."""
    return _ceil(_log(duration) * PER_LOG) if duration > 0 else ZERO


def value(number: int) -> float:
    """The duration, in microseconds, that stands for a bucket."""
    return 0.0 if number == ZERO else 2 * _GAMMA**number / (_GAMMA + 1)


def encode(counts: Mapping[int, int]) -> bytes:
    return b"".join([_pack(number, count) for number, count in counts.items() if count])


def decode(data: bytes) -> Counts:
    counts: Counts = {}
    for number, count in _unpack(data):
        counts[number] = counts.get(number, 0) + count
    return {number: count for number, count in counts.items() if count}


def compact(data: bytes) -> bytes:
    """The same histogram, each bucket once, in order."""
    return encode(dict(sorted(decode(data).items())))


def merge(histograms: Iterable[Mapping[int, int]]) -> Counts:
    total: Counts = {}
    for counts in histograms:
        for number, count in counts.items():
            total[number] = total.get(number, 0) + count
    return total


def quantile(counts: Mapping[int, int], q: float) -> float | None:
    """The q-quantile (0 to 1) by nearest rank, in microseconds; None of an empty histogram.

    The nearest rank, ceil(q n), and not the lower one: the p95 of two durations is the longer of them.
    """
    total = sum(counts.values())
    if total <= 0:
        return None
    rank = max(1, math.ceil(q * total))
    seen = 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= rank:
            return value(number)
    return value(max(counts))


def interpolated(counts: Mapping[int, int], q: float) -> float | None:
    """The q-quantile between the two nearest ranks, in proportion, in microseconds; within the relative error too."""
    total = sum(counts.values())
    if total <= 0:
        return None
    rank = q * (total - 1)
    lower, share = int(rank), rank % 1
    low, high = _at_rank(counts, lower), _at_rank(counts, min(lower + 1, total - 1))
    return low + (high - low) * share


def _at_rank(counts: Mapping[int, int], rank: int) -> float:
    """The value at a rank, counted from 0."""
    seen = 0
    for number in sorted(counts):
        seen += counts[number]
        if seen > rank:
            return value(number)
    return value(max(counts))
