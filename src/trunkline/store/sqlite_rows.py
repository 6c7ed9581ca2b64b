"""How traces, observations and scores lie in the rows of SQLite, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.store.rollups import Series, token_sums, total_cost
from trunkline.store.texts import Texts
from trunkline.store.traces import GENERATION_LIKE
from trunkline.types import (
    Level,
    Micros,
    Observation,
    ObservationChange,
    Rank,
    Score,
    ScoreChange,
    ScoreSource,
    ScoreType,
    Stamp,
    Struct,
    Trace,
    TraceChange,
)

SQLiteValue = int | float | str | bytes | None
Row = tuple[Any, ...]

START_SAID, ENVIRONMENT_SAID, TYPE_SAID, ROOT, ROOT_SAID, COST_GIVEN, GENERATION = 1, 2, 4, 8, 16, 32, 64
"""Bits of `observations.flags`. *_SAID: an event said it, it is not the default. The index on GENERATION names 64."""

LEVELS = (Level.DEFAULT, Level.DEBUG, Level.WARNING, Level.ERROR)
_LEVEL_NUMBERS = {level.value: number for number, level in enumerate(LEVELS)}
_GENERATION_VALUES = frozenset(type.value for type in GENERATION_LIKE)
"""By `_value_`: members of an enumeration are hashed, and `value` is read, in Python, which every span would feel."""
DEFAULT_ENVIRONMENT = "default"

_encode_json = msgspec.json.Encoder(order="deterministic").encode
_decode_usage = msgspec.json.Decoder(dict[str, int]).decode
_decode_cost = msgspec.json.Decoder(dict[str, float]).decode
decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode
_PLAIN_KINDS = frozenset({"input", "output", "total"})

# --- ids -------------------------------------------------------------------------------------------------------------

_AMBIGUOUS = frozenset({8, 16, 17})


def encode_id(id: str) -> bytes:
    """An id as bytes, one to one: 16 or 32 hexadecimal digits and UUIDs take half their size."""
    size = len(id)
    try:
        if size in (16, 32):
            raw = bytes.fromhex(id)
            if raw.hex() == id:
                return raw
        elif size == 36 and id[8] == "-":
            raw = b"u" + bytes.fromhex(id.replace("-", ""))
            if len(raw) == 17 and decode_id(raw) == id:
                return raw
    except ValueError:
        pass
    text = id.encode()
    return (b"T\0\0" if len(text) + 1 in _AMBIGUOUS else b"t") + text


def decode_id(data: bytes) -> str:
    if len(data) in (8, 16):
        return data.hex()
    if len(data) == 17:
        digits = data[1:].hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return data[3 if data[:1] == b"T" else 1 :].decode()


def encode_optional_id(id: str | None) -> bytes | None:
    return encode_id(id) if id else None


def decode_optional_id(data: bytes | None) -> str | None:
    return None if data is None else decode_id(data)


# --- observations ----------------------------------------------------------------------------------------------------

OBSERVATION_COLUMNS = (
    "project", "trace", "id", "series", "start_time", "duration", "completion", "parent_id", "level", "flags",
    "input_tokens", "output_tokens", "total_tokens", "cost_input", "cost_output", "cost_total", "text", "stamp_order",
    "stamp_time", "created_at", "updated_at", "usage", "cost", "version", "status_message", "state",
)  # fmt: skip
SERIES_COLUMNS = ("type", "environment", "name", "model", "prompt_name", "prompt_version")


def start_of(change: ObservationChange) -> Micros:
    """The start that was said, else the time of the (earliest) event."""
    start = change.start_time
    return change.stamp.time if start is None else start


def series_of(change: ObservationChange) -> tuple[str, str, str, str, str, int]:
    """The fields of `Series`, as a key."""
    type = change.type
    return (
        "SPAN" if type is None else type._value_,
        change.environment or DEFAULT_ENVIRONMENT,
        change.name or "",
        change.model or "",
        change.prompt_name or "",
        change.prompt_version or 0,
    )


def is_generation(change: ObservationChange) -> bool:
    """Whether the observation counts for a version of a prompt."""
    type = change.type
    if type is None or not change.prompt_name or not change.prompt_version:
        return False
    return type._value_ in _GENERATION_VALUES


def encode_observation(
    change: ObservationChange,
    place: tuple[int, int, bytes, int],
    cost: Mapping[str, float] | None,
    text: int | None,
    times: tuple[Micros, Micros | None],
    state: bytes | None,
) -> Row:
    """The row of an observation. `place` is project, trace, id, series; `times` are created and updated."""
    said, stamp = change.start_time, change.stamp
    start = stamp.time if said is None else said
    usage, end, began, is_root = change.usage, change.end_time, change.completion_start_time, change.is_root
    level = change.level
    flags = (
        (said is not None)
        | (ENVIRONMENT_SAID if change.environment else 0)
        | (TYPE_SAID if change.type is not None else 0)
        | (0 if is_root is None else ROOT_SAID | ROOT if is_root else ROOT_SAID)
        | (COST_GIVEN if change.cost else 0)
        | (GENERATION if change.prompt_name and is_generation(change) else 0)
    )
    tokens: tuple[int | None, int | None, int | None, bytes | None] = _NO_TOKENS
    if usage:
        tokens = _encode_tokens(usage)
    costs: tuple[float | None, float | None, float | None, bytes | None] = _NO_COSTS
    if cost:
        costs = _encode_cost(cost)
    return (
        *place,
        start,
        None if end is None else end - start,
        None if began is None else began - start,
        encode_id(change.parent_id) if change.parent_id else None,
        None if level is None else _LEVEL_NUMBERS[level._value_],
        flags,
        tokens[0],
        tokens[1],
        tokens[2],
        costs[0],
        costs[1],
        costs[2],
        text,
        stamp.index if not stamp.rank else stamp.rank << 40 | stamp.index,
        None if stamp.time == start else stamp.time,
        *times,
        tokens[3],
        costs[3],
        change.version or None,
        change.status_message or None,
        state,
    )


_NO_TOKENS = (None, None, None, None)
_NO_COSTS = (None, None, None, None)


def _encode_tokens(usage: Mapping[str, int]) -> tuple[int | None, int | None, int | None, bytes | None]:
    if _PLAIN_KINDS.issuperset(usage):
        return usage.get("input"), usage.get("output"), usage.get("total"), None
    return *token_sums(usage), _encode_json(usage)


def _encode_cost(cost: Mapping[str, float]) -> tuple[float | None, float | None, float | None, bytes | None]:
    if _PLAIN_KINDS.issuperset(cost) and "total" in cost:
        return cost.get("input"), cost.get("output"), cost["total"], None
    return _side(cost, "input"), _side(cost, "output"), total_cost(cost), _encode_json(cost)


def _side(cost: Mapping[str, float], prefix: str) -> float | None:
    """The sum of a side's kinds, which is what narrow rows are summed by."""
    found = [amount for kind, amount in cost.items() if kind.startswith(prefix)]
    return sum(found) if found else None


