"""Reads of experiments: a dataset's by numbered pages, a project's by pages that begin where the last one ended.

A dataset run is an experiment that has a dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, func, or_, select

from trunkline.dataset_types import Experiment, ExperimentItem
from trunkline.errors import NotFound
from trunkline.store.control_engine import reading
from trunkline.store.dataset_tables import DATASETS, EXPERIMENT_ITEMS, EXPERIMENTS
from trunkline.store.filters import AnyOf, Column, Condition, IsNull, TextIs, TextOperator
from trunkline.types import Micros, Struct

AnyRow = Row[Any]
UNKNOWN_RUN = "Dataset run not found"


class ExperimentQuery(Struct, frozen=True, kw_only=True):
    """A page of experiments or of their items, the latest first. All conditions hold; `after` ended the page before.

    ``since <= start < until``: an experiment counts with the items that started then, and is there if it has any.
    """

    limit: int = 50
    since: Micros | None = None
    until: Micros | None = None
    conditions: Sequence[Condition] = ()
    after: tuple[Micros, str] | None = None


class ExperimentSummary(Struct, frozen=True, kw_only=True):
    """An experiment with what its items come to within the time that was asked for; `latest` is their last start."""

    experiment: Experiment
    start_time: Micros
    end_time: Micros
    latest: Micros
    item_count: int


class ExperimentReads:
    """Blocks: handlers call it through a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- dataset runs

    def run(self, project_id: str, dataset_id: str, name: str) -> Experiment:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            run = find_run(connection, project_id, dataset_id, name)
        if run is None:
            raise NotFound(UNKNOWN_RUN)
        return run

    def runs(self, project_id: str, dataset_id: str, *, limit: int, offset: int) -> tuple[list[Experiment], int]:
        """A page of a dataset's runs, the newest first, and how many there are."""
        where = (EXPERIMENTS.c.project_id == project_id) & (EXPERIMENTS.c.dataset_id == dataset_id)
        newest = (EXPERIMENTS.c.created_at.desc(), EXPERIMENTS.c.id.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(named_experiments().where(where).order_by(*newest).limit(limit).offset(offset))
            found = [experiment_of(row) for row in rows]
            total = connection.execute(select(func.count()).select_from(EXPERIMENTS).where(where)).scalar_one()
            return found, total

    def run_names(self, project_id: str, dataset_ids: Sequence[str]) -> Mapping[str, list[str]]:
        """The names of the runs of each of these datasets, the newest first."""
        columns = EXPERIMENTS.c
        query = select(columns.dataset_id, columns.name).where(
            columns.project_id == project_id, columns.dataset_id.in_(dataset_ids)
        )
        found: dict[str, list[str]] = {}
        with reading(self._engine) as connection:
            for dataset_id, name in connection.execute(query.order_by(columns.created_at.desc(), columns.id.desc())):
                found.setdefault(dataset_id, []).append(name)
        return found

    def run_items(
        self, project_id: str, run_id: str, *, limit: int | None = None, offset: int = 0
    ) -> tuple[list[ExperimentItem], int]:
        """A page of a run's items, the newest first, and how many there are."""
        columns = EXPERIMENT_ITEMS.c
        where = (columns.project_id == project_id) & (columns.experiment_id == run_id)
        newest = (columns.created_at.desc(), columns.id.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(EXPERIMENT_ITEMS).where(where).order_by(*newest).limit(limit).offset(offset)
            )
            found = [experiment_item_of(row) for row in rows]
            total = connection.execute(select(func.count()).select_from(EXPERIMENT_ITEMS).where(where)).scalar_one()
            return found, total

    # --- all experiments

    def experiments(self, project_id: str, query: ExperimentQuery) -> list[ExperimentSummary]:
        items = EXPERIMENT_ITEMS.c
        latest = func.max(items.start_time)
        ended = func.max(func.coalesce(items.end_time, items.start_time))
        sums = (
            select(
                items.experiment_id,
                func.min(items.start_time).label("start_time"),
                ended.label("end_time"),
                latest.label("latest"),
                func.count().label("item_count"),
            )
            .where(_started(project_id, query))
            .group_by(items.experiment_id)
            .subquery()
        )
        found = named_experiments().add_columns(sums.c.start_time, sums.c.end_time, sums.c.latest, sums.c.item_count)
        found = found.join(sums, sums.c.experiment_id == EXPERIMENTS.c.id)
        found = found.where(EXPERIMENTS.c.project_id == project_id, *map(_holds, query.conditions))
        if query.after is not None:
            found = found.where(_before(sums.c.latest, EXPERIMENTS.c.id, query.after))
        found = found.order_by(sums.c.latest.desc(), EXPERIMENTS.c.id.desc()).limit(query.limit)
        with reading(self._engine) as connection:
            return [_summary(row) for row in connection.execute(found)]

    def items(self, project_id: str, query: ExperimentQuery) -> list[tuple[ExperimentItem, Experiment]]:
        items = EXPERIMENT_ITEMS.c
        owner = (EXPERIMENTS.c.project_id == items.project_id) & (EXPERIMENTS.c.id == items.experiment_id)
        found = select(EXPERIMENT_ITEMS).join(EXPERIMENTS, owner)
        found = found.where(_started(project_id, query), *map(_holds, query.conditions))
        if query.after is not None:
            found = found.where(_before(items.start_time, items.id, query.after))
        found = found.order_by(items.start_time.desc(), items.id.desc()).limit(query.limit)
        with reading(self._engine) as connection:
            page = [experiment_item_of(row) for row in connection.execute(found)]
            ids = {item.experiment_id for item in page}
            mine = and_(EXPERIMENTS.c.project_id == project_id, EXPERIMENTS.c.id.in_(ids))
            owners = {row.id: experiment_of(row) for row in connection.execute(named_experiments().where(mine))}
        return [(item, owners[item.experiment_id]) for item in page]


def named_experiments() -> Select[Any]:
    """Experiments with the names of their datasets."""
    dataset = (DATASETS.c.project_id == EXPERIMENTS.c.project_id) & (DATASETS.c.id == EXPERIMENTS.c.dataset_id)
    return select(EXPERIMENTS, DATASETS.c.name.label("dataset_name")).join(DATASETS, dataset, isouter=True)


def experiment_of(row: AnyRow) -> Experiment:
    return Experiment(**{name: row._mapping[name] for name in Experiment.__struct_fields__})


def experiment_item_of(row: AnyRow) -> ExperimentItem:
    fields = {name: row._mapping[name] for name in ExperimentItem.__struct_fields__}
    return ExperimentItem(**{**fields, "observation_id": row.observation_id or None})


def find_run(connection: Connection, project_id: str, dataset_id: str, name: str) -> Experiment | None:
    """The oldest of the dataset's runs of this name: spans may bring others, under ids that a client made up."""
    columns = EXPERIMENTS.c
    mine = and_(columns.project_id == project_id, columns.dataset_id == dataset_id, columns.name == name)
    query = named_experiments().where(mine).order_by(columns.created_at, columns.id).limit(1)
    row = connection.execute(query).one_or_none()
    return experiment_of(row) if row else None


def _started(project_id: str, query: ExperimentQuery) -> ColumnElement[bool]:
    items = EXPERIMENT_ITEMS.c
    started = [items.project_id == project_id]
    if query.since is not None:
        started.append(items.start_time >= query.since)
    if query.until is not None:
        started.append(items.start_time < query.until)
    return and_(*started)


def _before(time: ColumnElement[int], id: ColumnElement[str], last: tuple[Micros, str]) -> ColumnElement[bool]:
    return or_(time < last[0], and_(time == last[0], id < last[1]))


_COLUMNS: Mapping[Column, ColumnElement[Any]] = {
    Column.ID: EXPERIMENTS.c.id,
    Column.NAME: EXPERIMENTS.c.name,
    Column.DATASET_ID: EXPERIMENTS.c.dataset_id,
    Column.DATASET_ITEM_ID: EXPERIMENT_ITEMS.c.dataset_item_id,
}


def _holds(condition: Condition) -> ColumnElement[bool]:
    """A dataset that is not there counts as the empty text, as in the conditions on traces."""
    column = _COLUMNS[condition.column]
    match condition:
        case IsNull():
            return column.is_not(None) if condition.negated else column.is_(None)
        case AnyOf(negated=False):
            return column.in_(condition.values)
        case AnyOf():
            return func.coalesce(column, "").not_in(condition.values)
        case TextIs():
            return _TEXTS[condition.operator](func.coalesce(column, ""), condition.value)
        case _:
            raise TypeError(f"{type(condition).__name__} is no condition on {condition.column}")


_TEXTS: Mapping[TextOperator, Callable[[ColumnElement[str], str], ColumnElement[bool]]] = {
    TextOperator.EQUAL: lambda text, value: text == value,
    TextOperator.CONTAINS: lambda text, value: text.contains(value, autoescape=True),
    TextOperator.LACKS: lambda text, value: ~text.contains(value, autoescape=True),
    TextOperator.STARTS: lambda text, value: text.startswith(value, autoescape=True),
    TextOperator.ENDS: lambda text, value: text.endswith(value, autoescape=True),
    TextOperator.MATCHES: lambda text, value: text.contains(value, autoescape=True),
}


def _summary(row: AnyRow) -> ExperimentSummary:
    return ExperimentSummary(
        experiment=experiment_of(row),
        start_time=row.start_time,
        end_time=row.end_time,
        latest=row.latest,
        item_count=row.item_count,
    )
