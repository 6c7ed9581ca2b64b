"""The version index and the last-good rules: however one gets to a head, it serves the same."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_folder import PROJECT, Folder, file_of
from trunkline.registry.persist import decode_record, encode_record
from trunkline.registry.registry import Registry
from trunkline.registry.repository import Repository
from trunkline.registry.snapshot import Snapshot
from trunkline.registry.trees import Draft
from trunkline.store.registry_tables import SQLiteTables

NAMES = ("a", "b", "support/c")
LABELS = ("production", "staging")
TEXTS = (
    file_of("one"),
    file_of("two {{x}}"),
    file_of("see @@@langfusePrompt:name=b|label=production@@@"),
    file_of("see @@@langfusePrompt:name=a|version=2@@@"),
    file_of("see @@@langfusePrompt:name=support/c|label=latest@@@"),
    b"type: text\nprompt: [broken\n",
    b"type: text\ntemplate: jinja2\nprompt: \"{{ 'x' * 10 ** 9 }}{% for i in range(10**9) %}{% endfor %}\"\n",
)


class Walk:
    """A random history, written past every check."""

    def __init__(self, folder: Folder, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.blobs = [folder.repository.write_blob(data) for data in TEXTS]

    def step(self) -> None:
        if self.folder.repository.head() and self.random.random() < 0.15:
            self._merge()
        else:
            self.folder.commit(self._files())

    def _files(self) -> dict[str, bytes | None]:
        files: dict[str, bytes | None] = {}
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            files |= self._change(self.random.choice(NAMES))
        return files

    def _change(self, name: str) -> dict[str, bytes | None]:
        roll = self.random.random()
        label = self.random.choice(LABELS)
        if roll < 0.4:
            return {f"prompts/{name}.yaml": self.random.choice(TEXTS)}
        if roll < 0.48:
            return {f"prompts/{name}.yaml": None}
        if roll < 0.55:
            return {f"prompts/{name}.yaml": None, **{f"labels/{one}/{name}.yaml": None for one in LABELS}}
        if roll < 0.6:
            return {f"labels/{label}/{name}.yaml": None}
        if roll < 0.85:
            return {f"labels/{label}/{name}.yaml": self._label()}
        if roll < 0.95:
            return {f"versions/{name}.yaml": self._marks()}
        return {self.random.choice(("prompts/stray.txt", "labels/x/y")): self.random.choice((b"x", None))}

    def _label(self) -> bytes:
        number = self.random.randint(1, 6)
        roll = self.random.random()
        if roll < 0.1:
            return b"version: {"
        if roll < 0.5:
            return f"version: {number}\n".encode()
        if roll < 0.6:
            other = self.random.randint(1, 4)
            return f"split:\n  - {{version: {number}, weight: 9}}\n  - {{version: {other + 6}, weight: 1}}\n".encode()
        return f"version: {number}\nblob: {self.random.choice(self.blobs)}\n".encode()

    def _marks(self) -> bytes:
        if self.random.random() < 0.1:
            return b"versions: nonsense\n"
        numbers = sorted(self.random.sample(range(1, 9), self.random.randint(0, 3)))
        lines = [self._mark(number) for number in numbers]
        return ("versions:\n" + "".join(lines)).encode() if lines else b"versions: []\n"

    def _mark(self, number: int) -> str:
        roll = self.random.random()
        blob = f", blob: {self.random.choice(self.blobs)}" if roll < 0.6 else ""
        return f"  - {{version: {number}{blob}{', deleted: true' if roll > 0.4 else ''}}}\n"

    def _merge(self) -> None:
        """A side branch of two commits, merged with the branch as its first parent."""
        repository, head = self.folder.repository, self.folder.repository.head()
        side = self.folder.commit(self._files(), onto=self.folder.commit(self._files(), onto=head))
        tree = Draft(repository, side).write_tree()
        signature = repository.commit_of(head).committer
        merged = repository.git.create_commit(None, signature, signature, "merge", tree, [head, side])
        repository.move_head(head, str(merged))


def index_of(registry: Registry) -> dict[str, list[tuple[int, str, str]]]:
    names = registry.snapshot.records
    return {
        name: [(m.version.version, m.version.commit, m.version.blob) for m in registry.index.made_all(name)]
        for name in names
    }


def differences(one: Snapshot, other: Snapshot) -> list[str]:
    names = sorted(one.records.keys() | other.records.keys())
    return [
        f"{n}:\n{one.records.get(n)}\n{other.records.get(n)}"
        for n in names
        if one.records.get(n) != other.records.get(n)
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 30))
def test_index_and_snapshot_are_the_same_step_by_step_in_jumps_cold_and_restored(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: int
) -> None:
    folder = Folder(tmp_path_factory.mktemp("walk"))
    walk = Walk(folder, seed)
    each, jumping = folder.open("each.db"), folder.open("jumping.db")
    for step in range(steps):
        walk.step()
        each.refresh()
        if step % 4 == 3:
            jumping.refresh()
    jumping.refresh()
    cold = folder.open("cold.db")
    restored = folder.open("each.db")
    for registry in (jumping, cold, restored):
        assert differences(each.snapshot, registry.snapshot) == []
        assert registry.snapshot == each.snapshot
        assert index_of(registry) == index_of(each)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_every_head_reads_the_same_cold_as_it_was_served(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder = Folder(tmp_path_factory.mktemp("walk"))
    walk = Walk(folder, seed)
    registry = folder.open()
    for step in range(12):
        walk.step()
        registry.refresh()
        cold = folder.open(f"cold{step}.db")
        assert differences(registry.snapshot, cold.snapshot) == []
        assert cold.snapshot == registry.snapshot
        for record in cold.snapshot.records.values():
            assert decode_record(encode_record(record)) == record


def test_numbers_are_kept_where_the_table_knows_them(folder: Folder) -> None:
    folder.commit({"prompts/a.yaml": TEXTS[0]})
    registry = folder.open()
    tables = SQLiteTables(folder.path / "registry.db")
    found = tables.versions.version(PROJECT, "a", 1)
    assert found is not None
    assert found[0].blob == folder.blob("prompts/a.yaml")
    assert registry.version("a", 1).commit == registry.snapshot.head
    assert isinstance(registry.repository, Repository)
