from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InvalidRequest
from trunkline.tracing.times import LATEST, format_time, from_nanoseconds, parse_time

MOMENT = 1_795_460_648_833_055


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T19:04:08.833055Z",
        "2026-11-23T19:04:08.833055",
        "2026-11-23T19:04:08.833055+00:00",
        "2026-11-23T21:04:08.833055+02:00",
        "2026-11-23T13:34:08.833055-0530",
        "2026-11-23 19:04:08.833055Z",
        " 2026-11-23t19:04:08.833055z ",
        "2026-11-23T19:04:08.833055999Z",
    ],
)
def test_the_ways_in_which_clients_write_a_time(text: str) -> None:
    assert parse_time(text) == MOMENT


def test_a_time_without_offset_is_utc() -> None:
    assert parse_time("1970-01-01T00:00:01") == 1_000_000
    assert parse_time("1970-01-02") == 86_400_000_000


@pytest.mark.parametrize("text", ["", "yesterday", "1695460648", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z", "\0"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no time"):
        parse_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_times_that_cannot_be_shown_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="1970 to 9999"):
        parse_time(text)


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_a_time_comes_back_whatever_its_offset(moment: datetime, offset: int) -> None:
    written = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset))).isoformat()
    assert format_time(parse_time(written)) == moment.isoformat(timespec="microseconds") + "Z"


def test_nanoseconds() -> None:
    assert from_nanoseconds(1_795_460_648_833_055_999) == MOMENT
    assert from_nanoseconds(LATEST * 1000) == LATEST
    for wrong in (-1, (LATEST + 1) * 1000):
        with pytest.raises(InvalidRequest):
            from_nanoseconds(wrong)
