"""The side table of texts: blocks of them, appended in the order of arrival and rewritten where a part is erased."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import apsw

from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_tables import RowWriter
from trunkline.store.sqlite_where import numbers
from trunkline.store.texts import (
    BLOCK_BYTES,
    MOST_PARTS,
    NO_TEXTS,
    SHIPPED,
    BlockReader,
    BlockWriter,
    Part,
    Texts,
    block_of,
    place_of,
    reference,
    texts_of,
)

_BLOCKS = "SELECT t.text, t.content FROM carray(?) AS c CROSS JOIN texts AS t ON t.text = c.value"
_ONE = "SELECT content FROM texts WHERE text = ?"
_OF_TRACE = "SELECT text FROM traces WHERE trace = ?"
_OF_OBSERVATIONS = "SELECT text FROM observations WHERE project = ? AND trace = ? AND text IS NOT NULL"


class TextBlocks:
    """Reads texts by reference with the dictionaries that the file keeps."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.unpack = BlockReader(self._dictionary).unpack

    def _dictionary(self, number: int) -> bytes:
        found = self._connection.execute("SELECT content FROM dictionaries WHERE dictionary = ?", (number,)).get
        return bytes(found)

    def read(self, references: Iterable[int | None]) -> dict[int | None, Texts]:
        """Each block is unpacked once. References to nothing are absent."""
        wanted: dict[int, list[int]] = defaultdict(list)
        for each in references:
            if each is not None:
                wanted[block_of(each)].append(each)
        found: dict[int | None, Texts] = {}
        if not wanted:
            return found
        for block, content in self._connection.execute(_BLOCKS, (numbers(tuple(wanted)),)):
            parts = self.unpack(content)
            for each in wanted[block]:
                part = parts[place_of(each)]
                if part is not None:
                    found[each] = texts_of(part)
        return found


class TextTable:
    """What one transaction adds to the texts and erases from them: `begin`, then any of the others, then `flush`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        dictionary = connection.execute("SELECT content FROM dictionaries WHERE dictionary = ?", (SHIPPED,)).get
        self._pack = BlockWriter(bytes(dictionary)).pack
        self._blocks = TextBlocks(connection)
        self._rows = RowWriter(connection, "INSERT INTO texts", ("text", "project", "content"))
        self._pending: list[Row] = []
        self._dropped: list[tuple[int, int, int]] = []
        self._open: list[Part] = []
        self._open_bytes = 0
        self._project = 0
        self._next = 0

    def begin(self) -> None:
        """To be called first in every transaction: another process may have appended."""
        self._next = (self._connection.execute("SELECT max(text) FROM texts").get or 0) + 1
        self._pending.clear()
        self._dropped.clear()
        self._open, self._open_bytes = [], 0

    def add(self, project: int, trace: int, texts: Texts) -> int | None:
        """The reference of new texts, which `flush` writes; None where there are none."""
        return self.append(project, (trace, texts.input, texts.output, texts.metadata, texts.parameters))

    def append(self, project: int, part: Part) -> int | None:
        _, given, made, metadata, parameters = part
        size = len(given or b"") + len(made or b"") + len(metadata or b"") + len(parameters or b"")
        if not size:
            return None
        if project != self._project or size > BLOCK_BYTES:
            self._seal()
            self._project = project
        number = reference(self._next, len(self._open))
        self._open.append(part)
        self._open_bytes += size
        if self._open_bytes >= BLOCK_BYTES or len(self._open) == MOST_PARTS:
            self._seal()
        return number

    def _seal(self) -> None:
        if self._open:
            self._pending.append((self._next, self._project, self._pack(self._open)))
            self._next += 1
            self._open, self._open_bytes = [], 0

    def read(self, number: int | None) -> Texts:
        """Texts that an earlier transaction wrote."""
        return self._blocks.read((number,)).get(number, NO_TEXTS)

    def drop(self, project: int, trace: int, number: int | None) -> None:
        """Erases a text at `flush`, unless the trace or one of its observations refers to it then: a trace may share
        the texts of its root."""
        if number is not None:
            self._dropped.append((project, trace, number))

    def flush(self) -> None:
        """To be called when the rows that refer to texts stand as they shall."""
        self._seal()
        self._rows.write(self._pending)
        self._pending.clear()
        if self._dropped:
            self._erase(self._unused())
            self._dropped.clear()

    def _unused(self) -> set[int]:
        by_trace: dict[tuple[int, int], set[int]] = defaultdict(set)
        for project, trace, number in self._dropped:
            by_trace[project, trace].add(number)
        unused: set[int] = set()
        for (project, trace), dropped in by_trace.items():
            execute = self._connection.execute
            used = {execute(_OF_TRACE, (trace,)).get, *(row[0] for row in execute(_OF_OBSERVATIONS, (project, trace)))}
            unused |= dropped - used
        return unused

    def _erase(self, references: Iterable[int]) -> None:
        places: dict[int, list[int]] = defaultdict(list)
        for number in references:
            places[block_of(number)].append(place_of(number))
        for block, gone in places.items():
            content = self._connection.execute(_ONE, (block,)).get
            if content is None:
                continue
            parts = self._blocks.unpack(content)
            for place in gone:
                parts[place] = None
            if any(parts):
                self._connection.execute("UPDATE texts SET content = ? WHERE text = ?", (self._pack(parts), block))
            else:
                self._connection.execute("DELETE FROM texts WHERE text = ?", (block,))
