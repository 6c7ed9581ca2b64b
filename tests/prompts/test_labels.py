"""Label files: one version or a split, and comments that survive a promotion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts.labels import dump_label, parse_label, rewrite_label
from trunkline.types import Arm, LabelTarget

A = "3f9c2d17" * 5
B = "0123456789" * 4
C = "ab" * 32


def one(version: int, blob: str | None) -> LabelTarget:
    return LabelTarget(arms=(Arm(version=version, blob=blob),))


blobs = st.none() | st.text("0123456789abcdef", min_size=40, max_size=40)
versions = st.integers(1, 2_147_483_647)
singles = st.builds(one, versions, blobs)
splits = st.lists(
    st.builds(Arm, version=versions, blob=blobs, weight=st.integers(1, 1_000_000)),
    min_size=2,
    max_size=5,
    unique_by=lambda arm: arm.version,
).map(lambda arms: LabelTarget(arms=tuple(arms)))


@given(singles | splits)
def test_round_trip(target: LabelTarget) -> None:
    assert parse_label(dump_label(target)) == target


def test_the_fixed_form() -> None:
    assert dump_label(one(8, A)) == f"version: 8\nblob: {A}\n".encode()
    split = LabelTarget(arms=(Arm(version=7, blob=A, weight=90), Arm(version=8, blob=B, weight=10)))
    assert dump_label(split).decode() == (
        f"split:\n  - {{version: 7, blob: {A}, weight: 90}}\n  - {{version: 8, blob: {B}, weight: 10}}\n"
    )


@pytest.mark.parametrize(
    "written",
    [
        f"version: 8\nblob: {A}\n",
        f"version: 8\nblob: {A}",
        f"# why\nversion: 8   # the spring one\nblob: {A}   # decides\n",
        f"blob: '{A}'\nversion: 8\n",
        f"{{version: 8, blob: {A}}}\n",
        f"version: 8\r\nblob: {A}\r\n",
    ],
)
def test_files_by_hand(written: str) -> None:
    assert parse_label(written.encode()) == one(8, A)


def test_a_blob_of_digits_is_text() -> None:
    assert parse_label(f"version: 8 #\nblob: {B}\n".encode()) == one(8, B)
    assert parse_label(f"version: 8\nblob: {C}\n".encode()) == one(8, C)


def test_a_blob_may_be_left_out() -> None:
    assert parse_label(b"version: 8\n") == one(8, None)


def test_a_split_on_lines_of_its_own() -> None:
    written = f"split: [{{version: 7, blob: {A}, weight: 90}}, {{version: 8, weight: 10}}]\n"
    assert parse_label(written.encode()).arms == (
        Arm(version=7, blob=A, weight=90),
        Arm(version=8, blob=None, weight=10),
    )


@pytest.mark.parametrize(
    ("written", "line", "reason"),
    [
        ("", 0, "empty"),
        ("8\n", 1, "mapping"),
        ("blob: " + A, 1, "'version' is missing"),
        ("# a\nversion: 0\n", 2, "whole number from 1"),
        ("version: -1\n", 1, "whole number from 1"),
        ("version: 1.0\n", 1, "whole number from 1"),
        ("version: '8'\n", 1, "whole number from 1"),
        ("version: true\n", 1, "whole number from 1"),
        ("version: 99999999999\n", 1, "whole number from 1"),
        ("version: [8]\n", 1, "whole number from 1"),
        ("version: 8\nblob: 3f9c\n", 2, "40 (or 64)"),
        ("version: 8\nblob: " + A.upper(), 2, "40 (or 64)"),
        ("version: 8\nblob:\n", 2, "40 (or 64)"),
        ("version: 8\nblobb: " + A, 2, "Did you mean 'blob'?"),
        ("version: 8\nsplit: []\n", 1, "exclude each other"),
        ("split: {}\n", 1, "list"),
        ("split: []\n", 1, "at least two arms"),
        ("split:\n  - {version: 1, weight: 1}\n", 1, "at least two arms"),
        ("split:\n  - {version: 1, weight: 1}\n  - {version: 1, weight: 1}\n", 1, "once"),
        ("split:\n  - {version: 1, weight: 1}\n  - {version: 2, weight: 0}\n", 3, "from 1"),
        ("split:\n  - {version: 1, weight: 1}\n  - {version: 2, weight: 0.5}\n", 3, "from 1"),
        ("split:\n  - {version: 1, weight: 1}\n  - {version: 2}\n", 3, "needs a 'weight'"),
        ("split:\n  - {version: 1, weight: 1}\n  - {version: 2, wight: 1}\n", 3, "Did you mean 'weight'?"),
        ("split:\n  - 1\n  - 2\n", 2, "mapping"),
        ("version: 8\nversion: 9\n", 2, "stands twice"),
        ("version: 8\nweight: 9\n", 2, "no key 'weight'"),
        ("[" * 1000, 1, "mapping"),
        ("{" * 1000, 1, "key must be text"),
    ],
)
def test_faults_name_the_line(written: str, line: int, reason: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        parse_label(written.encode(), "labels/production/a.yaml")
    if not written.startswith("["):
        assert reason in caught.value.message
    assert (caught.value.path, caught.value.line) == ("labels/production/a.yaml", line)


@pytest.mark.parametrize(
    "target",
    [
        LabelTarget(arms=()),
        one(0, A),
        one(8, "x"),
        LabelTarget(arms=(Arm(version=1), Arm(version=1))),
        LabelTarget(arms=(Arm(version=1, weight=0), Arm(version=2, weight=1))),
        LabelTarget(arms=tuple(Arm(version=number) for number in range(1, 102))),
    ],
)
def test_what_no_file_can_mean_is_refused(target: LabelTarget) -> None:
    with pytest.raises(InvalidRequest):
        dump_label(target)


def test_comments_survive_a_promotion() -> None:
    old = f"# ask Ada before you change this\nversion: 7   # spring\n\nblob: {A}  # decides\n# end\n".encode()
    new = rewrite_label(old, one(8, "c" * 40))
    assert new == old.replace(b"version: 7", b"version: 8").replace(A.encode(), b"c" * 40)


def test_comments_survive_a_split() -> None:
    old = f"# ask Ada\nversion: 7\nblob: {A}\n".encode()
    target = LabelTarget(arms=(Arm(version=7, blob=A, weight=9), Arm(version=8, blob=A, weight=1)))
    new = rewrite_label(old, target)
    assert new.startswith(b"# ask Ada\nsplit:\n")
    assert parse_label(new) == target
    assert rewrite_label(new, one(7, A)) == old


def test_a_file_without_comments_is_written_in_the_fixed_form() -> None:
    assert rewrite_label(b"{version: 7}", one(8, A)) == dump_label(one(8, A))


@given(singles | splits, singles | splits)
def test_a_rewrite_always_reads_as_the_new_target(old: LabelTarget, new: LabelTarget) -> None:
    rewritten = rewrite_label(b"# note\n" + dump_label(old), new)
    assert parse_label(rewritten) == new
    assert rewritten.startswith(b"# note\n")
