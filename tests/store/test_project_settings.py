"""A project's own settings in the control tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trunkline.errors import NotFound
from trunkline.store.control import ControlStore
from trunkline.store.project_settings import DEFAULTS, ProjectSettings


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ControlStore]:
    store = ControlStore(tmp_path / "control.db", b"k" * 32)
    for project in ("one", "two"):
        store.create_project(project, project_id=project)
    yield store
    store.close()


def test_what_was_not_set_has_its_default(store: ControlStore) -> None:
    assert store.project_settings("one") == DEFAULTS == ProjectSettings()
    assert store.in_force().settings == {}


def test_changes_add_up_and_null_goes_back(store: ControlStore, tmp_path: Path) -> None:
    store.change_project_settings("one", {"masking": True, "mask_patterns": ["KD-[0-9]+"]})
    found = store.change_project_settings("one", {"retention_days": 90})
    assert found == ProjectSettings(masking=True, mask_patterns=("KD-[0-9]+",), retention_days=90)
    again = ControlStore(tmp_path / "control.db", b"k" * 32)
    assert again.in_force().settings == {"one": found}
    again.close()
    assert store.project_settings("two") == DEFAULTS
    store.change_project_settings("one", dict.fromkeys(("masking", "mask_patterns", "retention_days")))
    assert store.in_force().settings == {}


def test_a_change_is_one_that_other_processes_hear_of(store: ControlStore) -> None:
    before = store.generation()
    store.change_project_settings("one", {"masking": True})
    assert store.generation() != before


@pytest.mark.parametrize(
    "change",
    [
        {"masking": "yes"},
        {"retention_days": 0},
        {"retention_days": True},
        {"retention_days": 1.5},
        {"unknown": 1},
        {"unknown": None},
        {"mask_patterns": "a"},
        {"mask_patterns": [""]},
        {"mask_patterns": ["a"] * 51},
        {"mask_patterns": ["a" * 1001]},
        {"read_requests_per_minute": -1},
        {"ingestion_bytes_per_minute": 10**30},
    ],
    ids=repr,
)
def test_what_cannot_be_meant_is_refused_whole(store: ControlStore, change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        store.change_project_settings("one", {"prompt_requests_per_minute": 5, **change})
    assert store.project_settings("one") == DEFAULTS


def test_there_is_no_project_to_set_anything_for(store: ControlStore) -> None:
    for call in (store.project_settings, lambda name: store.change_project_settings(name, {"masking": True})):
        with pytest.raises(NotFound):
            call("absent")
