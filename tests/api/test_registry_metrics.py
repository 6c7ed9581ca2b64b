"""Gauges of the registries, against real repositories."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry_folder import ADA, PROJECT, Folder, text
from trunkline.api.metrics import Metrics
from trunkline.api.registry_metrics import RegistryMetrics
from trunkline.registry.registry import Registry


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def registry(folder: Folder) -> Registry:
    registry = folder.open()
    registry.create_version("a", text("1"), actor=ADA, labels=["production"])
    registry.create_version("b", text("1"), actor=ADA)
    return registry


def gauges(registries: dict[str, Registry], project: str = PROJECT) -> dict[str, float]:
    """What `/metrics` says of a project, by name without ``trunkline_``."""
    metrics = Metrics()
    metrics.register(RegistryMetrics(registries))
    return {
        sample.name.removeprefix("trunkline_"): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if sample.labels == {"project": project}
    }


def test_a_registry_that_is_well(registry: Registry) -> None:
    assert gauges({PROJECT: registry}) == {
        "head_staleness_seconds": 0,
        "prompts": 2,
        "faulty_files": 0,
        "held_entries": 0,
        "rewritten_history": 0,
    }


def test_files_at_fault_and_entries_that_are_held_are_counted(folder: Folder, registry: Registry) -> None:
    folder.commit({"labels/production/a.yaml": b"version: {", "prompts/b.yaml": b"type: text\nprompt: [\n"})
    assert gauges({PROJECT: registry})["head_staleness_seconds"] >= 0
    assert gauges({PROJECT: registry})["head_staleness_seconds"] > 0
    registry.refresh()
    found = gauges({PROJECT: registry})
    assert (found["faulty_files"], found["held_entries"], found["head_staleness_seconds"]) == (2, 2, 0)


def test_a_rewritten_history_is_told(folder: Folder, registry: Registry) -> None:
    other = folder.commit({"prompts/c.yaml": b"type: text\nprompt: x\n"}, onto="")
    folder.repository.move_head(registry.snapshot.head, other)
    registry.refresh()
    assert gauges({PROJECT: registry})["rewritten_history"] == 1


def test_a_repository_that_is_gone_takes_no_other_down(tmp_path: Path, folder: Folder, registry: Registry) -> None:
    lost = Folder(tmp_path / "second")
    registries = {PROJECT: registry, "lost": lost.open()}
    shutil.rmtree(lost.repository_path)
    assert gauges(registries)["prompts"] == 2
    assert gauges(registries, "lost")["prompts"] == 0
