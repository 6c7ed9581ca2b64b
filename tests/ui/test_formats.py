from __future__ import annotations

import pytest

from trunkline.ui import formats

HOUR = 3600 * 1_000_000


@pytest.mark.parametrize(
    ("micros", "written"),
    [
        (None, "–"),
        (0, "0 ms"),
        (400, "0.4 ms"),
        (9_999, "10.0 ms"),
        (640_000, "640 ms"),
        (999_400, "999 ms"),
        (999_600, "1.00 s"),
        (1_820_000, "1.82 s"),
        (12_340_000, "12.3 s"),
        (123_000_000, "2 m 03 s"),
        (3 * HOUR + 5 * 60_000_000, "3 h 05 m"),
    ],
)
def test_duration(micros: int | None, written: str) -> None:
    assert formats.duration(micros) == written


@pytest.mark.parametrize(
    ("cost", "written"),
    [
        (None, "–"),
        (0, "–"),
        (1234.5, "$1,234.50"),
        (0.0432, "$0.043"),
        (0.00432, "$0.00432"),
        (0.000067, "$0.000067"),
        (1e-9, "<$0.000001"),
    ],
)
def test_dollars(cost: float | None, written: str) -> None:
    assert formats.dollars(cost) == written


@pytest.mark.parametrize(
    ("micros", "written"), [(0, "0"), (200_000, "200 ms"), (1_000_000, "1 s"), (1_500_000, "1.5 s")]
)
def test_tick(micros: int, written: str) -> None:
    assert formats.tick(micros) == written


def test_times_are_utc_and_never_out_of_range() -> None:
    assert formats.clock(1_700_000_000_000_000) == "2023-11-14 22:13:20"
    assert formats.machine_time(1_700_000_000_123_456) == "2023-11-14T22:13:20.123Z"
    assert formats.machine_time(-(10**30)) == "1970-01-01T00:00:00.000Z"
    assert formats.clock(10**30).startswith("9999-12-31")


def test_clipped_is_one_line_of_bounded_length() -> None:
    assert formats.clipped("a\n  b\tc", 10) == "a b c"
    assert formats.clipped("x" * 50, 10) == "x" * 9 + "…"


def test_percent_stays_inside_the_axis() -> None:
    assert formats.percent(-1) == "0.000%"
    assert formats.percent(2) == "100.000%"
    assert formats.percent(0.25) == "25.000%"
