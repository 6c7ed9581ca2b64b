"""Times as clients write them, as microseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from trunkline.errors import InvalidRequest
from trunkline.types import Micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Micros = 253_402_300_799_999_999
"""The last microsecond of the year 9999, beyond which a time cannot be written as ISO 8601."""


def parse_time(text: str) -> Micros:
    """Reads ISO 8601 with ``Z``, an offset or neither, which means UTC; more than six decimals are cut off.

    Raises InvalidRequest for what is no time, or lies before 1970 or after 9999.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _parse_leniently(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not 0 <= micros <= LATEST:
        raise InvalidRequest(f"The time {text[:40]!r} lies outside of the years 1970 to 9999.")
    return micros


def from_nanoseconds(nanoseconds: int) -> Micros:
    """Raises InvalidRequest for what lies before 1970 or after 9999."""
    micros = nanoseconds // 1000
    if not 0 <= micros <= LATEST:
        raise InvalidRequest(f"The time {nanoseconds} (nanoseconds) lies outside of the years 1970 to 9999.")
    return micros


def format_time(micros: Micros) -> str:
    """ISO 8601 with six decimals and ``Z``."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds")[:-6] + "Z"


def _parse_leniently(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip().upper())
    except ValueError:
        raise InvalidRequest(f"{text[:40]!r} is no time; write it as ISO 8601, such as 2026-11-23T19:04:08Z.") from None