def _plain(input: Any, output: Any, total: Any) -> dict[str, Any]:
    given = (("input", input), ("output", output), ("total", total))
    return {kind: amount for kind, amount in given if amount is not None}


def observation_of(row: Row, series: Series, trace_id: str, texts: Texts) -> Observation:
    """An observation as it is read, from a row of `OBSERVATION_COLUMNS`."""
    start, duration, completion, level, flags, created, updated = (row[i] for i in (4, 5, 6, 8, 9, 19, 20))
    return Observation(
        id=decode_id(row[2]),
        trace_id=trace_id,
        type=series.type,
        start_time=start,
        created_at=created,
        updated_at=created if updated is None else updated,
        environment=series.environment,
        level=LEVELS[level or 0],
        name=series.name or None,
        end_time=None if duration is None else start + max(duration, 0),
        completion_start_time=None if completion is None else start + completion,
        parent_id=decode_optional_id(row[7]),
        status_message=row[24],
        version=row[23],
        model=series.model or None,
        model_parameters=texts.parameters,
        usage=_plain(*row[10:13]) if row[21] is None else _decode_usage(row[21]),
        cost=cost_of(row) or {},
        cost_given=bool(flags & COST_GIVEN),
        prompt_name=series.prompt_name or None,
        prompt_version=series.prompt_version or None,
        input=texts.input,
        output=texts.output,
        metadata=texts.metadata,
        is_root=bool(flags & ROOT),
    )


def cost_of(row: Row) -> dict[str, float] | None:
    """The cost of a row, given or computed."""
    return (_plain(*row[13:16]) or None) if row[22] is None else _decode_cost(row[22])


def change_of_observation(row: Row, series: Series, trace_id: str, texts: Texts) -> ObservationChange:
    """The one event that would have made this row; the inverse of `encode_observation`."""
    start, duration, completion, level, flags, order, time = (row[i] for i in (4, 5, 6, 8, 9, 17, 18))
    return ObservationChange(
        id=decode_id(row[2]),
        trace_id=trace_id,
        stamp=Stamp(order >> 40, start if time is None else time, order & (1 << 40) - 1),
        type=series.type if flags & TYPE_SAID else None,
        name=series.name or None,
        start_time=start if flags & START_SAID else None,
        end_time=None if duration is None else start + duration,
        completion_start_time=None if completion is None else start + completion,
        parent_id=decode_optional_id(row[7]),
        level=None if level is None else LEVELS[level],
        status_message=row[24],
        version=row[23],
        environment=series.environment if flags & ENVIRONMENT_SAID else None,
        model=series.model or None,
        model_parameters=texts.parameters,
        usage=(_plain(*row[10:13]) if row[21] is None else _decode_usage(row[21])) or None,
        cost=cost_of(row) if flags & COST_GIVEN else None,
        prompt_name=series.prompt_name or None,
        prompt_version=series.prompt_version or None,
        input=texts.input,
        output=texts.output,
        metadata=texts.metadata,
        is_root=bool(flags & ROOT) if flags & ROOT_SAID else None,
    )


