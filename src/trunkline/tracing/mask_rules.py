"""Where secrets stand in a text: the shapes that everybody has, and the patterns of one project.

Everything is RE2 and so linear in the text. A project's patterns are bounded further, for each search may look at the
whole rest of a text: they see pieces of it, and their time in one request is counted, as hits are.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import NamedTuple

from trunkline.errors import InvalidRequest
from trunkline.tracing.escapes import View, unescaped
from trunkline.tracing.expressions import Expression, any_of, compiled
from trunkline.tracing.secret_shapes import AWS, BEFORE, EMAILS, IN_CONTEXT, KEYS, RUN

KEY, EMAIL, OWN = "key", "e-mail", "own"
MOST_INSTRUCTIONS = 1000
"""Of one own pattern as compiled: what RE2 may have to go through for each byte, at some 10 ns each."""
PIECE, OVERLAP = 64 * 1024, 8 * 1024
"""Own patterns see longer texts in pieces that overlap: a search takes less than a second at the very worst."""
OWN_SECONDS = 1.0
MOST_HITS = 20_000

Spans = list["Span"]


class Span(NamedTuple):
    """What is to be masked, from byte to byte, and as what."""

    start: int
    end: int
    kind: str


class Budget:
    """What masking may cost in one request; a text that it does not reach for is masked whole."""

    __slots__ = ("hits", "seconds")

    def __init__(self) -> None:
        self.seconds = OWN_SECONDS
        """Left for own patterns."""
        self.hits = MOST_HITS


class Rules:
    """Finds what to mask. Made once for a project's settings."""

    def __init__(self, *, emails: bool, patterns: Sequence[str] = ()) -> None:
        """Raises InvalidRequest for a pattern that RE2 does not take or that is too large."""
        self._emails = emails
        self.patterns = [compile_pattern(pattern) for pattern in patterns]

    def may_hit(self, data: bytes) -> bool:
        """Whether there is any known shape in what `data` says, however it is escaped."""
        return _any_shape(self._emails).search(unescaped(data)) is not None

    def shapes(self, data: bytes, budget: Budget) -> Spans | None:
        """Known shapes in `data`, whose escapes of any level are read as what they stand for.

        None where there are more than the budget has left.
        """
        view = View(data)
        found = list(islice(self._shapes_in(view.text), budget.hits + 1))
        if len(found) > budget.hits:
            return None
        budget.hits -= len(found)
        return [Span(view.place(start), view.place(end), kind) for start, end, kind in found]

    def _shapes_in(self, text: bytes) -> Iterator[Span]:
        for match in _keys().finditer(text):
            yield Span(*match.span(), KEY)
        for match in _contexts().finditer(text):
            yield _after_context(*match.span(), match.group())
        if _aws().search(text):
            for match in _runs().finditer(text):
                if _is_aws(match.group()):
                    yield Span(*match.span(), KEY)
        if self._emails:
            for match in _emails().finditer(text):
                yield Span(*match.span(), EMAIL)

    def own(self, data: bytes, budget: Budget, *, is_json: bool) -> Spans:
        """What the project's patterns find in one string: as it reads, and as it reads with its escapes undone.

        `is_json`: `data` stands between the quotes of a JSON string.
        """
        view = View(data, levels=1) if is_json and b"\\" in data else None
        text = data if view is None else view.text
        found = self._own_in(text, budget)
        if view is not None:
            found = [Span(view.place(start), view.place(end), kind) for start, end, kind in found]
        if b"\\" in text:
            deep = View(data)
            spans = self._own_in(deep.text, budget)
            found += [Span(deep.place(start), deep.place(end), kind) for start, end, kind in spans]
        return found

    def _own_in(self, text: bytes, budget: Budget) -> Spans:
        found: Spans = []
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE + OVERLAP]
            for pattern in self.patterns:
                if budget.seconds <= 0 or budget.hits <= 0:
                    return [Span(0, len(text), OWN)]
                began = time.perf_counter()
                spans = list(_searched(pattern, piece, start, began + budget.seconds))
                budget.seconds -= time.perf_counter() - began
                budget.hits -= len(spans)
                found += spans
        return found


@lru_cache(maxsize=128)
def rules(emails: bool, patterns: tuple[str, ...]) -> Rules:
    """The rules of a project's settings."""
    return Rules(emails=emails, patterns=patterns)


def check_patterns(patterns: Iterable[str]) -> None:
    """Raises InvalidRequest for the first pattern that cannot be a project's own."""
    for pattern in patterns:
        compile_pattern(pattern)


def compile_pattern(pattern: str) -> Expression:
    """A project's own pattern. Raises InvalidRequest with what RE2 says where it takes it not, or where it is large."""
    try:
        made = compiled(pattern, 1 << 20)
    except ValueError as error:
        raise InvalidRequest(
            f"The pattern {pattern!r} cannot be run in bounded time: {error}. Patterns are RE2's: no look-around, no "
            "backreferences."
        ) from None
    if made.programsize > MOST_INSTRUCTIONS:
        raise InvalidRequest(
            f"The pattern {pattern!r} compiles to {made.programsize} instructions; {MOST_INSTRUCTIONS} are allowed. "
            "Use smaller repetitions."
        )
    if made.search(b"") is not None:
        raise InvalidRequest(f"The pattern {pattern!r} matches the empty text: it would say nothing of what to mask.")
    return made


def merged(spans: Iterable[Span]) -> Spans:
    """In order, with those that overlap made one."""
    out: Spans = []
    for span in sorted(spans):
        if out and span.start < out[-1].end:
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end), out[-1].kind)
        elif span.start < span.end:
            out.append(span)
    return out


def _searched(pattern: Expression, piece: bytes, start: int, deadline: float) -> Iterator[Span]:
    """Matches until the deadline; then the rest of the piece as one, for each search may look at all of it."""
    for match in islice(pattern.finditer(piece), MOST_HITS):
        first, last = match.span()
        yield Span(start + first, start + last, OWN)
        if time.perf_counter() > deadline:
            yield Span(start + last, start + len(piece), OWN)
            return


def _after_context(start: int, end: int, whole: bytes) -> Span:
    before = BEFORE.match(whole)
    return Span(start + before.end() if before else start, end - whole.endswith(b"@"), KEY)


def _is_aws(run: bytes) -> bool:
    """40 characters that are no word, no path and no hexadecimal digest."""
    if len(run) != 40 or run.isalpha() or run == run.lower() or run == run.upper():
        return False
    return not set(run) <= set(b"0123456789abcdefABCDEF")


@cache
def _any_shape(emails: bool) -> Expression:
    return any_of((*KEYS, *IN_CONTEXT, AWS, *(EMAILS if emails else ())))


@cache
def _keys() -> Expression:
    return any_of(KEYS)


@cache
def _contexts() -> Expression:
    return any_of(IN_CONTEXT)


@cache
def _emails() -> Expression:
    return any_of(EMAILS)


@cache
def _aws() -> Expression:
    return compiled(AWS)


@cache
def _runs() -> Expression:
    return compiled(RUN)
