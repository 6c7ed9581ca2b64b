"""Rows that the registry asks to be kept and the store keeps: plain data, for the two do not know each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from trunkline.types import Micros, Struct


class CommitRow(NamedTuple):
    """A first-parent commit; `seq` counts them from 1, the root."""

    seq: int
    sha: str
    time: Micros
    author: str
    message: str


class VersionRow(NamedTuple):
    """A version's number, the commit that made it, and its text."""

    prompt: str
    version: int
    seq: int
    blob: str


class TouchRow(NamedTuple):
    """A commit changed a file that is about a prompt. `label` is empty unless `kind` is ``label``."""

    prompt: str
    seq: int
    kind: str
    """``prompt``, ``label`` or ``versions``."""
    label: str
    blob: str | None
    """None: the file was removed."""


class IndexBatch(Struct, frozen=True, kw_only=True):
    """What an advance of the version index from one head to a later one adds."""

    old_head: str
    head: str
    seq: int
    commits: Sequence[CommitRow] = ()
    versions: Sequence[VersionRow] = ()
    touches: Sequence[TouchRow] = ()
    records: Iterable[tuple[str, bytes]] = ()
    """Prompt and its encoded state as of `head`; read once."""
    strays: bytes = b""


class SavedIndex(NamedTuple):
    """The state that was saved last."""

    head: str
    seq: int
    strays: bytes
    records: list[bytes]


class Served(Struct, frozen=True, kw_only=True):
    """A head was served from a moment on; `held` are the entries that were not as the head has them, and why."""

    head: str
    since: Micros
    held: tuple[str, ...] = ()


class FetchCount(msgspec.Struct, frozen=True):
    """Fetches of one version in one hour. `hour` is in hours since the epoch; an empty label: by number."""

    project: str
    prompt: str
    version: int
    label: str
    client: str
    hour: int
    count: int
