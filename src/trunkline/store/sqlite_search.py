"""Answering searches from the index, and checking every hit against the store.

The index follows by seconds. A hit whose observation is gone, or has another text or name by now, is left out: what
was replaced or deleted is not found any more as soon as that was committed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from trunkline.errors import InvalidRequest
from trunkline.store.search import (
    AllOf,
    AnyOf,
    Expression,
    Not,
    SearchCursor,
    SearchField,
    SearchHit,
    SearchPage,
    SearchQuery,
    SearchStatus,
    Words,
)
from trunkline.store.search_texts import MARK, searched, searched_text, shown
from trunkline.store.sqlite_changes import oldest_change
from trunkline.store.sqlite_index import (
    FIELDS,
    TOKENIZER,
    facets_of,
    first_number,
    hour_of,
    open_index,
    state_of_index,
    trace_facets,
)
from trunkline.store.sqlite_rows import Row, decode_id
from trunkline.store.sqlite_schema import moment
from trunkline.store.sqlite_tables import find_project
from trunkline.store.sqlite_texts import TextBlocks
from trunkline.store.texts import NO_TEXTS
from trunkline.types import Micros, ObservationType

ENOUGH_S, EMPTY_S = 0.15, 0.6
"""A page is answered as it is once so much time has gone by, an empty one later, and says where to go on."""
TOO_LONG_S = 5.0
_STEPS = 20_000
"""Of SQLite's machine between two looks at the clock."""
_BEFORE, _AFTER = 60, 160
"""Characters of a snippet around the first word found."""
_FARTHEST_WORD = 20_000

_HITS = (
    "SELECT d.document, d.trace, d.id, d.text, d.facets, place(block_{0}) FROM block_{0} "
    "CROSS JOIN documents AS d ON d.document = block_{0}.rowid "
    "WHERE block_{0} MATCH ? AND block_{0}.rowid < ? AND block_{0}.rowid >= ? ORDER BY block_{0}.rowid DESC"
)
_OBSERVATION = (
    "SELECT o.text, o.series, t.id, o.start_time, s.name, s.type, s.environment FROM observations AS o "
    "CROSS JOIN traces AS t ON t.trace = o.trace CROSS JOIN series AS s ON s.series = o.series "
    "WHERE o.project = ? AND o.trace = ? AND o.id = ?"
)
_TRACE = "SELECT text, 0, id, timestamp, name, NULL, environment FROM traces WHERE project = ? AND trace = ?"


def expression_of(expression: Expression, everything: str) -> str:
    """An expression in the language of FTS5. `everything` matches all that may be found: NOT takes away from something.

    Words go in as quoted strings, which FTS5 splits as it does texts; nothing else of the caller's goes in.
    """
    if isinstance(expression, Words):
        fields = expression.field or " ".join(FIELDS)
        words = searched_text(expression.text).replace(MARK, " ").replace('"', '""')
        return f'{{{fields}}} : "{words}"{" *" if expression.prefix else ""}'
    if isinstance(expression, Not):
        return f"({everything} NOT ({expression_of(expression.part, everything)}))"
    if isinstance(expression, AnyOf):
        return "(" + " OR ".join(expression_of(part, everything) for part in expression.parts) + ")"
    return _all_of(expression, everything)


def _all_of(expression: AllOf, everything: str) -> str:
    wanted = [expression_of(part, everything) for part in expression.parts if not isinstance(part, Not)]
    unwanted = [expression_of(part.part, everything) for part in expression.parts if isinstance(part, Not)]
    found = "(" + " AND ".join(wanted or [everything]) + ")"
    return f"({found} NOT ({' OR '.join(unwanted)}))" if unwanted else found


class _Block(NamedTuple):
    number: int
    first_hour: int
    last_hour: int


class _Found(NamedTuple):
    """A document that matches, and its row as it stands."""

    document: int
    id: bytes | None
    place: str
    row: Row


