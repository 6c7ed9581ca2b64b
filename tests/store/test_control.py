"""The control store on real SQLite files, also shared by two processes' worth of connections."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from trunkline.errors import Conflict, InvalidRequest, NotFound, TrunklineError
from trunkline.store.control import ControlStore, Role
from trunkline.store.control_tables import METADATA
from trunkline.types import KeyKind

SIGNING_KEY = b"k" * 32
DAY = 86_400_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.db"


@pytest.fixture
def store(path: Path) -> Iterator[ControlStore]:
    store = ControlStore(path, SIGNING_KEY)
    yield store
    store.close()


def test_projects_come_back_in_order(store: ControlStore) -> None:
    first = store.create_project("First", project_id="default")
    second = store.create_project("Second")
    assert store.projects() == [first, second]
    assert store.project("default") == first
    assert store.project("absent") is None


@pytest.mark.parametrize("project_id", ["../up", "a/b", "-lead", "a" * 65, "ä", "a\n", "a.git"])
def test_a_project_id_that_could_leave_its_folder_is_refused(store: ControlStore, project_id: str) -> None:
    with pytest.raises(InvalidRequest):
        store.create_project("x", project_id=project_id)


def test_a_taken_project_id_is_a_conflict(store: ControlStore) -> None:
    store.create_project("First", project_id="p")
    with pytest.raises(Conflict):
        store.create_project("Again", project_id="p")


def test_a_key_is_found_until_it_is_revoked(store: ControlStore) -> None:
    store.create_project("First", project_id="p")
    key, secret = store.create_key("p", "ci", KeyKind.READ_ONLY)
    found = store.find_key(key.public_key)
    assert found == key
    assert found.secret_digest == store.digest(secret)
    assert store.in_force().keys == (key,)
    revoked = store.revoke_key("p", key.public_key)
    assert revoked.revoked_at is not None
    assert store.find_key(key.public_key) is None
    assert store.in_force().keys == ()
    assert store.keys("p") == [revoked]
    with pytest.raises(NotFound):
        store.revoke_key("p", key.public_key)


def test_a_key_of_another_project_cannot_be_revoked(store: ControlStore) -> None:
    store.create_project("One", project_id="one")
    store.create_project("Two", project_id="two")
    key, _ = store.create_key("two", "ci")
    with pytest.raises(NotFound):
        store.revoke_key("one", key.public_key)
    assert store.find_key(key.public_key) == key


def test_a_given_pair_is_kept_and_a_bad_one_refused(store: ControlStore) -> None:
    store.create_project("One", project_id="p")
    key, secret = store.create_key("p", "given", public_key="pk-lf-12345678", secret_key="sk-lf-12345678")
    assert (key.public_key, secret) == ("pk-lf-12345678", "sk-lf-12345678")
    with pytest.raises(Conflict):
        store.create_key("p", "again", public_key="pk-lf-12345678")
    for bad in ("with:colon", "x" * 201, "with space", "ümlaut-ümlaut", "new\nline-12345"):
        with pytest.raises(InvalidRequest):
            store.create_key("p", "bad", public_key=bad)
    with pytest.raises(InvalidRequest):
        store.create_key("p", "bad <name>")
    with pytest.raises(NotFound):
        store.create_key("absent", "lost")


def test_neither_secret_nor_password_nor_token_is_on_disk(path: Path, store: ControlStore) -> None:
    store.create_project("One", project_id="p")
    _, secret = store.create_key("p", "ci")
    user = store.create_user("admin", "correct horse battery")
    token = store.create_session(user)
    content = path.read_bytes()
    for hidden in (secret, "correct horse battery", token):
        assert hidden.encode() not in content


def test_every_change_is_seen_by_another_process_as_a_generation(path: Path, store: ControlStore) -> None:
    other = ControlStore(path, SIGNING_KEY)
    seen = [other.generation()]
    store.create_project("One", project_id="p")
    seen.append(other.generation())
    key, _ = store.create_key("p", "ci")
    seen.append(other.generation())
    store.mark_used([key.public_key], 5)
    assert other.generation() == seen[-1]
    assert other.keys("p")[0].last_used_at == 5
    store.revoke_key("p", key.public_key)
    seen.append(other.generation())
    assert seen == sorted(set(seen))
    other.close()


def test_a_password_is_verified_with_the_same_work_for_a_wrong_name(store: ControlStore) -> None:
    user = store.create_user("admin", "correct horse battery", email="admin@example.com")
    assert store.verify_password("admin", "correct horse battery") == user
    assert user.role is Role.OWNER
    timings = []
    for name, password in (("admin", "wrong"), ("nobody", "wrong"), ("admin", ""), ("admin", "x" * 100_000)):
        took = []
        for _ in range(5):  # the least of several: other processes share the cores
            start = time.thread_time()
            assert store.verify_password(name, password) is None
            took.append(time.thread_time() - start)
        timings.append(min(took))
    assert min(timings) > 0.2 * max(timings)
    for bad in ("short", "x" * 1025):
        with pytest.raises(InvalidRequest):
            store.create_user("other", bad)


def test_a_new_password_ends_the_sessions(store: ControlStore) -> None:
    user = store.create_user("admin", "correct horse battery")
    token = store.create_session(user)
    assert (store.find_session(token) or (None,))[0] == user
    store.set_password("admin", "another long password")
    assert store.find_session(token) is None
    assert store.verify_password("admin", "another long password") == user
    with pytest.raises(NotFound):
        store.set_password("nobody", "another long password")


def test_a_session_ends_by_time_and_by_sign_out(store: ControlStore) -> None:
    user = store.create_user("admin", "correct horse battery")
    assert store.find_session(store.create_session(user, lifetime_s=0)) is None
    token = store.create_session(user)
    store.end_session(token)
    assert store.find_session(token) is None
    assert store.find_session("") is None


def test_the_migrations_make_the_tables_that_the_code_uses(path: Path, store: ControlStore) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_the_journal_is_a_rollback_journal(path: Path, store: ControlStore) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_a_database_of_a_later_release_is_refused_in_one_line(path: Path, store: ControlStore) -> None:
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(TrunklineError, match="written by a later release") as caught:
        ControlStore(path, SIGNING_KEY)
    assert "\n" not in caught.value.message


def test_a_second_start_finds_everything(path: Path, store: ControlStore) -> None:
    project = store.create_project("One", project_id="p")
    store.close()
    again = ControlStore(path, SIGNING_KEY)
    assert again.projects() == [project]
    again.close()
