"""The store of datasets on a real SQLite file: versions, and reads that use their indexes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import event

from trunkline.dataset_types import Dataset, DatasetChange, DatasetItem, ExperimentSpan, ItemChange, RunLink
from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.control import ControlStore
from trunkline.store.dataset_tables import DATASET_ITEMS
from trunkline.store.datasets import DatasetStore
from trunkline.store.experiment_reads import ExperimentQuery
from trunkline.store.experiments import ExperimentStore

SIGNING_KEY = b"k" * 32


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlStore]:
    control = ControlStore(tmp_path / "control.db", SIGNING_KEY)
    control.create_project("One", project_id="one")
    yield control
    control.close()


@pytest.fixture
def datasets(control: ControlStore) -> DatasetStore:
    return DatasetStore(control.engine)


@pytest.fixture
def experiments(control: ControlStore) -> ExperimentStore:
    return ExperimentStore(control.engine)


def accept(_: Dataset, __: object) -> None:
    pass


def make(datasets: DatasetStore, name: str = "data") -> Dataset:
    return datasets.upsert("one", DatasetChange(name=name), accept)


def put(datasets: DatasetStore, id: str, input: bytes | None = b"1", name: str = "data") -> DatasetItem:
    return datasets.upsert_item("one", ItemChange(dataset_name=name, id=id, input=input), accept)


def versions(control: ControlStore, id: str) -> list[tuple[int, int]]:
    with control.engine.connect() as connection:
        rows = connection.execute(DATASET_ITEMS.select().where(DATASET_ITEMS.c.id == id))
        return sorted((row.valid_from, row.valid_to) for row in rows)


def test_each_change_is_a_version_that_follows_the_last(control: ControlStore, datasets: DatasetStore) -> None:
    make(datasets)
    told = [put(datasets, "i", b"%d" % index).updated_at for index in range(20)]
    found = versions(control, "i")
    assert [updated_at // 1000 * 1000 for updated_at in told] == [since for since, _ in found]
    assert len(found) == 20
    assert all(earlier[1] == later[0] for earlier, later in pairwise(found))
    assert all(since % 1000 == 0 for since, _ in found)
    dataset = datasets.dataset("one", "data")
    assert dataset is not None
    for index, (since, _) in enumerate(found):
        ((item,), total) = datasets.items("one", dataset_id=dataset.id, at=since)
        assert (item.input, total) == (b"%d" % index, 1)


def test_what_changes_nothing_makes_no_version(control: ControlStore, datasets: DatasetStore) -> None:
    make(datasets)
    first = put(datasets, "i")
    assert put(datasets, "i") == put(datasets, "i", None) == first
    assert len(versions(control, "i")) == 1


def test_a_check_that_refuses_stores_nothing(datasets: DatasetStore) -> None:
    def refuse(_: Dataset, item: DatasetItem) -> None:
        raise InvalidRequest("no")

    make(datasets)
    with pytest.raises(InvalidRequest):
        datasets.upsert_item("one", ItemChange(dataset_name="data", id="i", input=b"1"), refuse)
    with pytest.raises(NotFound):
        datasets.item("one", "i")


def test_a_deleted_item_can_be_made_anew(control: ControlStore, datasets: DatasetStore) -> None:
    make(datasets)
    make(datasets, "other")
    put(datasets, "i")
    datasets.delete_item("one", "i")
    again = put(datasets, "i", b"2", "other")
    assert (again.dataset_name, again.input) == ("other", b"2")
    assert len(versions(control, "i")) == 3


def test_pages_are_read_by_an_index(control: ControlStore, datasets: DatasetStore) -> None:
    """Sorting, or reading the texts of items before the page, would cost as much for each page as the dataset has."""
    dataset = make(datasets)
    plans: list[str] = []

    @event.listens_for(control.engine, "before_cursor_execute")
    def explain(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT") and "dataset_items" in statement:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[attr-defined]
            plans.append("; ".join(row[3] for row in cursor.fetchall()))  # type: ignore[attr-defined]

    datasets.items("one", dataset_id=dataset.id, limit=50, offset=5000)
    datasets.items("one", dataset_id=dataset.id, limit=50, offset=5000, at=0)
    listed, counted, listed_then, counted_then = plans
    assert "ix_dataset_items_listed" in listed
    assert "TEMP B-TREE" not in listed
    assert "COVERING INDEX ix_dataset_items_listed" in counted
    assert "ix_dataset_items_versions" in listed_then
    assert "TEMP B-TREE" not in listed_then
    assert "COVERING INDEX" in counted_then


def test_the_oldest_run_of_a_name_is_the_one_that_is_meant(
    datasets: DatasetStore, experiments: ExperimentStore
) -> None:
    dataset = make(datasets)
    put(datasets, "i")

    def span(id: str, start: int) -> ExperimentSpan:
        return ExperimentSpan(
            experiment_id=id,
            name="run",
            description=None,
            metadata=None,
            dataset_id=dataset.id,
            item_id="i",
            item_version=None,
            item_metadata=None,
            expected_output=None,
            trace_id="t",
            span_id=id,
            start=start,
            end=None,
        )

    experiments.record("one", [span("late", 2), span("early", 1)])
    assert experiments.run("one", dataset.id, "run").id == "early"
    _, run = experiments.link("one", RunLink(run_name="run", dataset_item_id="i", trace_id="t2"))
    assert run.id == "early"
    assert {each.experiment.id: each.item_count for each in experiments.experiments("one", ExperimentQuery())} == {
        "early": 2,
        "late": 1,
    }
