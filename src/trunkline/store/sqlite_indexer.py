"""Filling the search index: follows the log of changes, and reads what was there before it.

It looks at a trace as it stands, compares with what is indexed of it, and mends the difference. So it does not matter
how often it looks, in which order, or where the last process died: the place in the log is committed with the index.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from trunkline.store.search_texts import searched, searched_text
from trunkline.store.sqlite_changes import changes_after, last_change
from trunkline.store.sqlite_index import (
    BLOCK_CHARACTERS,
    BLOCK_DOCUMENTS,
    facets_of,
    first_number,
    hour_of,
    hour_of_document,
    make_block,
    open_index,
    set_state,
    start_again,
    state_of_index,
    trace_facets,
)
from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_schema import moment, open_connection, transaction, understood
from trunkline.store.sqlite_tables import find_series
from trunkline.store.sqlite_texts import TextBlocks
from trunkline.store.sqlite_where import numbers
from trunkline.store.texts import NO_TEXTS, Texts
from trunkline.types import Micros

STEP_TRACES = 500
"""Traces in one transaction of the index."""
_TEXTS_AT_ONCE = 100

_OF_TRACES = (
    "SELECT t.trace, t.project, t.timestamp, t.environment, t.name, t.text FROM carray(?) AS c "
    "CROSS JOIN traces AS t ON t.trace = c.value"
)
_OF_OBSERVATIONS = (
    "SELECT o.trace, o.id, o.project, o.start_time, o.series, o.text, o.parent_id IS NULL FROM carray(?) AS c "
    "CROSS JOIN traces AS t ON t.trace = c.value "
    "CROSS JOIN observations AS o ON o.project = t.project AND o.trace = t.trace"
)
_INDEXED = (
    "SELECT d.trace, d.id, d.document, d.text, d.facets, d.block FROM carray(?) AS c "
    "CROSS JOIN documents AS d INDEXED BY document_by_trace ON d.trace = c.value"
)
_INSERT = "INSERT INTO block_{} (rowid, input, output, name, facet) VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM block_{} WHERE rowid = ?"

Key = tuple[int, bytes | None]
"""Number of a trace, and the id of an observation of it or None for itself."""


class Wanted(NamedTuple):
    """An observation or a trace as it stands."""

    time: Micros
    text: int | None
    facets: int
    """Stands for all else that is indexed: the series, or a checksum for a trace."""
    name: str
    words: str
    """Of the column `facet`."""
    root: int | None = None
    """The text of a trace's root. Most traces say what their root says: that is indexed once."""


class Indexed(NamedTuple):
    document: int
    text: int | None
    facets: int
    block: int

    def is_as(self, wanted: Wanted) -> bool:
        same_text = self.text == wanted.text or (wanted.root is not None and self.text == -wanted.root)
        return same_text and self.facets == wanted.facets and hour_of_document(self.document) == hour_of(wanted.time)


class Step(NamedTuple):
    """What one step did. `followed` is the place in the log that nobody needs any more."""

    documents: int
    more: bool
    followed: int
    lag: Micros = 0
    """Age of the earliest change that it brought."""


