"""Experiments and their items in the control tables; a dataset run is an experiment that has a dataset.

Experiments come in two ways, a client's links (`link`) and the attributes of spans (`record`), in any order, twice and
at once: an experiment is known by its id, an item by experiment, dataset item, trace and observation. All methods
block.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, insert, select, update

from trunkline.dataset_types import Experiment, ExperimentItem, ExperimentSpan, ItemStatus, RunLink
from trunkline.errors import NotFound
from trunkline.store.control import now_micros
from trunkline.store.control_engine import writing
from trunkline.store.dataset_tables import EXPERIMENT_ITEMS, EXPERIMENTS
from trunkline.store.datasets import UNKNOWN_ITEM, find_item
from trunkline.store.experiment_reads import (
    UNKNOWN_RUN,
    ExperimentReads,
    experiment_item_of,
    find_run,
    named_experiments,
)
from trunkline.types import Micros

AnyRow = Row[Any]
_SAID = ("name", "description", "metadata", "dataset_id")


class ExperimentStore(ExperimentReads):
    """The experiments of an installation."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._turn = threading.Lock()

    def link(self, project_id: str, link: RunLink) -> tuple[ExperimentItem, Experiment]:
        """Links a trace to an item in a run, which is made where the dataset has none of that name.

        The same link again is the one that is there. Raises NotFound for an item that is unknown or archived.
        """
        with self._writing() as connection:
            item = find_item(connection, project_id, link.dataset_item_id, link.dataset_version)
            if item is None or item.status is not ItemStatus.ACTIVE:
                raise NotFound(UNKNOWN_ITEM)
            now = now_micros()
            run = _run_of(connection, project_id, item.dataset_id, item.dataset_name, link, now)
            made = link.created_at if link.created_at is not None else now
            linked = ExperimentItem(
                id=str(uuid.uuid4()),
                experiment_id=run.id,
                dataset_item_id=item.id,
                trace_id=link.trace_id,
                observation_id=link.observation_id,
                start_time=made,
                end_time=None,
                item_version=item.version,
                expected_output=item.expected_output,
                item_metadata=item.metadata,
                created_at=made,
                updated_at=made,
            )
            return _find_item(connection, project_id, linked) or _add_item(connection, project_id, linked), run

    def record(self, project_id: str, spans: Sequence[ExperimentSpan]) -> None:
        """Makes what root spans of experiment items say, or completes what is there; on disk when it returns."""
        with self._writing() as connection:
            for first, last in _folded(spans):
                _record_experiment(connection, project_id, last, first.start)
            for span in spans:
                _record_item(connection, project_id, span)

    def delete_run(self, project_id: str, dataset_id: str, name: str) -> None:
        """Deletes a dataset run with its items, not their traces. Raises NotFound."""
        with self._writing() as connection:
            run = find_run(connection, project_id, dataset_id, name)
            if run is None:
                raise NotFound(UNKNOWN_RUN)
            items = (EXPERIMENT_ITEMS.c.project_id == project_id) & (EXPERIMENT_ITEMS.c.experiment_id == run.id)
            connection.execute(delete(EXPERIMENT_ITEMS).where(items))
            connection.execute(delete(EXPERIMENTS).where(_is(project_id, run.id)))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, writing(self._engine) as connection:
            yield connection


def run_id_of(project_id: str, dataset_id: str, name: str) -> str:
    """The id of a dataset's run of this name, as Langfuse's SDKs from Python 5 on work it out for themselves."""
    seed = msgspec.json.encode(["langfuse-experiment-v1", project_id, dataset_id, name])
    return hashlib.sha256(seed).hexdigest()[:16]


def _is(project_id: str, experiment_id: str) -> ColumnElement[bool]:
    return (EXPERIMENTS.c.project_id == project_id) & (EXPERIMENTS.c.id == experiment_id)


def _find_experiment(connection: Connection, project_id: str, experiment_id: str) -> AnyRow | None:
    return connection.execute(named_experiments().where(_is(project_id, experiment_id))).one_or_none()


def _run_of(
    connection: Connection, project_id: str, dataset_id: str, dataset_name: str, link: RunLink, now: Micros
) -> Experiment:
    """The run that a link names, made or brought up to date."""
    run = find_run(connection, project_id, dataset_id, link.run_name)
    given = {name: value for name in ("description", "metadata") if (value := getattr(link, name)) is not None}
    if run is not None:
        if all(getattr(run, name) == value for name, value in given.items()):
            return run
        values = {**given, "updated_at": now}
        connection.execute(update(EXPERIMENTS).where(_is(project_id, run.id)).values(**values, said_at=now))
        return msgspec.structs.replace(run, **values)
    run_id = run_id_of(project_id, dataset_id, link.run_name)
    if _find_experiment(connection, project_id, run_id) is not None:  # a client took it for another name
        run_id = str(uuid.uuid4())
    made = link.created_at if link.created_at is not None else now
    run = Experiment(
        id=run_id,
        name=link.run_name,
        description=link.description,
        metadata=link.metadata,
        dataset_id=dataset_id,
        dataset_name=dataset_name,
        created_at=made,
        updated_at=made,
    )
    _add_experiment(connection, project_id, run, said_at=now)
    return run


