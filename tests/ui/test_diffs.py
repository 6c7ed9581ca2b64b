from __future__ import annotations

import random

import pytest

from trunkline.ui.diffs import MAX_WORD_DIFF, DiffRow, diff_rows


def old_side(rows: list[DiffRow]) -> list[str]:
    return ["".join(text for _, text in row.words) for row in rows if row.kind in {"same", "removed"}]


def new_side(rows: list[DiffRow]) -> list[str]:
    return ["".join(text for _, text in row.words) for row in rows if row.kind in {"same", "added"}]


def test_changed_words_of_changed_lines_are_marked() -> None:
    rows = diff_rows("one\ntwo three\nfour", "one\ntwo 3\nfour")
    assert [(row.kind, row.old, row.new) for row in rows] == [
        ("same", 1, 1),
        ("removed", 2, 0),
        ("added", 0, 2),
        ("same", 3, 3),
    ]
    assert rows[1].words == ((False, "two "), (True, "three"))
    assert rows[2].words == ((False, "two "), (True, "3"))


def test_lines_that_only_came_or_went_have_no_marked_words() -> None:
    assert diff_rows("a\nb", "a")[1].words == ((False, "b"),)
    assert diff_rows("a", "a\n\nb")[1:] == [
        DiffRow(kind="added", new=2, words=((False, ""),)),
        DiffRow(kind="added", new=3, words=((False, "b"),)),
    ]


def test_unchanged_lines_far_away_are_folded() -> None:
    lines = [f"line {n}" for n in range(40)]
    changed = [*lines[:20], "other", *lines[21:]]
    rows = diff_rows("\n".join(lines), "\n".join(changed))
    assert [row.hidden for row in rows if row.kind == "gap"] == [16, 15]
    assert len(diff_rows("\n".join(lines), "\n".join(changed), whole=True)) == 41


def test_equal_texts_are_one_gap() -> None:
    assert [row.kind for row in diff_rows("a\nb\nc", "a\nb\nc")] == ["gap"]


def test_long_changes_are_marked_by_line_only() -> None:
    rows = diff_rows("x " * MAX_WORD_DIFF, "y " * MAX_WORD_DIFF)
    assert [row.kind for row in rows] == ["removed", "added"]
    assert all(not changed for row in rows for changed, _ in row.words)


@pytest.mark.parametrize("seed", range(50))
def test_both_texts_can_be_read_back(seed: int) -> None:
    chance = random.Random(seed)
    before = [" ".join(chance.choices(["a", "b", "", "c d", "{{x}}"], k=3)) for _ in range(chance.randrange(12))]
    after = [line if chance.random() < 0.6 else line + " new" for line in before if chance.random() < 0.9]
    rows = diff_rows("\n".join(before), "\n".join(after), whole=True)
    assert "\n".join(old_side(rows)) == "\n".join(before)
    assert "\n".join(new_side(rows)) == "\n".join(after)
    assert [row.old for row in rows if row.old] == list(range(1, len(old_side(rows)) + 1))