class SearchReader:
    """Searches for one thread. `store` is a reading connection to the traces, in a transaction during a call."""

    def __init__(self, store: apsw.Connection, index: Path, *, busy_ms: int) -> None:
        self._store = store
        self.index = open_index(index, busy_ms=busy_ms, read_only=True)
        self.index.register_fts5_function("place", _place)
        self.index.set_progress_handler(self._too_long, _STEPS)
        self._tokenize = self.index.fts5_tokenizer(*TOKENIZER)
        self._texts = TextBlocks(store).read
        self._began = 0.0

    def status(self) -> SearchStatus:
        state = state_of_index(self.index)
        oldest = oldest_change(self._store, state["followed"])
        lag = max(time.time_ns() // 1000 - oldest, 0) if oldest is not None else 0
        documents: int = self.index.execute("SELECT coalesce(sum(documents), 0) FROM blocks").get
        return SearchStatus(lag=lag, documents=documents, unread_traces=state["unread"])

    def search(self, project_id: str, query: SearchQuery) -> SearchPage:
        """Raises InvalidRequest for a search that takes too long in one block."""
        project = find_project(self._store, project_id)
        if project is None:
            return SearchPage(hits=())
        try:
            with moment(self.index):
                self._began = time.monotonic()
                return self._page(project, query)
        except apsw.InterruptError as error:
            raise InvalidRequest("The search matches too much to be answered in time: add a rarer word.") from error
        finally:
            self._began = 0.0

    def _page(self, project: int, query: SearchQuery) -> SearchPage:
        words = _match(project, query)
        hits: list[SearchHit] = []
        for number, block in enumerate(self._blocks(query)):
            if number and self._took(ENOUGH_S if hits else EMPTY_S):
                return SearchPage(hits=tuple(hits), cursor=SearchCursor(block.number, 1 << 62))
            last = self._in_block(project, query, words, block, hits)
            if last is not None:
                return SearchPage(hits=tuple(hits), cursor=SearchCursor(block.number, last))
        return SearchPage(hits=tuple(hits))

    def _in_block(
        self, project: int, query: SearchQuery, words: str, block: _Block, hits: list[SearchHit]
    ) -> int | None:
        """Adds a block's hits; gives the last document looked at where there may be more after it."""
        for found in self._found(project, query, words, block):
            if len(hits) == query.limit:
                return found.document + 1
            if _in_time(query, found.row[3]):
                hits.append(self._hit(found))
            if self._took(ENOUGH_S if hits else EMPTY_S):
                return found.document
        return None

    def _found(self, project: int, query: SearchQuery, words: str, block: _Block) -> Iterator[_Found]:
        after = query.after
        below = after.place if after is not None and after.block == block.number else 1 << 62
        if query.until is not None:
            below = min(below, first_number(query.until) + (1 << 28))
        least = 0 if query.since is None else first_number(query.since)
        for row in self.index.execute(_HITS.format(block.number), (words, below, least)):
            now = self._as_it_stands(project, row)
            if now is not None:
                yield _Found(int(row[0]), row[2], str(row[5]), now)

    def _as_it_stands(self, project: int, row: Row) -> Row | None:
        """The observation or trace of a document; None where it is another by now."""
        _, trace, id, text, facets, _ = row
        if id is None:
            now = self._store.execute(_TRACE, (project, trace)).fetchone()
            return now if now is not None and trace_facets(now[6], now[4], now[0]) == facets else None
        now = self._store.execute(_OBSERVATION, (project, trace, id)).fetchone()
        return now if now is not None and (now[0], now[1]) == (text, facets) else None

    def _blocks(self, query: SearchQuery) -> list[_Block]:
        """The blocks in which there may be hits, the newest first."""
        rows: list[Row] = self.index.execute(
            "SELECT block, first_hour, last_hour FROM blocks WHERE block <= ? AND last_hour >= ? AND first_hour <= ? "
            "ORDER BY block DESC",
            (
                1 << 62 if query.after is None else query.after.block,
                0 if query.since is None else hour_of(query.since),
                1 << 62 if query.until is None else hour_of(query.until),
            ),
        ).fetchall()
        return [_Block(*row) for row in rows]

    def _hit(self, found: _Found) -> SearchHit:
        text, _, trace_id, time, name, kind, environment = found.row
        field, snippet = self._snippet(found.place, text, name or "")
        return SearchHit(
            trace_id=decode_id(trace_id),
            observation_id=None if found.id is None else decode_id(found.id),
            type=None if kind is None else ObservationType(kind),
            name=name or None,
            environment=environment,
            time=time,
            field=field,
            snippet=snippet,
        )

    def _snippet(self, place: str, number: int | None, name: str) -> tuple[SearchField, str]:
        column, word = map(int, place.split())
        if column < 0:  # nothing but what is not there was asked for
            column = 2 if name else 0
        if column == 2:
            return SearchField.NAME, shown(searched_text(name))[: _BEFORE + _AFTER]
        texts = self._texts((number,)).get(number, NO_TEXTS)
        text = searched(texts.output if column else texts.input)
        return SearchField(FIELDS[column]), self._around(text, word)

    def _around(self, text: str, word: int) -> str:
        """The text around its word number `word`."""
        if word > _FARTHEST_WORD:
            return shown(text[: _BEFORE + _AFTER])
        data = text.encode()
        # A word of a text has some 6 bytes; where these have longer ones, all of the text is looked at.
        for part in (data[: (word + 1) * 24 + 64], data):
            found = self._tokenize(part, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_colocated=False)
            places: list[Any] = list(found)
            if word < len(places) - 1 or part == data:
                break
        begin, end = places[word][:2] if word < len(places) else (0, 0)
        return _cut(data, begin, end)

    def _took(self, seconds: float) -> bool:
        return time.monotonic() - self._began > seconds

    def _too_long(self) -> bool:
        """Asked by SQLite while it works; True ends the statement."""
        return bool(self._began) and self._took(TOO_LONG_S)


def _match(project: int, query: SearchQuery) -> str:
    """What FTS5 is asked."""
    everything = f'facet : "{facets_of(project, None, "")[0]}"'
    conditions = [everything, expression_of(query.expression, everything)]
    kinds = [facets_of(project, kind, "")[1] for kind in query.types]
    environments = [facets_of(project, None, name)[2] for name in query.environments]
    for words in (kinds, environments):
        if words:
            conditions.append("(" + " OR ".join(f'facet : "{word}"' for word in words) + ")")
    return " AND ".join(conditions)


def _in_time(query: SearchQuery, time: Micros) -> bool:
    return (query.since is None or time >= query.since) and (query.until is None or time < query.until)


def _place(matched: apsw.FTS5ExtensionApi, *_: apsw.SQLiteValue) -> str:
    """Column and number of the first word found; -1 where nothing of the caller's is in the document."""
    for phrase in range(matched.phrase_count):
        for column in matched.phrase_columns(phrase):
            if column < len(FIELDS):
                return f"{column} {matched.phrase_column_offsets(phrase, column)[0]}"
    return "-1 0"


def _cut(data: bytes, begin: int, end: int) -> str:
    """About `_BEFORE` characters before and `_AFTER` after, from word to word."""
    before = data[max(begin - 4 * _BEFORE, 0) : begin].decode(errors="ignore")
    after = data[end : end + 4 * _AFTER].decode(errors="ignore")
    head, tail = before[-_BEFORE:], after[:_AFTER]
    if len(before) > _BEFORE and " " in head:
        head = "… " + head[head.index(" ") + 1 :]
    if len(after) > _AFTER and " " in tail:
        tail = tail[: tail.rindex(" ")] + " …"
    return shown(head + data[begin:end].decode(errors="ignore") + tail)