def _add_experiment(connection: Connection, project_id: str, experiment: Experiment, *, said_at: Micros) -> None:
    values = {name: getattr(experiment, name) for name in experiment.__struct_fields__ if name != "dataset_name"}
    connection.execute(insert(EXPERIMENTS).values(**values, project_id=project_id, said_at=said_at))


def _find_item(connection: Connection, project_id: str, item: ExperimentItem) -> ExperimentItem | None:
    columns = EXPERIMENT_ITEMS.c
    same = and_(
        columns.project_id == project_id,
        columns.experiment_id == item.experiment_id,
        columns.dataset_item_id == item.dataset_item_id,
        columns.trace_id == item.trace_id,
        columns.observation_id == (item.observation_id or ""),
    )
    row = connection.execute(select(EXPERIMENT_ITEMS).where(same)).one_or_none()
    return experiment_item_of(row) if row else None


def _add_item(connection: Connection, project_id: str, item: ExperimentItem) -> ExperimentItem:
    values = {name: getattr(item, name) for name in item.__struct_fields__}
    values |= {"project_id": project_id, "observation_id": item.observation_id or ""}
    connection.execute(insert(EXPERIMENT_ITEMS).values(**values))
    return item


def _folded(spans: Sequence[ExperimentSpan]) -> Iterable[tuple[ExperimentSpan, ExperimentSpan]]:
    """The first span of each experiment, and the last with the last word that any of them has on each field."""
    folded: dict[str, tuple[ExperimentSpan, ExperimentSpan]] = {}
    for span in sorted(spans, key=lambda span: (span.start, span.span_id)):
        first, before = folded.get(span.experiment_id, (span, span))
        said = {name: getattr(span, name) or getattr(before, name) for name in _SAID}
        folded[span.experiment_id] = (first, msgspec.structs.replace(span, **said))
    return folded.values()


def _record_experiment(connection: Connection, project_id: str, span: ExperimentSpan, first: Micros) -> None:
    """What a later span says replaces what an earlier one said, whichever came first; nothing replaces nothing."""
    row = _find_experiment(connection, project_id, span.experiment_id)
    given = {name: getattr(span, name) for name in _SAID}
    if row is None:
        said = {**given, "name": span.name or span.experiment_id}
        said |= {"created_at": first, "updated_at": span.start}
        made = Experiment(id=span.experiment_id, dataset_name=None, **said)
        _add_experiment(connection, project_id, made, said_at=span.start)
        return
    is_later = span.start >= row.said_at
    changed: dict[str, object] = {
        name: value
        for name, value in given.items()
        if value is not None and value != row._mapping[name] and (row._mapping[name] is None or is_later)
    }
    if changed or is_later:
        at = max(span.start, row.said_at)
        times = {"said_at": at, "created_at": min(first, row.created_at), "updated_at": max(at, row.updated_at)}
        values = {**changed, **times}
        connection.execute(update(EXPERIMENTS).where(_is(project_id, span.experiment_id)).values(**values))


def _record_item(connection: Connection, project_id: str, span: ExperimentSpan) -> None:
    """The item that a root span is; a link that came first is completed.

    A dataset's own item says better than the span what was expected: an attribute does not tell 1 from "1".
    """
    source = find_item(connection, project_id, span.item_id, span.item_version) if span.dataset_id else None
    if source is not None and source.dataset_id != span.dataset_id:
        source = None
    item = ExperimentItem(
        id=str(uuid.uuid4()),
        experiment_id=span.experiment_id,
        dataset_item_id=span.item_id,
        trace_id=span.trace_id,
        observation_id=span.span_id,
        start_time=span.start,
        end_time=span.end,
        item_version=source.version if source is not None and span.item_version is None else span.item_version,
        expected_output=span.expected_output if source is None else source.expected_output,
        item_metadata=span.item_metadata if source is None else source.metadata,
        created_at=span.start,
        updated_at=span.end if span.end is not None else span.start,
    )
    known = _find_item(connection, project_id, item)
    if known is None:
        _add_item(connection, project_id, item)
        return
    said = {
        name: value
        for name in ("start_time", "end_time", "item_version", "expected_output", "item_metadata")
        if (value := getattr(item, name)) is not None and value != getattr(known, name)
    }
    if said:
        mine = (EXPERIMENT_ITEMS.c.project_id == project_id) & (EXPERIMENT_ITEMS.c.id == known.id)
        connection.execute(update(EXPERIMENT_ITEMS).where(mine).values(**said))