# --- traces ----------------------------------------------------------------------------------------------------------

TRACE_COLUMNS = (
    "trace", "project", "id", "timestamp", "environment", "name", "user_id", "session_id", "release", "version",
    "public", "tags", "text", "created_at", "updated_at", "state",
)  # fmt: skip
TRACE_TIMESTAMP_SAID, TRACE_ENVIRONMENT_SAID = 0, 1
"""Places of these fields in `join.TRACE_FIELDS`."""


def encode_trace(
    change: TraceChange, place: tuple[int, int, bytes], text: int | None, times: tuple[Micros, Micros], state: bytes
) -> Row:
    """The row of a trace of which events said something. `place` is trace, project, id."""
    return (
        *place,
        change.stamp.time if change.timestamp is None else change.timestamp,
        change.environment or DEFAULT_ENVIRONMENT,
        change.name,
        change.user_id,
        change.session_id,
        change.release,
        change.version,
        change.public,
        _encode_json(change.tags).decode() if change.tags else None,
        text,
        *times,
        state,
    )


def change_of_trace(row: Row, texts: Texts) -> TraceChange:
    """The inverse of `encode_trace`. Whether timestamp and environment were said stands in the state."""
    return TraceChange(
        id=decode_id(row[2]),
        stamp=Stamp(Rank.CREATE, row[3]),
        timestamp=row[3],
        environment=row[4],
        name=row[5],
        user_id=row[6],
        session_id=row[7],
        release=row[8],
        version=row[9],
        public=None if row[10] is None else bool(row[10]),
        tags=decode_tags(row[11]) if row[11] else (),
        input=texts.input,
        output=texts.output,
        metadata=texts.metadata,
    )


class TraceSums(Struct, frozen=True, kw_only=True):
    """What a trace's observations and scores add up to."""

    latency: Micros | None = None
    cost: float = 0.0
    observation_ids: tuple[str, ...] = ()
    score_ids: tuple[str, ...] = ()


def trace_of(row: Row, texts: Texts, sums: TraceSums) -> Trace:
    """A trace as it is read, from a row of `TRACE_COLUMNS`."""
    return Trace(
        id=decode_id(row[2]),
        timestamp=row[3],
        created_at=row[13],
        updated_at=row[14],
        environment=row[4],
        name=row[5],
        user_id=row[6],
        session_id=row[7],
        release=row[8],
        version=row[9],
        public=bool(row[10]),
        tags=decode_tags(row[11]) if row[11] else (),
        input=texts.input,
        output=texts.output,
        metadata=texts.metadata,
        latency=sums.latency,
        total_cost=sums.cost,
        observation_ids=sums.observation_ids,
        score_ids=sums.score_ids,
    )


# --- scores ----------------------------------------------------------------------------------------------------------

SCORE_COLUMNS = (
    "project", "id", "name", "data_type", "timestamp", "value", "string_value", "trace_id", "observation_id",
    "session_id", "run_id", "source", "environment", "comment", "author_id", "config_id", "queue_id", "metadata",
    "stamp_order", "stamp_time", "created_at", "updated_at",
)  # fmt: skip


def encode_score(score: ScoreChange, project: int, times: tuple[Micros, Micros]) -> Row:
    return (
        project, encode_id(score.id), score.name, score.data_type, score.timestamp, score.value, score.string_value,
        encode_optional_id(score.trace_id), encode_optional_id(score.observation_id), score.session_id or None,
        score.run_id or None, score.source, score.environment, score.comment, score.author_id, score.config_id,
        score.queue_id, score.metadata, score.stamp.rank << 40 | score.stamp.index, score.stamp.time, *times,
    )  # fmt: skip


def _score_fields(row: Row) -> dict[str, Any]:
    return {
        "id": decode_id(row[1]), "name": row[2], "data_type": ScoreType(row[3]), "timestamp": row[4], "value": row[5],
        "string_value": row[6], "trace_id": decode_optional_id(row[7]), "observation_id": decode_optional_id(row[8]),
        "session_id": row[9], "run_id": row[10], "source": ScoreSource(row[11]), "environment": row[12],
        "comment": row[13], "author_id": row[14], "config_id": row[15], "queue_id": row[16], "metadata": row[17],
    }  # fmt: skip


def score_of(row: Row) -> Score:
    """A score as it is read, from a row of `SCORE_COLUMNS`."""
    return Score(created_at=row[20], updated_at=row[21], **_score_fields(row))


def change_of_score(row: Row) -> ScoreChange:
    """The inverse of `encode_score`."""
    stamp = Stamp(row[18] >> 40, row[19], row[18] & (1 << 40) - 1)
    return ScoreChange(stamp=stamp, **_score_fields(row))