class Indexer:
    """Indexes the traces of one file. One thread at a time; the caller holds the index's lock."""

    def __init__(self, traces: Path, index: Path, *, busy_ms: int = 5000) -> None:
        self._path = index
        self._store = open_connection(traces, busy_ms=busy_ms, read_only=True)
        self._index = open_index(index, busy_ms=busy_ms)
        self._texts = TextBlocks(self._store).read
        self._series: dict[int, tuple[str, str]] = {}
        self._next: dict[int, int] = {}

    def close(self) -> None:
        self._store.close()
        self._index.close()

    def step(self) -> Step:
        """One bounded piece of work: what was written lately first, then what was there before."""
        with understood(self._path):
            state = state_of_index(self._index)
            last = last_change(self._store)
            if state["rebuild"] or not 0 <= state["followed"] <= last:
                self._start_again(last)
                return Step(0, True, last)
            changed = changes_after(self._store, state["followed"], STEP_TRACES)
            if changed is None:
                return self._read_on(state["unread"], state["followed"])
            if changed.unknown:
                self._start_again(changed.last)
                return Step(0, True, changed.last)
            with transaction(self._index):
                self._forget(changed.gone)
                done = self._bring(changed.touched | changed.gone)
                set_state(self._index, followed=changed.last)
            return Step(done, True, changed.last, max(time.time_ns() // 1000 - changed.at, 0))

    def unread(self) -> int:
        """About how many traces from before the index are left."""
        return state_of_index(self._index)["unread"]

    def _start_again(self, followed: int) -> None:
        with transaction(self._index):
            highest = self._store.execute("SELECT max(trace) FROM traces").get or 0
            start_again(self._index, followed, highest)

    def _read_on(self, unread: int, followed: int) -> Step:
        """The latest of the traces that were there before the index."""
        if not unread:
            return Step(0, False, followed)
        query = "SELECT trace FROM traces WHERE trace <= ? ORDER BY trace DESC LIMIT ?"
        rows: list[Row] = self._store.execute(query, (unread, STEP_TRACES)).fetchall()
        traces: list[int] = [row[0] for row in rows]
        with transaction(self._index):
            done = self._bring(traces) if traces else 0
            set_state(self._index, unread=traces[-1] - 1 if traces else 0)
        return Step(done, True, followed)

    # --- comparing

    def _bring(self, traces: Collection[int]) -> int:
        """Makes the index say of these traces what the store says; returns how many documents it wrote."""
        wanted = self._wanted(traces)
        fresh = dict(wanted)
        stale: list[Indexed] = []
        for row in self._index.execute(_INDEXED, (numbers(sorted(traces)),)) if traces else ():
            key, indexed = (row[0], row[1]), Indexed(*row[2:])
            known = wanted.get(key)
            if known is not None and indexed.is_as(known):
                del fresh[key]
            else:
                stale.append(indexed)
        self._next.clear()
        given = [(self._number(each.time), key, each) for key, each in fresh.items()]
        self._remove(stale)
        given.sort(key=lambda each: each[0])
        for at in range(0, len(given), _TEXTS_AT_ONCE):
            self._write(given[at : at + _TEXTS_AT_ONCE])
        return len(given)

    def _forget(self, gone: Collection[int]) -> None:
        if gone:
            self._remove([Indexed(*row[2:]) for row in self._index.execute(_INDEXED, (numbers(sorted(gone)),))])

    def _wanted(self, traces: Collection[int]) -> dict[Key, Wanted]:
        if not traces:
            return {}
        found: dict[Key, Wanted] = {}
        given = numbers(sorted(traces))
        with moment(self._store):
            for trace, project, timestamp, environment, name, text in self._store.execute(_OF_TRACES, (given,)):
                if name or text is not None:
                    words = " ".join(facets_of(project, None, environment))
                    facets = trace_facets(environment, name, text)
                    found[trace, None] = Wanted(timestamp, text, facets, searched_text(name or ""), words)
            for trace, id, project, start, series, text, root in self._store.execute(_OF_OBSERVATIONS, (given,)):
                name, words = self._of_series(project, series)
                if name or text is not None:
                    found[trace, id] = Wanted(start, text, series, name, words)
                if root and text is not None and (trace, None) in found:
                    found[trace, None] = found[trace, None]._replace(root=text)
        return found

    def _of_series(self, project: int, number: int) -> tuple[str, str]:
        found = self._series.get(number)
        if found is None:
            if len(self._series) > 50_000:
                self._series.clear()
            series = find_series(self._store, number)
            words = " ".join(facets_of(project, series.type, series.environment))
            found = self._series[number] = (searched_text(series.name), words)
        return found

    # --- writing

    def _number(self, time: Micros) -> int:
        """A number that no document has or had in this step."""
        hour = hour_of(time)
        number = self._next.get(hour)
        if number is None:
            least, above = first_number(time), first_number(time) + (1 << 28)
            highest = self._index.execute("SELECT max(document) FROM documents WHERE document < ?", (above,)).get
            number = least if highest is None or highest < least else highest + 1
        self._next[hour] = number + 1
        return number

    def _remove(self, stale: Iterable[Indexed]) -> None:
        by_block: dict[int, list[tuple[int]]] = defaultdict(list)
        for indexed in stale:
            by_block[indexed.block].append((indexed.document,))
        for block, documents in by_block.items():
            self._index.executemany("DELETE FROM documents WHERE document = ?", documents)
            left: int = self._index.execute(
                "UPDATE blocks SET documents = documents - ? WHERE block = ? RETURNING documents",
                (len(documents), block),
            ).get
            if left:
                self._index.executemany(_DELETE.format(block), documents)
            else:
                self._index.execute("DELETE FROM blocks WHERE block = ?", (block,))
                self._index.execute(f"DROP TABLE block_{block}")

    def _write(self, given: list[tuple[int, Key, Wanted]]) -> None:
        texts = self._texts([number for _, _, each in given for number in (each.text, each.root)])
        block = self._block()
        rows, documents, size = [], [], 0
        for number, key, each in given:
            text, indexed = texts.get(each.text, NO_TEXTS), each.text
            if each.root is not None and _says_no_more(text, texts.get(each.root)):
                text, indexed = NO_TEXTS, -each.root
            documents.append((number, block, *key, indexed, each.facets))
            row = (number, searched(text.input), searched(text.output), each.name, each.words)
            size += len(row[1]) + len(row[2])
            rows.append(row)
        self._index.executemany(_INSERT.format(block), rows)
        self._index.executemany(
            "INSERT INTO documents (document, block, trace, id, text, facets) VALUES (?, ?, ?, ?, ?, ?)",
            documents,
        )
        hours = hour_of_document(given[0][0]), hour_of_document(given[-1][0])
        self._index.execute(
            "UPDATE blocks SET documents = documents + ?1, given = given + ?1, characters = characters + ?2, "
            "first_hour = min(first_hour, ?3), last_hour = max(last_hour, ?4) WHERE block = ?5",
            (len(given), size, *hours, block),
        )

    def _block(self) -> int:
        """The block that takes new documents."""
        query = "SELECT block, given, characters FROM blocks ORDER BY block DESC LIMIT 1"
        row = self._index.execute(query).fetchone()
        if row is None or row[1] >= BLOCK_DOCUMENTS or row[2] >= BLOCK_CHARACTERS:
            return make_block(self._index)
        block: int = row[0]
        return block


def _says_no_more(of_trace: Texts, of_root: Texts | None) -> bool:
    return of_root is not None and (of_trace.input, of_trace.output) == (of_root.input, of_root.output)


def run_to_the_end(indexer: Indexer) -> Iterator[Step]:
    """Steps until nothing is left."""
    while (step := indexer.step()).more:
        yield step
