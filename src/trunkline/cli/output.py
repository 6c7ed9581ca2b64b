"""What commands print: tables and diffs for people, the API's own JSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from trunkline.types import JSON

WIDEST = 10_000
"""Columns, where nobody looks at the output but a program."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDEST)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: JSON) -> None:
    """One JSON document on standard output, indented; nothing else is printed beside it."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table, folded to a terminal's width and one line a row elsewhere. Brackets in a cell are no markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=not console.is_terminal)
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console.print(table)


def print_fields(fields: Mapping[str, object]) -> None:
    """Names and values under each other."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        console.print(f"[bold]{name:<{width}}[/bold]  {escape(str(value))}", soft_wrap=True)


def short_time(iso: str) -> str:
    """``2026-11-23T19:45:04.000Z`` as people read it: ``2026-11-23 19:45:04`` (UTC)."""
    return iso[:19].replace("T", " ")


def say(message: str) -> None:
    console.print(escape(message), soft_wrap=True)


@contextmanager
def progress(description: str) -> Iterator[Progress]:
    """A progress bar on standard error, where that is a terminal; it goes away at the end."""
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        bar.add_task(description, total=None)
        yield bar
