"""From conditions to SQL: an expression of `trunkline.store.sqlite_columns` compared with bound values."""

from __future__ import annotations

from array import array
from typing import Any

import apsw
import msgspec

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
from trunkline.store.sqlite_columns import OBSERVATIONS, TRACES, Columns
from trunkline.store.sqlite_rows import LEVELS, encode_id
from trunkline.types import Level

Bound = Any
"""A value of SQLite or an array for ``carray(?)``, for which the stubs of apsw have no name."""
Sql = tuple[str, tuple[Bound, ...]]
"""A condition and the values that it binds, in order."""

ALWAYS: Sql = ("1", ())
NEVER: Sql = ("0", ())
_TAGS = "SELECT tag.value FROM json_each(t.tags) AS tag"
_encode = msgspec.json.Encoder().encode
NARROW = frozenset({Column.ID, Column.USER_ID, Column.SESSION_ID})
"""Columns of which few traces have one value: observations and scores are found from those traces."""


def compile_condition(columns: Columns, project: int, condition: Condition) -> Sql:
    """Raises KeyError for a column that the table does not have in this form."""
    if condition.column in columns.of_trace:
        return _of_trace(columns, project, condition)
    if columns is OBSERVATIONS and (fault := fault_of(condition)) is not None:
        return "o.level >= 2 AND o.level = ?", (fault,)
    match condition:
        case TextIs():
            return _text(columns, condition)
        case AnyOf():
            return _any_of(columns, condition)
        case Members():
            return _members(condition)
        case NumberIs():
            return _number(columns, condition)
        case AnyNumber():
            values = apsw.carray(array("d", condition.values))
            return f"{columns.numbers[condition.column]} IN carray(?)", (values,)
        case TimeIs():
            return f"{columns.times[condition.column]} {condition.operator} ?", (condition.value,)
        case FlagIs():
            return _flag(columns, condition)
        case IsNull():
            return _is_null(columns, condition)


def compile_count(columns: Columns, project: int, condition: Condition) -> Sql:
    """The same condition for a count, which looks at every row: the scores of a name are gone through once."""
    match condition:
        case TextIs() | AnyOf() if columns is TRACES and fault_of(condition) == ERROR:
            found = "SELECT p.trace FROM observations AS p INDEXED BY observation_by_fault"
            return f"t.trace IN ({found} WHERE p.project = ? AND p.level >= 2 AND p.level = ?)", (project, ERROR)
        case NumberIs(column=Column.SCORE_NUMBERS, key=str() as key):
            kinds = "v.data_type IN ('NUMERIC', 'BOOLEAN')"
            group = columns.scored.partition("SELECT ")[2].partition(" ")[0]
            sql = f"{columns.scored}{_NAMED} AND {kinds} GROUP BY {group} HAVING avg(v.value) {condition.operator} ?)"
            return sql, (project, key, float(condition.value))
        case AnyOf(column=Column.SCORE_CATEGORIES):
            kind = f"v.data_type = 'CATEGORICAL' AND {_in('v.string_value', condition)}"
            values = (project, condition.key, *condition.values)
        case FlagIs(column=Column.SCORE_FLAGS):
            kind = "v.data_type = 'BOOLEAN' AND v.value = ?"
            values = (project, condition.key, int(condition.value))
        case _:
            return compile_condition(columns, project, condition)
    found = f"{columns.scored}{_NAMED} AND {kind})"
    return (f"NOT {found}" if condition.negated else found), values


ERROR = LEVELS.index(Level.ERROR)
_FAULTS = {level.value: LEVELS.index(level) for level in (Level.WARNING, Level.ERROR)}


def fault_of(condition: Condition) -> int | None:
    """The number of the level, where it has to be one of those that few observations have."""
    match condition:
        case TextIs(column=Column.LEVEL, operator=TextOperator.EQUAL, value=value):
            return _FAULTS.get(value)
        case AnyOf(column=Column.LEVEL, negated=False, values=[value]):
            return _FAULTS.get(str(value))
    return None


_NAMED = "v.project = ? AND v.name = ?"


def _of_trace(columns: Columns, project: int, condition: Condition) -> Sql:
    """A condition on a row's trace; a row without a trace meets none."""
    said = msgspec.structs.replace(condition, column=columns.of_trace[condition.column])
    sql, values = compile_condition(TRACES, project, said)
    if not columns.trace:
        return sql, values
    if _is_narrow(said):
        return f"{columns.among_traces}{sql})", (project, *values)
    return f"EXISTS (SELECT 1 FROM {columns.trace} AND {sql})", values  # noqa: S608 (constants, values are bound)


def _is_narrow(condition: Condition) -> bool:
    if condition.column not in NARROW:
        return False
    match condition:
        case TextIs(operator=TextOperator.EQUAL, value=value):
            return bool(value)
        case AnyOf(negated=False, values=values):
            return "" not in values
    return False


# --- texts -----------------------------------------------------------------------------------------------------------


def _text(columns: Columns, condition: TextIs) -> Sql:
    column, operator, value = condition.column, condition.operator, condition.value
    if column in columns.ids:
        if operator is TextOperator.EQUAL and value:
            return f"{columns.ids[column]} = ?", (encode_id(value),)
        return _compare(f"id_text({columns.ids[column]})", operator, value)
    if column in (Column.INPUT, Column.OUTPUT):
        return _compare(f"content_text({columns.content}, '{column}')", operator, value)
    if condition.key is None:
        return _compare(columns.texts[column], operator, value)
    # A literal match is in either case in inputs and outputs, and to the letter here.
    sql, values = _compare("m.v", TextOperator.CONTAINS if operator is TextOperator.MATCHES else operator, value)
    found = f"SELECT metadata_text({columns.metadata}) AS v"
    sql = f"EXISTS (SELECT 1 FROM ({found}) AS m WHERE m.v IS NOT NULL AND {sql})"  # noqa: S608
    return sql, (condition.key, *values)


