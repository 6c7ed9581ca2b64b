"""Random rows and conditions, and a plain model of what a condition means, said in Python over what is read back."""

from __future__ import annotations

import json
import operator
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trace_events import SECOND, T, at, score, span, trace
from trunkline.store.filters import (
    AnyNumber,
    AnyOf,
    Column,
    Condition,
    FlagIs,
    IsNull,
    Members,
    NumberIs,
    TextIs,
    TextOperator,
    TimeIs,
)
from trunkline.store.sqlite_columns import OBSERVATIONS, SCORES, Columns
from trunkline.types import (
    JSON,
    Change,
    Level,
    Observation,
    ObservationType,
    Score,
    ScoreSource,
    ScoreType,
    TraceDetail,
)

WORDS = ("", "a", "ab", "Ab", "b%", "_", "né", "a b", '"q"', "null", "7")
NUMBERS = (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 10.0)
TAGS = ("t1", "t2", "x y")
KEYS = ("k", "n", "list", "deep", "gone")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
SEVERITY = (Level.DEBUG, Level.DEFAULT, Level.WARNING, Level.ERROR)


# --- rows -----------------------------------------------------------------------------------------


def some_metadata(rng: random.Random) -> bytes | None:
    values: JSON = {
        "k": rng.choice([*WORDS, None, 7, True]),
        "n": rng.choice([0, 1, 2.5, "3", "x", None]),
        "list": rng.choice([["a", "b"], ["ab", 1], [], "a"]),
        "deep": {"a": rng.choice(WORDS)},
    }
    chosen = {key: value for key, value in values.items() if rng.random() < 0.6}
    return json.dumps(chosen, ensure_ascii=False).encode() if rng.random() < 0.9 else None


def some_text(rng: random.Random) -> bytes | None:
    return rng.choice([None, b'"Needle in hay"', b'{"x":"needle"}', b"[1,2]", b'"ab"', '"NÉ"'.encode()])


