"""Datasets and their items in the control tables.

All methods block: handlers call them through a thread. What one project wrote no other sees. Writers of one process
take turns before they ask for the file's lock, so that only processes wait for each other there.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import UNSET
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, func, insert, select, update

from trunkline.dataset_types import Dataset, DatasetChange, DatasetItem, ItemChange, ItemStatus
from trunkline.errors import NotFound
from trunkline.store.control import now_micros
from trunkline.store.control_engine import reading, writing
from trunkline.store.dataset_tables import DATASET_ITEMS, DATASETS, EXPERIMENT_ITEMS, EXPERIMENTS, FOREVER
from trunkline.types import Micros

MILLISECOND: Micros = 1000
UNKNOWN_DATASET = "Dataset not found"
UNKNOWN_ITEM = "Dataset item not found"

AnyRow = Row[Any]
CheckItem = Callable[[Dataset, DatasetItem], None]
"""Raises InvalidRequest for an item that does not fit its dataset."""
CheckItems = Callable[[Dataset, Iterator[DatasetItem]], None]


class DatasetStore:
    """The datasets of an installation."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()

    # --- datasets

    def datasets(self, project_id: str, *, limit: int, offset: int) -> tuple[list[Dataset], int]:
        """A page of datasets, the newest first, and how many there are."""
        mine = DATASETS.c.project_id == project_id
        newest = (DATASETS.c.created_at.desc(), DATASETS.c.id.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(select(DATASETS).where(mine).order_by(*newest).limit(limit).offset(offset))
            total = connection.execute(select(func.count()).select_from(DATASETS).where(mine)).scalar_one()
            return [dataset_of(row) for row in rows], total

    def dataset(self, project_id: str, name: str) -> Dataset | None:
        with reading(self._engine) as connection:
            return _find(connection, project_id, name)

    def upsert(self, project_id: str, change: DatasetChange, check: CheckItems) -> Dataset:
        """Makes the dataset of this name or changes it. `check` sees every active item where a schema is set."""
        with self._writing() as connection:
            old = _find(connection, project_id, change.name)
            now = now_micros()
            if old is None:
                new = _new_dataset(project_id, change, now)
                connection.execute(insert(DATASETS).values(**_values(new)))
                return new
            new = _changed(old, change, now)
            if (new.input_schema, new.expected_output_schema) != (old.input_schema, old.expected_output_schema):
                check(new, map(item_of, connection.execute(_items(_active(project_id, dataset_id=old.id)))))
            mine = (DATASETS.c.project_id == project_id) & (DATASETS.c.id == old.id)
            connection.execute(update(DATASETS).where(mine).values(**_values(new)))
            return new

    # --- items

    def items(
        self,
        project_id: str,
        *,
        dataset_id: str | None = None,
        source_trace_id: str | None = None,
        source_observation_id: str | None = None,
        at: Micros | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[list[DatasetItem], int]:
        """A page of the active items, the newest first, and how many match; `at` shows them as they stood then."""
        where = _active(project_id, dataset_id=dataset_id, at=at)
        for column, value in (
            (DATASET_ITEMS.c.source_trace_id, source_trace_id),
            (DATASET_ITEMS.c.source_observation_id, source_observation_id),
        ):
            if value is not None:
                where = and_(where, column == value)
        with reading(self._engine) as connection:
            rows = connection.execute(_items(where).limit(limit).offset(offset))
            found = [item_of(row) for row in rows]
            total = connection.execute(select(func.count()).select_from(DATASET_ITEMS).where(where)).scalar_one()
            return found, total

    def item_ids(self, project_id: str, dataset_ids: Sequence[str]) -> Mapping[str, list[str]]:
        """The ids of the active items of each of these datasets, the newest first."""
        where = and_(_active(project_id), DATASET_ITEMS.c.dataset_id.in_(dataset_ids))
        columns = (DATASET_ITEMS.c.dataset_id, DATASET_ITEMS.c.id)
        newest = (DATASET_ITEMS.c.created_at.desc(), DATASET_ITEMS.c.id.desc())
        found: dict[str, list[str]] = {}
        with reading(self._engine) as connection:
            for dataset_id, item_id in connection.execute(select(*columns).where(where).order_by(*newest)):
                found.setdefault(dataset_id, []).append(item_id)
        return found

    def item(self, project_id: str, item_id: str) -> DatasetItem:
        """The item, archived or not. Raises NotFound."""
        with reading(self._engine) as connection:
            found = find_item(connection, project_id, item_id)
        if found is None:
            raise NotFound(UNKNOWN_ITEM)
        return found

    def upsert_item(self, project_id: str, change: ItemChange, check: CheckItem) -> DatasetItem:
        """Makes an item, or a new version of the one with this id. What changes nothing makes no version.

        Raises NotFound for an unknown dataset and for an id that an item of another dataset has, and what `check` does.
        """
        with self._writing() as connection:
            dataset = _find(connection, project_id, change.dataset_name)
            if dataset is None:
                raise NotFound(UNKNOWN_DATASET)
            last = _last_version(connection, project_id, change.id) if change.id else None
            old = None if last is None or last.is_deleted else item_of(last)
            if old is not None and old.dataset_id != dataset.id:
                raise NotFound(
                    f"The dataset item with id {old.id} already exists in a dataset other than {dataset.name}"
                )
            new = _merged(old, change, dataset, now_micros())
            check(dataset, new)
            if new == old:
                return new
            return _write_version(connection, project_id, new, last)

    def delete_item(self, project_id: str, item_id: str) -> None:
        """Deletes an item and what experiments hold of it; earlier versions of the dataset go on showing the item.

        Raises NotFound.
        """
        with self._writing() as connection:
            last = _last_version(connection, project_id, item_id)
            if last is None or last.is_deleted:
                raise NotFound(UNKNOWN_ITEM)
            emptied = {"input": None, "expected_output": None, "metadata": None}
            version = _next_version(last, now_micros())
            _add_version(connection, last, {**last._mapping, **emptied, "is_deleted": True}, version)
            gone = (EXPERIMENT_ITEMS.c.project_id == project_id) & (EXPERIMENT_ITEMS.c.dataset_item_id == item_id)
            in_runs = select(EXPERIMENTS.c.id).where(
                EXPERIMENTS.c.project_id == project_id, EXPERIMENTS.c.dataset_id == last.dataset_id
            )
            connection.execute(delete(EXPERIMENT_ITEMS).where(gone, EXPERIMENT_ITEMS.c.experiment_id.in_(in_runs)))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, writing(self._engine) as connection:
            yield connection


def find_item(connection: Connection, project_id: str, item_id: str, at: Micros | None = None) -> DatasetItem | None:
    """The item as it stands, or as it stood `at` a time; archived or not."""
    mine = and_(_present(project_id, at), DATASET_ITEMS.c.id == item_id)
    row = connection.execute(_items(mine)).one_or_none()
    return item_of(row) if row else None


def _find(connection: Connection, project_id: str, name: str) -> Dataset | None:
    mine = (DATASETS.c.project_id == project_id) & (DATASETS.c.name == name)
    row = connection.execute(select(DATASETS).where(mine)).one_or_none()
    return dataset_of(row) if row else None


def _present(project_id: str, at: Micros | None) -> ColumnElement[bool]:
    columns = DATASET_ITEMS.c
    present = and_(columns.project_id == project_id, columns.is_deleted.is_(False))
    if at is None:
        return and_(present, columns.valid_to == FOREVER)
    # The sum keeps a planner from an index by the end of versions, which is in no order that is asked for.
    return and_(present, columns.valid_from <= at, columns.valid_to + 0 > at)


def _active(project_id: str, *, dataset_id: str | None = None, at: Micros | None = None) -> ColumnElement[bool]:
    active = and_(_present(project_id, at), DATASET_ITEMS.c.status == ItemStatus.ACTIVE.value)
    return active if dataset_id is None else and_(active, DATASET_ITEMS.c.dataset_id == dataset_id)


def _items(where: ColumnElement[bool]) -> Any:
    """Items with the names of their datasets, the newest first."""
    owner = (DATASETS.c.project_id == DATASET_ITEMS.c.project_id) & (DATASETS.c.id == DATASET_ITEMS.c.dataset_id)
    query = select(DATASET_ITEMS, DATASETS.c.name.label("dataset_name")).join(DATASETS, owner).where(where)
    return query.order_by(DATASET_ITEMS.c.created_at.desc(), DATASET_ITEMS.c.id.desc())


def _last_version(connection: Connection, project_id: str, item_id: str) -> AnyRow | None:
    """The row that holds now, which may say that the item is deleted."""
    mine = and_(
        DATASET_ITEMS.c.project_id == project_id, DATASET_ITEMS.c.id == item_id, DATASET_ITEMS.c.valid_to == FOREVER
    )
    return connection.execute(_items(mine)).one_or_none()


def _write_version(connection: Connection, project_id: str, item: DatasetItem, last: AnyRow | None) -> DatasetItem:
    values = {name: getattr(item, name) for name in item.__struct_fields__ if name not in {"dataset_name", "version"}}
    version = _next_version(last, item.updated_at)
    times = {"updated_at": max(item.updated_at, version)}
    values |= {"project_id": project_id, "status": item.status.value, "is_deleted": False, **times}
    _add_version(connection, last, values, version)
    return DatasetItem(**{**_values(item), **times, "version": version})


def _next_version(last: AnyRow | None, now: Micros) -> Micros:
    """When the version after the last begins: a millisecond of its own, as a client can name no finer time.

    It is never after the `updatedAt` that the client is told, so that this names the version.
    """
    version = now // MILLISECOND * MILLISECOND
    return version if last is None else max(version, last.valid_from + MILLISECOND)


def _add_version(connection: Connection, last: AnyRow | None, values: Mapping[str, object], version: Micros) -> None:
    """Ends the last version and begins the next."""
    if last is not None:
        mine = and_(
            DATASET_ITEMS.c.project_id == last.project_id,
            DATASET_ITEMS.c.id == last.id,
            DATASET_ITEMS.c.valid_to == FOREVER,
        )
        connection.execute(update(DATASET_ITEMS).where(mine).values(valid_to=version))
    kept = {name: value for name, value in values.items() if name in DATASET_ITEMS.c}
    connection.execute(insert(DATASET_ITEMS).values(**{**kept, "valid_from": version, "valid_to": FOREVER}))


def _merged(old: DatasetItem | None, change: ItemChange, dataset: Dataset, now: Micros) -> DatasetItem:
    given = {
        name: value
        for name in ("input", "expected_output", "metadata", "source_trace_id", "source_observation_id", "status")
        if (value := getattr(change, name)) is not None
    }
    if old is not None:
        if all(getattr(old, name) == value for name, value in given.items()):
            return old
        return DatasetItem(**{**_values(old), **given, "updated_at": now})
    absent = dict.fromkeys(("input", "expected_output", "metadata", "source_trace_id", "source_observation_id"))
    return DatasetItem(
        **{
            **absent,
            "status": ItemStatus.ACTIVE,
            **given,
            "id": change.id or str(uuid.uuid4()),
            "dataset_id": dataset.id,
            "dataset_name": dataset.name,
            "created_at": now,
            "updated_at": now,
            "version": now,
        }
    )


def _new_dataset(project_id: str, change: DatasetChange, now: Micros) -> Dataset:
    return Dataset(
        id=str(uuid.uuid4()),
        project_id=project_id,
        name=change.name,
        description=change.description,
        metadata=change.metadata,
        input_schema=None if change.input_schema is UNSET else change.input_schema,
        expected_output_schema=None if change.expected_output_schema is UNSET else change.expected_output_schema,
        created_at=now,
        updated_at=now,
    )


def _changed(old: Dataset, change: DatasetChange, now: Micros) -> Dataset:
    schemas = {
        name: value
        for name in ("input_schema", "expected_output_schema")
        if (value := getattr(change, name)) is not UNSET
    }
    texts = {name: value for name in ("description", "metadata") if (value := getattr(change, name)) is not None}
    return Dataset(**{**_values(old), **texts, **schemas, "updated_at": now})


def _values(row: Dataset | DatasetItem) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def dataset_of(row: AnyRow) -> Dataset:
    return Dataset(**row._mapping)


def item_of(row: AnyRow) -> DatasetItem:
    fields = {name: row._mapping[name] for name in DatasetItem.__struct_fields__ if name != "version"}
    return DatasetItem(**{**fields, "status": ItemStatus(row.status), "version": row.valid_from})
