from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from trunkline.errors import InvalidRequest
from trunkline.installation import DataFolder, prepare
from trunkline.registry.memory_tables import MemoryTables
from trunkline.registry.registry import Registry, open_registry
from trunkline.settings import Settings
from trunkline.store.control import ControlStore


def settings(data: Path, **given: object) -> Settings:
    return Settings(data=data, **given)  # type: ignore[arg-type]


def opened(data: Path) -> Registry:
    return open_registry(DataFolder(data).repository("default"), "default", MemoryTables())


def test_the_first_start_tells_its_secrets_once(tmp_path: Path) -> None:
    first = prepare(settings(tmp_path))
    assert first is not None
    assert first.secret_key
    assert first.admin_password
    assert prepare(settings(tmp_path)) is None
    folder = DataFolder(tmp_path)
    control = ControlStore(folder.control, folder.signing_key())
    assert control.find_key(first.public_key) is not None
    assert control.verify_password("admin", first.admin_password) is not None
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert first.secret_key.encode() not in everything
    assert first.admin_password.encode() not in everything


def test_the_signing_key_is_its_owners_alone(tmp_path: Path) -> None:
    prepare(settings(tmp_path))
    key = tmp_path / "signing.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32


def test_the_first_start_serves_something_to_compare_promote_and_roll_back(tmp_path: Path) -> None:
    prepare(settings(tmp_path))
    snapshot = opened(tmp_path).snapshot
    assert not snapshot.faults
    assert len(snapshot.prompts) == 6
    triage = snapshot.prompts["support/triage"]
    assert triage.versions == (3, 2, 1)
    assert {label: state.arms[0].version.version for label, state in triage.labels.items()} == {
        "production": 2,
        "staging": 3,
    }
    assert all("production" in state.labels for state in snapshot.prompts.values())
    greeting = snapshot.prompts["support/greeting"].labels["production"]
    assert [(arm.version.version, arm.weight) for arm in greeting.arms] == [(1, 90), (2, 10)]
    repository = DataFolder(tmp_path).repository("default")
    fsck = subprocess.run(["git", "-C", repository, "fsck", "--strict"], capture_output=True, check=False)
    assert fsck.returncode == 0, fsck.stderr


def test_a_first_start_that_died_is_gone_through_again(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with folder.locked():
        folder.make()
    ControlStore(folder.control, folder.signing_key()).create_project("Default", project_id="default")
    (tmp_path / "repositories" / "default.new").mkdir()
    assert prepare(settings(tmp_path)) is not None
    assert len(opened(tmp_path).snapshot.prompts) == 6


def test_given_keys_are_used_and_not_repeated(tmp_path: Path) -> None:
    given = {"public_key": "pk-lf-given", "secret_key": "sk-lf-given", "admin_password": "long enough for us"}
    first = prepare(settings(tmp_path, **given))
    assert first is not None
    assert (first.public_key, first.secret_key, first.admin_password) == ("pk-lf-given", None, None)
    assert prepare(settings(tmp_path, **given)) is None


def test_a_pair_given_later_works_and_a_wrong_secret_is_said(tmp_path: Path) -> None:
    prepare(settings(tmp_path))
    prepare(settings(tmp_path, public_key="pk-lf-later", secret_key="sk-lf-later"))
    with pytest.raises(InvalidRequest, match="not the secret of pk-lf-later"):
        prepare(settings(tmp_path, public_key="pk-lf-later", secret_key="sk-lf-other"))
    with pytest.raises(InvalidRequest, match="or neither"):
        prepare(settings(tmp_path, public_key="pk-lf-later"))