def some_observation(rng: random.Random, trace_id: str, number: int) -> Change:
    start = T + rng.randint(0, 4) * SECOND
    kind = rng.choice([ObservationType.SPAN, ObservationType.GENERATION, ObservationType.TOOL])
    usage = rng.choice([None, {"input": 1, "output": 2, "total": 3}, {"input": 1, "input_cached": 1, "audio": 4}])
    return span(
        f"{trace_id}-o{number}", trace_id, at(0, 0, number), type=kind, start_time=start,
        end_time=rng.choice([None, start, start + SECOND // 2, start + 2 * SECOND]),
        completion_start_time=rng.choice([None, start + SECOND]), name=rng.choice([None, *WORDS[1:]]),
        parent_id=rng.choice([None, "parent", f"{trace_id}-o0"]), is_root=rng.choice([None, True]),
        level=rng.choice([None, *Level]), status_message=rng.choice([None, "a b", "ab"]), usage=usage,
        version=rng.choice([None, "v1"]), environment=rng.choice(["default", "ab"]), model=rng.choice([None, "gpt-4o"]),
        cost=rng.choice([None, {"total": 0.5}, {"input": 0.5, "input_audio": 0.5, "output": 1.0}]),
        prompt_name=rng.choice([None, "ab"]), prompt_version=rng.choice([None, 1, 2]), input=some_text(rng),
        output=some_text(rng), metadata=some_metadata(rng),
    )  # fmt: skip


def some_score(rng: random.Random, id: str, trace_id: str | None, observation_id: str | None) -> Change:
    kind = rng.choice([ScoreType.NUMERIC, ScoreType.CATEGORICAL, ScoreType.BOOLEAN, ScoreType.TEXT])
    flag = rng.choice([0.0, 1.0])
    value = {ScoreType.NUMERIC: rng.choice(NUMBERS), ScoreType.BOOLEAN: flag, ScoreType.CATEGORICAL: 0.0}.get(kind)
    text = {ScoreType.BOOLEAN: str(bool(flag)), ScoreType.NUMERIC: None}.get(kind, rng.choice(WORDS[1:]))
    return score(
        id, name=rng.choice(["q", "ab"]), data_type=kind, value=value, string_value=text, trace_id=trace_id,
        observation_id=observation_id, timestamp=T + rng.randint(0, 3) * SECOND, comment=rng.choice([None, "ab"]),
        session_id=None if trace_id else "s", source=rng.choice(list(ScoreSource)), metadata=some_metadata(rng),
        environment=rng.choice(["default", "ab"]), author_id=rng.choice([None, "ab"]),
        config_id=rng.choice([None, "c"]),
    )  # fmt: skip


def some_rows(rng: random.Random, traces: int = 40) -> list[Change]:
    changes: list[Change] = []
    for number in range(traces):
        id = rng.choice([f"{number:032x}", f"trace {number}", f"{number:08x}-0000-4000-8000-00000000000a"])
        changes.append(trace(
            id, timestamp=T + rng.randint(0, 6) * SECOND, name=rng.choice([None, *WORDS[1:]]),
            user_id=rng.choice([None, *WORDS[1:]]), session_id=rng.choice([None, "s", "ab"]),
            public=rng.choice([None, True]),
            release=rng.choice([None, "r1"]), version=rng.choice([None, "v1", "v2"]), metadata=some_metadata(rng),
            environment=rng.choice(["default", "ab"]), tags=tuple(sorted(rng.sample(TAGS, rng.randint(0, 3)))),
        ))  # fmt: skip
        parts = [some_observation(rng, id, n) for n in range(rng.randint(0, 4))]
        changes += parts
        for n in range(rng.randint(0, 3)):
            judged = rng.choice([None, *(part.id for part in parts)])
            changes.append(some_score(rng, f"{id}-s{n}", id, judged))
    changes += [some_score(rng, f"session-s{n}", None, None) for n in range(5)]
    return changes


# --- the model ------------------------------------------------------------------------------------


class Row:
    """A row as the model sees it: values by column, metadata, and the scores that hang on it."""

    def __init__(self, values: Mapping[Column, Any], metadata: bytes | None, scores: Sequence[Score] = ()) -> None:
        self.values, self.scores = values, scores
        found = json.loads(metadata) if metadata else {}
        self.metadata: dict[str, JSON] = found if isinstance(found, dict) else {}


def text_of(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def raw_text(document: bytes | None) -> str | None:
    if document is None:
        return None
    return str(json.loads(document)) if document[:1] == b'"' else document.decode()


def compare_text(operator: TextOperator, text: str, value: str) -> bool:
    return {
        TextOperator.EQUAL: text == value,
        TextOperator.CONTAINS: value in text,
        TextOperator.LACKS: value not in text,
        TextOperator.STARTS: text.startswith(value),
        TextOperator.ENDS: text.endswith(value),
        TextOperator.MATCHES: value.casefold() in text.casefold(),
    }[operator]


def number_of(value: JSON) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def holds(row: Row, condition: Condition) -> bool:
    value = row.values.get(condition.column)
    match condition:
        case TextIs(key=None):
            if condition.operator is TextOperator.MATCHES and value is None:
                return False
            return compare_text(condition.operator, value or "", condition.value)
        case TextIs():
            if condition.key not in row.metadata:
                return False
            wanted = condition.operator
            if wanted is TextOperator.MATCHES:
                wanted = TextOperator.CONTAINS
            return compare_text(wanted, text_of(row.metadata[condition.key or ""]), condition.value)
        case AnyOf(column=Column.SCORE_CATEGORIES):
            named = [s for s in row.scores if s.name == condition.key and s.data_type is ScoreType.CATEGORICAL]
            return any(s.string_value in condition.values for s in named) is not condition.negated
        case AnyOf(key=None):
            return ((value or "") in condition.values) is not condition.negated
        case AnyOf():
            held = row.metadata.get(condition.key or "")
            texts = [text_of(each) for each in held] if isinstance(held, list) else [text_of(held)]
            texts = texts if condition.key in row.metadata else []
            return any(text in condition.values for text in texts) is not condition.negated
        case Members():
            has = [each in (value or ()) for each in condition.values]
            return {"any of": any(has), "none of": not any(has), "all of": all(has)}[condition.operator]
        case NumberIs(column=Column.SCORE_NUMBERS):
            kinds = {ScoreType.NUMERIC} if condition.key is None else {ScoreType.NUMERIC, ScoreType.BOOLEAN}
            numbers = [s.value for s in row.scores if s.data_type in kinds and condition.key in (None, s.name)]
            known = [number for number in numbers if number is not None]
            return bool(known) and COMPARE[condition.operator](sum(known) / len(known), condition.value)
        case NumberIs():
            number = value if condition.key is None else number_of(row.metadata.get(condition.key))
            return number is not None and COMPARE[condition.operator](number, condition.value)
        case AnyNumber():
            return value in condition.values
        case TimeIs():
            return value is not None and COMPARE[condition.operator](value, condition.value)
        case FlagIs(key=None):
            return (bool(value) == condition.value) is not condition.negated
        case FlagIs():
            flags = [s for s in row.scores if s.name == condition.key and s.data_type is ScoreType.BOOLEAN]
            return any(bool(s.value) == condition.value for s in flags) is not condition.negated
        case IsNull(key=None):
            return (value is None or value in ("", ())) is not condition.negated
        case IsNull():
            return (row.metadata.get(condition.key or "") is None) is not condition.negated


def kind_sum(amounts: Mapping[str, float], kind: str) -> float:
    return sum(amount for name, amount in amounts.items() if name.startswith(kind))


def trace_row(detail: TraceDetail) -> Row:
    found, parts = detail.trace, detail.observations
    levels = [part.level for part in parts]
    values: dict[Column, Any] = {
        Column(name): getattr(found, name)
        for name in ("id", "name", "timestamp", "environment", "version", "user_id", "session_id", "release", "tags")
    }
    values |= {
        Column.PUBLIC: found.public, Column.BOOKMARKED: False, Column.LATENCY: (found.latency or 0) / 1e6,
        Column.INPUT_TOKENS: sum(kind_sum(part.usage, "input") for part in parts),
        Column.OUTPUT_TOKENS: sum(kind_sum(part.usage, "output") for part in parts),
        Column.TOTAL_TOKENS: sum(part.usage.get("total", sum(part.usage.values())) for part in parts),
        Column.INPUT_COST: sum(kind_sum(part.cost, "input") for part in parts),
        Column.OUTPUT_COST: sum(kind_sum(part.cost, "output") for part in parts), Column.TOTAL_COST: found.total_cost,
        Column.LEVEL: max(levels, key=SEVERITY.index) if levels else None,
        Column.ERROR_COUNT: levels.count(Level.ERROR), Column.WARNING_COUNT: levels.count(Level.WARNING),
        Column.DEFAULT_COUNT: levels.count(Level.DEFAULT), Column.DEBUG_COUNT: levels.count(Level.DEBUG),
    }  # fmt: skip
    return Row(values, found.metadata, detail.scores)


def observation_row(part: Observation, detail: TraceDetail) -> Row:
    found = detail.trace
    latency = None if part.end_time is None else (part.end_time - part.start_time) / 1e6
    first = None if part.completion_start_time is None else (part.completion_start_time - part.start_time) / 1e6
    output = kind_sum(part.usage, "output")
    values: dict[Column, Any] = {
        Column(name): getattr(part, name)
        for name in ("id", "name", "type", "environment", "model", "prompt_name", "prompt_version", "version", "level",
                     "status_message", "parent_id", "start_time", "end_time", "trace_id")
    }  # fmt: skip
    values |= {
        Column.LATENCY: latency, Column.TIME_TO_FIRST_TOKEN: first,
        Column.TOKENS_PER_SECOND: output / latency if latency else None,
        Column.INPUT_TOKENS: kind_sum(part.usage, "input"), Column.OUTPUT_TOKENS: output,
        Column.TOTAL_TOKENS: part.usage.get("total", sum(part.usage.values())) if part.usage else None,
        Column.INPUT_COST: kind_sum(part.cost, "input"), Column.OUTPUT_COST: kind_sum(part.cost, "output"),
        Column.TOTAL_COST: part.cost.get("total", sum(part.cost.values())) if part.cost else None,
        Column.IS_ROOT: part.is_root or part.parent_id is None, Column.HAS_PARENT: part.parent_id is not None,
        Column.INPUT: raw_text(part.input), Column.OUTPUT: raw_text(part.output), Column.USER_ID: found.user_id,
        Column.SESSION_ID: found.session_id, Column.TRACE_NAME: found.name, Column.TRACE_ENVIRONMENT: found.environment,
        Column.TAGS: found.tags, Column.RELEASE: found.release,
    }  # fmt: skip
    return Row(values, part.metadata, [s for s in detail.scores if s.observation_id == part.id])


def score_row(found: Score, of: Row | None) -> Row:
    """`of` is its trace, where it has one."""
    columns = [*SCORES.texts, *SCORES.ids, *SCORES.numbers, *SCORES.times]
    values = {column: getattr(found, column.value) for column in columns}
    trace_values = {column: of and of.values[held] for column, held in SCORES.of_trace.items()}
    return Row(values | trace_values, found.metadata)


# --- the conditions -------------------------------------------------------------------------------


def some_condition(rng: random.Random, columns: Columns, ids: Sequence[str]) -> Condition:
    """Any condition that can be asked of a table."""
    texts = [*columns.texts, *(c for c in columns.of_trace if c is not Column.TAGS)]
    makers: list[Callable[[], Condition]] = [
        *[lambda: some_text_condition(rng, rng.choice(texts), WORDS)] * 4,
        *[lambda: some_text_condition(rng, rng.choice([*columns.ids]), [*rng.sample(ids, 3), "trace", "0000"])] * 2,
        lambda: NumberIs(column=rng.choice([*columns.numbers]), operator=some_operator(rng), value=rng.choice(NUMBERS)),
        lambda: AnyNumber(column=rng.choice([*columns.numbers]), values=tuple(rng.sample(NUMBERS, 2))),
        lambda: TimeIs(
            column=rng.choice([*columns.times]), operator=some_operator(rng), value=T + rng.randint(0, 6) * SECOND
        ),
        lambda: some_metadata_condition(rng),
        lambda: IsNull(column=rng.choice([*texts, *columns.numbers, *columns.times]), negated=rng.random() < 0.5),
    ]
    if columns.flags:
        flags = [*columns.flags]
        makers.append(lambda: FlagIs(column=rng.choice(flags), value=rng.random() < 0.5, negated=rng.random() < 0.5))
    if columns is not SCORES:
        makers += [lambda: some_score_condition(rng), lambda: some_score_condition(rng)]
        makers.append(
            lambda: Members(
                column=Column.TAGS,
                operator=rng.choice(["any of", "all of", "none of"]),
                values=tuple(rng.sample([*TAGS, "none"], rng.randint(0, 2))),
            )
        )
    if columns is OBSERVATIONS:
        makers.append(
            lambda: TextIs(
                column=rng.choice([Column.INPUT, Column.OUTPUT]),
                operator=rng.choice(list(TextOperator)),
                value=rng.choice(["needle", "NEEDLE", "né", "[1", "ab", '"x"']),
            )
        )
    return rng.choice(makers)()


def some_operator(rng: random.Random) -> Any:
    return rng.choice(list(COMPARE))


def some_text_condition(rng: random.Random, column: Column, words: Sequence[str]) -> Condition:
    if rng.random() < 0.3:
        return AnyOf(column=column, values=tuple(rng.sample(words, 2)), negated=rng.random() < 0.5)
    known = {
        Column.LEVEL: [*Level],
        Column.TYPE: [*ObservationType],
        Column.DATA_TYPE: [*ScoreType],
        Column.SOURCE: [*ScoreSource],
    }
    operators = [each for each in TextOperator if each is not TextOperator.MATCHES]
    return TextIs(
        column=column, operator=rng.choice(operators), value=str(rng.choice([*words, *known.get(column, [])]))
    )


def some_metadata_condition(rng: random.Random) -> Condition:
    column, key = Column.METADATA, rng.choice(KEYS)
    found: list[Condition] = [
        TextIs(
            column=column,
            key=key,
            operator=rng.choice(list(TextOperator)),
            value=rng.choice([*WORDS, "true", '"a"']),
        ),
        NumberIs(column=column, key=key, operator=some_operator(rng), value=rng.choice(NUMBERS)),
        AnyOf(column=column, key=key, values=tuple(rng.sample(WORDS, 2)), negated=rng.random() < 0.5),
        IsNull(column=column, key=key, negated=rng.random() < 0.5),
    ]
    return rng.choice(found)


def some_score_condition(rng: random.Random) -> Condition:
    name = rng.choice(["q", "ab", "none"])
    found: list[Condition] = [
        NumberIs(
            column=Column.SCORE_NUMBERS,
            key=rng.choice([None, name]),
            operator=some_operator(rng),
            value=rng.choice(NUMBERS),
        ),
        AnyOf(column=Column.SCORE_CATEGORIES, key=name, values=tuple(rng.sample(WORDS, 3)), negated=rng.random() < 0.5),
        FlagIs(column=Column.SCORE_FLAGS, key=name, value=rng.random() < 0.5, negated=rng.random() < 0.5),
    ]
    return rng.choice(found)
