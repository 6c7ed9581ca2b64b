"""Searching texts: what is asked, what is found, and the small language in which people ask.

    refund invoice            both words, anywhere in the same observation or trace
    "refund was late"         these words in this order
    tick* "open tick"*        words that begin so; a phrase whose last word begins so
    refund OR invoice         either; AND binds closer
    refund NOT invoice        the same as refund -invoice
    (refund OR return) name:draft-answer output:"please wait"

Case and diacritics do not count. What is no letter or digit separates words, so that ``draft-answer`` is a phrase of
two. Nothing that people type is a fault of syntax: what cannot be meant (an operator at the end, a bracket without its
other) is left out. Chinese and Japanese are searched by character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

from trunkline.errors import InvalidRequest
from trunkline.types import Micros, ObservationType, Struct

MOST_TERMS, MOST_DEPTH, LEAST_PREFIX = 32, 8, 2


class SearchField(StrEnum):
    INPUT = "input"
    OUTPUT = "output"
    NAME = "name"


class Words(Struct, frozen=True, kw_only=True):
    """Words in this order. `prefix`: the last one may go on."""

    text: str
    prefix: bool = False
    field: SearchField | None = None


class AllOf(Struct, frozen=True):
    parts: tuple[Expression, ...]


class AnyOf(Struct, frozen=True):
    parts: tuple[Expression, ...]


class Not(Struct, frozen=True):
    part: Expression


Expression: TypeAlias = Words | AllOf | AnyOf | Not


class SearchCursor(Struct, frozen=True):
    """Where an engine goes on; what the numbers are is its own affair."""

    block: int
    place: int


class SearchQuery(Struct, frozen=True, kw_only=True):
    """A page of hits, the latest first. `types` leaves traces out."""

    expression: Expression
    limit: int = 50
    after: SearchCursor | None = None
    types: tuple[ObservationType, ...] = ()
    environments: tuple[str, ...] = ()
    since: Micros | None = None
    until: Micros | None = None


class SearchHit(Struct, frozen=True, kw_only=True):
    """A trace, or an observation of it."""

    trace_id: str
    observation_id: str | None
    type: ObservationType | None
    name: str | None
    environment: str
    time: Micros
    """The observation's start or the trace's timestamp."""
    field: SearchField
    """Where the words were found; one of several where they are in several."""
    snippet: str
    """Plain text around them, on one line."""


class SearchPage(Struct, frozen=True, kw_only=True):
    """`cursor` is None where nothing is left. A page may be short and have one: looking further would take long."""

    hits: tuple[SearchHit, ...]
    cursor: SearchCursor | None = None


class SearchStatus(Struct, frozen=True, kw_only=True):
    """How far the index follows the store."""

    lag: Micros
    """Age of the earliest change that is not indexed; 0 where there is none."""
    documents: int
    unread_traces: int
    """Of those that were there before the index; while it is built, about how many are left."""


_TOKEN = re.compile(r'(?P<minus>-)?(?:(?P<field>input|output|name):)?"(?P<phrase>[^"]*)(?:"(?P<more>\*)?|$)'
                    r'|(?P<open>-?\()|(?P<close>\))|(?P<word>[^\s()"]+)')  # fmt: skip
_FIELD = re.compile(r"(input|output|name):(.+)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ue000]")


def parse_search(text: str) -> Expression:
    """Raises InvalidRequest where there is no word to look for, or more than can be looked for at once."""
    tokens = list(_TOKEN.finditer(_CONTROL.sub(" ", text)))
    if len(tokens) > 4 * MOST_TERMS:
        raise InvalidRequest(f"The search is too long: at most {MOST_TERMS} words and phrases.")
    parser = _Parser(tokens)
    found = parser.any_of(0)
    if found is None:
        raise InvalidRequest('The search has no word to look for: give one, or a "phrase in quotes".')
    if parser.terms > MOST_TERMS:
        raise InvalidRequest(f"The search is too long: at most {MOST_TERMS} words and phrases.")
    return found


class _Parser:
    """Recursive descent; each method gives None where nothing was meant."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self.terms = 0

    def any_of(self, depth: int) -> Expression | None:
        if depth > MOST_DEPTH:
            raise InvalidRequest(f"The search is nested too deep: at most {MOST_DEPTH} brackets in one another.")
        parts = [self._all_of(depth)]
        while self._skip("OR") or (depth == 0 and self._skip(")")):
            parts.append(self._all_of(depth))
        return _together(AnyOf, parts)

    def _all_of(self, depth: int) -> Expression | None:
        parts: list[Expression | None] = []
        while self._at < len(self._tokens) and not self._comes("OR") and not self._comes(")"):
            if not self._skip("AND"):
                parts.append(self._unary(depth))
        return _together(AllOf, parts)

    def _unary(self, depth: int) -> Expression | None:
        if self._skip("NOT"):
            if self._at == len(self._tokens) or self._comes("OR") or self._comes(")"):
                return None
            return _negated(self._unary(depth))
        token = self._tokens[self._at]
        self._at += 1
        if token["open"]:
            found = self.any_of(depth + 1)
            self._skip(")")
            return _negated(found) if token["open"] == "-(" else found
        found = self._words(token)
        return _negated(found) if token["minus"] or (token["word"] or "x")[0] == "-" else found

    def _words(self, token: re.Match[str]) -> Words | None:
        if token["phrase"] is not None:
            field, text, prefix = token["field"], token["phrase"], bool(token["more"])
        else:
            given = token["word"].lstrip("-")
            named = _FIELD.fullmatch(given)
            field, text = (named[1], named[2]) if named else (None, given)
            prefix = text.endswith("*")
        letters = sum(map(str.isalnum, text))
        if not letters:
            return None
        if prefix and letters < LEAST_PREFIX:
            raise InvalidRequest(f"A search for {text}: give at least {LEAST_PREFIX} letters before the *.")
        self.terms += 1
        return Words(text=text.rstrip("*"), prefix=prefix, field=SearchField(field) if field else None)

    def _comes(self, word: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at][0] == word

    def _skip(self, word: str) -> bool:
        comes = self._comes(word)
        self._at += comes
        return comes


def _together(kind: type[AllOf] | type[AnyOf], parts: list[Expression | None]) -> Expression | None:
    given = tuple(part for part in parts if part is not None)
    return kind(given) if len(given) > 1 else given[0] if given else None


def _negated(part: Expression | None) -> Expression | None:
    return None if part is None else part.part if isinstance(part, Not) else Not(part)


def words_of(expression: Expression) -> Iterator[Words]:
    """Every word and phrase of an expression, in order."""
    if isinstance(expression, Words):
        yield expression
    elif isinstance(expression, Not):
        yield from words_of(expression.part)
    else:
        for part in expression.parts:
            yield from words_of(part)
