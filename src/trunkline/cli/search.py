"""`search`: look for words in what was traced, and look after the index."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click
from rich.progress import Progress

from trunkline.cli.output import errors, print_fields, print_json, print_table, say, short_time
from trunkline.cli.targets import Target, target_options
from trunkline.errors import InvalidRequest
from trunkline.installation import DataFolder
from trunkline.settings import load_settings
from trunkline.store.sqlite_index import IndexLock, ask_for_rebuild, index_path, open_index, state_of_index
from trunkline.store.sqlite_indexer import Indexer

data_option = click.option("--data", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Data folder.")


@click.group()
def search() -> None:
    """Search traces and observations by their words, and look after the index."""


@search.command("find")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=int, default=20, help="At most so many hits.")
@target_options
def find(target: Target, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find WORDS in input, output and name: "exact phrases", prefi*, OR, NOT, name:word."""
    found = target.get("/api/v1/search", q=" ".join(words), limit=limit)
    if as_json:
        print_json(found)
        return
    columns = ("time", "trace", "observation", "name", "found in", "text")
    rows = [
        (short_time(h["time"]), h["trace_id"], h["observation_id"], h["name"], h["field"], h["snippet"])
        for h in found["hits"]
    ]
    print_table(columns, rows)


@search.command("rebuild")
@data_option
def rebuild(data: Path | None) -> None:
    """Make the index anew: by the server that runs on the folder, or here where none does."""
    traces = _traces(data)
    index = index_path(traces)
    ask_for_rebuild(index)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("Indexing", total=None)
        for done, left in _work(traces, index):
            bar.update(task, completed=done, total=done + left)
    say("The search index is rebuilt.")


@search.command("status")
@data_option
def status(data: Path | None) -> None:
    """Say how far the index is."""
    index = index_path(_traces(data))
    with contextlib.closing(open_index(index, busy_ms=5000)) as connection:
        state = state_of_index(connection)
        documents = connection.execute("SELECT coalesce(sum(documents), 0) FROM blocks").get
    print_fields({"Documents": documents, "Traces still to read": state["unread"], "Bytes": index.stat().st_size})


def _traces(data: Path | None) -> Path:
    folder = DataFolder(load_settings(data=data).data)
    if not folder.traces.exists():
        raise InvalidRequest(f"{folder.traces} does not exist: give --data with the data folder of a server.")
    return folder.traces


def _work(traces: Path, index: Path) -> Iterator[tuple[int, int]]:
    """How many traces were read and are left, until none is."""
    with contextlib.closing(IndexLock(index)) as lock:
        if not lock.take():
            say("The server on this folder rebuilds it.")
            yield from _watch(index)
            return
        with contextlib.closing(Indexer(traces, index)) as indexer:
            first = 0
            while indexer.step().more:
                left = indexer.unread()
                first = max(first, left)
                yield first - left, left


def _watch(index: Path) -> Iterator[tuple[int, int]]:
    with contextlib.closing(open_index(index, busy_ms=5000, read_only=True)) as connection:
        first = 0
        while (state := state_of_index(connection))["rebuild"] or state["unread"]:
            first = max(first, state["unread"])
            yield first - state["unread"], state["unread"]
            time.sleep(0.1)
