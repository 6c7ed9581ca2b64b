"""Version files: marks by rising number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts.marks import MAX_MARKS, Mark, VersionMarks, dump_marks, parse_marks

A = "3f9c2d17" * 5

blobs = st.text("0123456789abcdef", min_size=40, max_size=40)
marks = st.lists(
    st.builds(Mark, version=st.integers(1, 2_147_483_647), blob=blobs, deleted=st.booleans())
    | st.builds(Mark, version=st.integers(1, 50), deleted=st.just(True)),
    max_size=6,
    unique_by=lambda mark: mark.version,
).map(lambda found: VersionMarks(marks=tuple(sorted(found, key=lambda mark: mark.version))))


@given(marks)
def test_round_trip(found: VersionMarks) -> None:
    assert parse_marks(dump_marks(found)) == found


@given(marks)
def test_the_same_file_by_hand(found: VersionMarks) -> None:
    """The path through YAML reads what the fixed form says."""
    assert parse_marks(b"# by hand\n" + dump_marks(found)) == found


def test_the_fixed_form() -> None:
    found = VersionMarks(marks=(Mark(version=3, deleted=True), Mark(version=4, blob=A)))
    assert (
        dump_marks(found).decode() == f"versions:\n  - {{version: 3, deleted: true}}\n  - {{version: 4, blob: {A}}}\n"
    )


def test_a_mark_takes_its_place() -> None:
    found = VersionMarks(marks=(Mark(version=2, blob=A), Mark(version=5, blob=A)))
    found = found.with_mark(Mark(version=3, deleted=True)).with_mark(Mark(version=5, blob=A, deleted=True))
    assert [(mark.version, mark.deleted) for mark in found.marks] == [(2, False), (3, True), (5, True)]


@pytest.mark.parametrize(
    ("written", "line", "reason"),
    [
        ("", 0, "empty"),
        ("versions: 1\n", 1, "list"),
        ("version: []\n", 1, "one key 'versions'"),
        ("versions:\n  - 3\n", 2, "mark is"),
        ("versions:\n  - {version: 3}\n", 0, "says nothing"),
        ("versions:\n  - {version: 3, delete: true}\n", 2, "Did you mean 'deleted'?"),
        ("versions:\n  - {version: 3, deleted: yes}\n", 2, "true or false"),
        ("versions:\n  - {deleted: true}\n", 2, "needs a 'version'"),
        ("versions:\n  - {version: 3, blob: 12}\n", 2, "40 (or 64)"),
        ("versions:\n  - {version: 0, deleted: true}\n", 0, "rising"),
        ("versions:\n  - {version: 3, deleted: true}\n  - {version: 3, deleted: true}\n", 0, "rising"),
        ("versions:\n  - {version: 3, deleted: true}\n  - {version: 2, deleted: true}\n", 0, "rising"),
    ],
)
def test_faults(written: str, line: int, reason: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        parse_marks(written.encode(), "versions/a.yaml")
    assert reason in caught.value.message
    assert (caught.value.path, caught.value.line) == ("versions/a.yaml", line)


def test_bounds() -> None:
    many = VersionMarks(marks=tuple(Mark(version=number, blob=A) for number in range(1, MAX_MARKS + 1)))
    assert parse_marks(dump_marks(many)) == many
    with pytest.raises(InvalidRequest, match="at most"):
        dump_marks(many.with_mark(Mark(version=MAX_MARKS + 1, blob=A)))
    with pytest.raises(InvalidFile, match="at most"):
        parse_marks(b"#" * 3_000_000)


def test_marks_that_mean_nothing_are_not_written() -> None:
    with pytest.raises(InvalidRequest, match="says nothing"):
        dump_marks(VersionMarks(marks=(Mark(version=1),)))
