"""How times, durations, sums and texts are written on a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from trunkline.types import Micros

DASH = "–"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = int((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds()) * 1_000_000


def moment(time: Micros) -> datetime:
    """Clamped to what a calendar holds: a client may send any number."""
    return _EPOCH + timedelta(microseconds=max(0, min(time, _LAST)))


def machine_time(time: Micros) -> str:
    """For ``<time datetime>`` and titles: ISO 8601 in UTC, milliseconds kept."""
    return moment(time).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(time: Micros) -> str:
    return moment(time).strftime("%Y-%m-%d %H:%M:%S")


def minute(time: Micros) -> str:
    return moment(time).strftime("%Y-%m-%d %H:%M")


def person(author: str) -> str:
    """The name of an author as Git writes it: ``Mara Lind <mara@example.com>`` is Mara Lind."""
    name = author.rpartition(" <")[0] if author.endswith(">") else author
    return clipped(name or author, 32)


def duration(micros: float | None) -> str:
    """Three significant figures at most: ``0.4 ms``, ``640 ms``, ``1.82 s``, ``2 m 03 s``, ``3 h 05 m``."""
    if micros is None:
        return DASH
    if micros < 10_000:
        return f"{micros / 1000:.1f} ms" if micros else "0 ms"
    if micros < 999_500:
        return f"{micros / 1000:.0f} ms"
    seconds = micros / 1_000_000
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def tick(micros: int) -> str:
    """A round duration without the zeros behind its point: ``0``, ``200 ms``, ``1 s``, ``1.5 s``."""
    if micros == 0:
        return "0"
    number, _, unit = duration(micros).partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def milliseconds(value: float | None) -> str:
    return duration(None if value is None else value * 1000)


def dollars(cost: float | None) -> str:
    """About three figures, and decimals enough for a call that costs a fraction of a cent."""
    if not cost:
        return DASH
    if cost < 0.000_001:
        return "<$0.000001"
    decimals = 2 if cost >= 1 else 3 if cost >= 0.01 else 5 if cost >= 0.001 else 6
    return f"${cost:,.{decimals}f}"


def count(number: float | None) -> str:
    if number is None:
        return DASH
    return f"{number:,.0f}"


def mean(number: float | None) -> str:
    """A mean of tokens or scores, with about three figures: ``412``, ``6.4``, ``0.825``."""
    if number is None:
        return DASH
    decimals = 0 if abs(number) >= 100 else 1 if abs(number) >= 2 else 3
    written = f"{number:,.{decimals}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def percent(fraction: float) -> str:
    """A length in an SVG attribute, so that no inline style is needed."""
    return f"{max(0.0, min(fraction, 1.0)) * 100:.3f}%"


def clipped(text: str, length: int) -> str:
    """One line of at most `length` characters."""
    line = " ".join(text[: length * 4].split())
    return line if len(line) <= length else line[: length - 1] + "…"


def short(hexadecimal: str) -> str:
    return hexadecimal[:7]