def _compare(text: str, operator: TextOperator, value: str) -> Sql:
    """NULL is the empty text; said so that an index answers an equality."""
    match operator:
        case TextOperator.EQUAL:
            return (f"{text} = ?", (value,)) if value else (f"coalesce({text}, '') = ''", ())
        case TextOperator.CONTAINS:
            return (f"instr({text}, ?) > 0", (value,)) if value else ALWAYS
        case TextOperator.LACKS:
            return (f"instr(coalesce({text}, ''), ?) = 0", (value,)) if value else NEVER
        case TextOperator.STARTS:
            return (f"substr({text}, 1, ?) = ?", (len(value), value)) if value else ALWAYS
        case TextOperator.ENDS:
            return (f"substr({text}, ?) = ?", (-len(value), value)) if value else ALWAYS
        case TextOperator.MATCHES:
            return (f"holds({text}, ?)", (value,)) if value else ALWAYS


def _any_of(columns: Columns, condition: AnyOf) -> Sql:
    column, key = condition.column, condition.key
    if column is Column.SCORE_CATEGORIES:
        return _category(columns, condition)
    if key is not None:
        values = f"json_each(metadata_values({columns.metadata})) AS e"
        found = f"EXISTS (SELECT 1 FROM {values} WHERE {_in('e.value', condition)})"  # noqa: S608
        return f"NOT {found}" if condition.negated else found, (key, *condition.values)
    if column in columns.ids:
        sql = f"{columns.ids[column]} IN carray(?)"
        ids = (apsw.carray(tuple(encode_id(value) for value in condition.values)),)
        return (f"coalesce({sql}, 0) = 0" if condition.negated else sql), ids
    text = columns.texts[column]
    if condition.negated:
        return f"coalesce({text}, '') NOT {_in('', condition)}", condition.values
    return _in(f"coalesce({text}, '')" if "" in condition.values else text, condition), condition.values


def _in(text: str, condition: AnyOf) -> str:
    return f"{text} IN ({', '.join('?' * len(condition.values))})"


def _members(condition: Members) -> Sql:
    """The tags of a trace are the one list that there is."""
    if condition.column is not Column.TAGS:
        raise KeyError(condition.column)
    wanted = _encode(condition.values).decode()
    if condition.operator == "all of":
        return f"NOT EXISTS (SELECT 1 FROM json_each(?) AS w WHERE w.value NOT IN ({_TAGS}))", (wanted,)  # noqa: S608
    found = f"EXISTS (SELECT 1 FROM json_each(?) AS w WHERE w.value IN ({_TAGS}))"  # noqa: S608
    return (found if condition.operator == "any of" else f"NOT {found}"), (wanted,)


# --- numbers, flags, scores ------------------------------------------------------------------------------------------


def _number(columns: Columns, condition: NumberIs) -> Sql:
    column, key, operator, value = condition.column, condition.key, condition.operator, float(condition.value)
    if column is Column.SCORE_NUMBERS:
        if key is None:
            mean = f"(SELECT avg(v.value) FROM {columns.scores} AND v.data_type = 'NUMERIC')"  # noqa: S608
            return f"{mean} {operator} ?", (value,)
        named = f"(SELECT avg(v.value) FROM {columns.scores} AND v.data_type IN ('NUMERIC', 'BOOLEAN') AND v.name = ?)"  # noqa: S608
        return f"{named} {operator} ?", (key, value)
    if key is not None:
        return f"metadata_number({columns.metadata}) {operator} ?", (key, value)
    return f"{columns.numbers[column]} {operator} ?", (value,)


def _category(columns: Columns, condition: AnyOf) -> Sql:
    named = "v.data_type = 'CATEGORICAL' AND v.name = ?"
    found = f"EXISTS (SELECT 1 FROM {columns.scores} AND {named} AND {_in('v.string_value', condition)})"  # noqa: S608
    return (f"NOT {found}" if condition.negated else found), (condition.key, *condition.values)


def _flag(columns: Columns, condition: FlagIs) -> Sql:
    if condition.column is not Column.SCORE_FLAGS:
        return f"{columns.flags[condition.column]} {'!=' if condition.negated else '='} ?", (int(condition.value),)
    named = "v.data_type = 'BOOLEAN' AND v.name = ? AND v.value = ?"
    found = f"EXISTS (SELECT 1 FROM {columns.scores} AND {named})"  # noqa: S608
    return (f"NOT {found}" if condition.negated else found), (condition.key, int(condition.value))


def _is_null(columns: Columns, condition: IsNull) -> Sql:
    column = condition.column
    values: tuple[Bound, ...] = ()
    if condition.key is not None:
        sql, values = f"coalesce({columns.metadata}, 'null') = 'null'", (condition.key,)
    elif column is Column.TAGS:
        sql = "coalesce(t.tags, '[]') = '[]'"
    elif column in columns.texts:
        sql = f"coalesce({columns.texts[column]}, '') = ''"
    elif column in (Column.INPUT, Column.OUTPUT):
        sql = f"content_text({columns.content}, '{column}') IS NULL"
    else:
        expressions = (columns.ids, columns.numbers, columns.times, columns.flags)
        expression = next(found[column] for found in expressions if column in found)
        sql = f"{expression} IS NULL"
    return (f"NOT ({sql})" if condition.negated else sql), values
