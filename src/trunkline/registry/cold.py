"""The first start of a repository: the whole history, its reading spread over `git` subprocesses.

`git log` runs beside the parsing of all files that the head serves (5 s and 4 s at 100,000 commits and 23,000 texts).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from trunkline.errors import InvalidFile
from trunkline.prompts.names import LabelPath, PromptPath, parse_path
from trunkline.registry.advance import Advance, Advanced
from trunkline.registry.commands import list_tree
from trunkline.registry.entries import Entries
from trunkline.registry.log import read_log, start_log
from trunkline.registry.repository import Repository
from trunkline.registry.snapshot import EMPTY
from trunkline.registry.sources import Files, Past


@contextmanager
def collector_paused() -> Iterator[None]:
    """For a start: hundreds of thousands of objects come and stay, and looking for cycles among them takes seconds."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def build_cold(repository: Repository, entries: Entries, files: Files, past: Past) -> Advanced:
    """The snapshot of the branch's tip, from nothing but the repository."""
    head = repository.head()
    log = start_log(repository.path, head)
    try:
        _prime(repository, head, entries, files)
        advanced = Advance(EMPTY, read_log(log), past=past, entries=entries, files=files).run()
    finally:
        log.close()
    entries.forget_primed()
    files.forget_primed()
    return advanced


def _prime(repository: Repository, head: str, entries: Entries, files: Files) -> None:
    """Parses what the head serves: its prompt files, and the older texts that labels point at."""
    prompts: list[str] = []
    labels: list[tuple[str, str]] = []
    for _, blob, path in list_tree(repository.path, head):
        try:
            target = parse_path(path)
        except InvalidFile:
            continue
        if isinstance(target, PromptPath):
            prompts.append(blob)
        elif isinstance(target, LabelPath):
            labels.append((blob, path))
    pointed = (arm.blob for label in files.prime_labels(labels) for arm in label.arms if arm.blob)
    entries.prime([*prompts, *pointed])
