"""Prompt files by blob: parsed once, kept encoded in a table, the recent ones in memory.

What is wrong with a file is kept too, so that a hostile one is not parsed again at each start.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from trunkline.errors import InvalidFile, InvalidRequest, TrunklineError
from trunkline.prompts.files import parse_prompt
from trunkline.prompts.lint import check_content
from trunkline.prompts.references import references_of
from trunkline.registry.commands import MAX_BLOB, read_blobs
from trunkline.registry.repository import Repository
from trunkline.registry.tables import EntryTable
from trunkline.types import Fault, PromptContent, PromptType, Reference, Severity, Struct

FORMAT = b"1"
"""First byte of a stored entry. Raise it when the parser or the lint changes its mind about a file."""
RECENT = 2_048
_BATCH = 1_000


class Parsed(Struct, frozen=True, kw_only=True):
    """A prompt file: its content, or why it has none."""

    content: PromptContent | None = None
    references: tuple[Reference, ...] = ()
    problem: str = ""
    line: int = 0


class Info(Struct, frozen=True, kw_only=True):
    """What building a snapshot needs of a file: light, because a cold start holds tens of thousands."""

    type: PromptType = PromptType.TEXT
    tags: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    problem: str = ""
    line: int = 0

    def fault(self, path: str) -> Fault:
        return Fault(path=path, line=self.line, message=self.problem, code="invalid-prompt")


_decode = msgspec.msgpack.Decoder(Parsed).decode
_encode = msgspec.msgpack.Encoder().encode


def parse(data: bytes | None) -> Parsed:
    """Never raises for bad input. None stands for a blob that is too large."""
    if data is None or len(data) > MAX_BLOB:
        return Parsed(problem=f"A prompt file has at most {MAX_BLOB // 1024} KiB.")
    try:
        content = parse_prompt(data)
        wrong = [fault for fault in check_content(content) if fault.severity is Severity.ERROR]
        if wrong:
            return Parsed(problem=wrong[0].message, line=wrong[0].line)
        return Parsed(content=content, references=references_of(content))
    except InvalidFile as error:
        return Parsed(problem=error.reason, line=error.line)
    except InvalidRequest as error:
        return Parsed(problem=error.message)


class Entries:
    """The parsed files of one repository. Thread-safe."""

    def __init__(self, repository: Repository, table: EntryTable) -> None:
        self._repository = repository
        self.table = table
        self._recent: OrderedDict[str, Parsed] = OrderedDict()
        self._lock = threading.Lock()
        self._primed: dict[str, Info] = {}
        self._fresh: dict[str, Parsed] = {}

    def info(self, blob: str) -> Info:
        return self._primed.get(blob) or info_of(self.get(blob))

    def get(self, blob: str) -> Parsed:
        """The file of a blob; a missing blob counts as an invalid file."""
        found = self._recent.get(blob)
        if found is None:
            found = self._stored(blob) or self._read(blob)
            self._remember(blob, found)
        return found

    def content(self, blob: str) -> PromptContent | None:
        return self.get(blob).content

    def _remember(self, blob: str, parsed: Parsed) -> None:
        with self._lock:
            self._recent[blob] = parsed
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)

    def _stored(self, blob: str) -> Parsed | None:
        return unpack(self.table.get([blob]).get(blob))

    def _read(self, blob: str) -> Parsed:
        try:
            data = self._repository.blob(blob) if self._repository.blob_size(blob) <= MAX_BLOB else None
        except KeyError:
            return Parsed(problem=f"The blob {blob} is not in the repository.")
        parsed = parse(data)
        with self._lock:
            self._fresh[blob] = parsed
        return parsed

    def save(self) -> None:
        """Keeps what was parsed since the last call: not before it is served, for a write takes its time."""
        with self._lock:
            fresh, self._fresh = self._fresh, {}
        self._store({blob: pack(parsed) for blob, parsed in fresh.items()})

    def _store(self, packed: dict[str, bytes]) -> None:
        try:
            self.table.put(packed)
        except TrunklineError:  # a cache: what is not kept is parsed again
            return

    def prime(self, blobs: Iterable[str]) -> None:
        """Many at once, for a cold start: from the table, and the rest from one `git cat-file`."""
        wanted = [blob for blob in dict.fromkeys(blobs) if blob not in self._primed]
        missing: list[str] = []
        for start in range(0, len(wanted), _BATCH):
            part = wanted[start : start + _BATCH]
            for blob, data in self.table.get(part).items():
                if parsed := unpack(data):
                    self._primed[blob] = info_of(parsed)
            missing += (blob for blob in part if blob not in self._primed)
        self._parse_all(missing)

    def forget_primed(self) -> None:
        self._primed = {}

    def _parse_all(self, blobs: list[str]) -> None:
        packed: dict[str, bytes] = {}
        for blob, data in read_blobs(self._repository.path, blobs) if blobs else ():
            parsed = parse(data)
            self._primed[blob] = info_of(parsed)
            packed[blob] = pack(parsed)
            if len(packed) == _BATCH:
                self._store(packed)
                packed = {}
        self._store(packed)


_PLAIN = {kind: Info(type=kind) for kind in PromptType}


def info_of(parsed: Parsed) -> Info:
    content = parsed.content
    if content is None:
        return Info(problem=parsed.problem, line=parsed.line)
    if not content.tags and not parsed.references:
        return _PLAIN[content.type]
    return Info(type=content.type, tags=content.tags, references=parsed.references)


def pack(parsed: Parsed) -> bytes:
    return FORMAT + zlib.compress(_encode(parsed), 1)


def unpack(data: bytes | None) -> Parsed | None:
    """None for what another release has written."""
    if not data or data[:1] != FORMAT:
        return None
    return _decode(zlib.decompress(data[1:]))
