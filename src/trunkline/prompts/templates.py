"""Jinja2 templates, hardened: what they may hold is listed, what they may cost is counted.

Allowed are ``if``, ``for``, ``set``, ``with``, ``filter`` blocks, ``raw`` and comments, expressions, and the filters,
tests and methods in `template_tools`. Not allowed are imports, includes, inheritance, macros, recursive loops, and any
name that starts with ``__``. A template is checked before it is stored: its tree, then a trial run with unknown
variables, which finds the bombs that need none. A run with variables is bounded in the same way.

A variable that is not given is Jinja2's ordinary Undefined: it prints as nothing, it is false, a loop over it is empty,
and to reach into it is an error. With `strict` any use of it is an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from jinja2 import nodes
from jinja2.environment import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from trunkline.errors import InvalidRequest
from trunkline.prompts.template_evaluation import EXPRESSIONS, FUNCTIONS, STATEMENTS, Evaluation
from trunkline.prompts.template_meter import Meter
from trunkline.prompts.template_tools import FILTERS, TESTS
from trunkline.types import JSON, Struct

MAX_SOURCE = 256 * 1024
MAX_TOKENS = 4_500
MAX_NESTING = 60
MAX_CACHED_SOURCE = 16 * 1024

_HELPERS = frozenset((nodes.Template, nodes.Pair, nodes.Keyword, nodes.Operand, nodes.Slice, nodes.NSRef))
_ALLOWED = STATEMENTS | EXPRESSIONS | _HELPERS


class Names(Struct, frozen=True, kw_only=True):
    """The variables of a template in the order in which they are read.

    `used`: all that the caller may give. `needed`: those of them that the template does not provide for by ``default``
    or by asking whether they are ``defined``.
    """

    used: tuple[str, ...]
    needed: tuple[str, ...]


def check_template(source: str) -> None:
    """InvalidRequest, with the line, for a template that must not be stored or served."""
    template = _parsed(source)
    try:
        Evaluation({}, Meter(), trial=True).run(template)
    except RecursionError:
        raise InvalidRequest("The template is nested too deeply. Make it flatter.") from None


def render(source: str, variables: Mapping[str, JSON], *, strict: bool = False, meter: Meter | None = None) -> str:
    """The template's text. InvalidRequest, with the line, for what is not allowed, costs too much, or fails.

    `meter` is shared between the messages of one prompt.
    """
    template = _parsed(source)
    try:
        return Evaluation(variables, meter or Meter(), strict=strict).run(template)
    except RecursionError:
        raise InvalidRequest("The template or a variable is nested too deeply. Make it flatter.") from None


def names_of(source: str) -> Names:
    """InvalidRequest for a template that is not allowed."""
    return _cached_names(source) if len(source) <= MAX_CACHED_SOURCE else _names(source)


class _TokenLimit(Extension):
    """Stops the parser at the first token too many, before a tree of them takes memory."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for count, token in enumerate(stream):
            if count >= MAX_TOKENS:
                raise InvalidRequest(f"The template has more than {MAX_TOKENS:,} tokens. Shorten it.")
            yield token


_ENVIRONMENT = Environment(extensions=[_TokenLimit], autoescape=False)


def _parsed(source: str) -> nodes.Template:
    return _cached_tree(source) if len(source) <= MAX_CACHED_SOURCE else _tree(source)


def _tree(source: str) -> nodes.Template:
    if len(source) > MAX_SOURCE:
        raise InvalidRequest(f"The template has {len(source):,} characters, at most {MAX_SOURCE:,} are possible.")
    try:
        template = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise InvalidRequest(f"The template is not valid, line {error.lineno}: {error.message}") from None
    except RecursionError:
        raise InvalidRequest("The template is nested too deeply. Make it flatter.") from None
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"The template is not valid: {str(error)[:200]}") from None
    _check_tree(template)
    return template


_cached_tree = lru_cache(maxsize=512)(_tree)


def _check_tree(template: nodes.Template) -> None:
    """Without recursion: a tree may be as deep as the source is long."""
    pending: list[tuple[nodes.Node, int]] = [(template, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_NESTING:
            raise _refusal(node, f"it is nested more than {MAX_NESTING} levels. Make it flatter.")
        problem = _problem(node)
        if problem:
            raise _refusal(node, problem)
        pending.extend((child, depth + 1) for child in node.iter_child_nodes())


def _problem(node: nodes.Node) -> str:
    if type(node) not in _ALLOWED:
        return f"'{type(node).__name__.lower()}' is not possible here."
    for name in _names_in(node):
        if name.startswith("__"):
            return "names that start with '__' are not possible."
    match node:
        case nodes.For(recursive=True):
            return "a recursive loop is not possible."
        case nodes.Filter() if node.name not in FILTERS:
            return f"there is no filter '{node.name}' here. There are: {', '.join(sorted(FILTERS))}."
        case nodes.Test() if node.name not in TESTS:
            return f"there is no test '{node.name}' here."
        case nodes.Call() if not _callable(node.node):
            return f"only {', '.join(sorted(FUNCTIONS))}, loop.cycle, loop.changed and methods of data can be called."
        case nodes.Call() | nodes.Filter() | nodes.Test() if node.dyn_args or node.dyn_kwargs:
            return "'*' and '**' in a call are not possible."
    return ""


def _names_in(node: nodes.Node) -> Iterator[str]:
    match node:
        case nodes.Name() | nodes.Filter() | nodes.Test() | nodes.NSRef():
            yield node.name
    match node:
        case nodes.Getattr() | nodes.NSRef():
            yield node.attr
        case nodes.Keyword():
            yield node.key
        case nodes.Getitem(arg=nodes.Const(value=str() as key)):
            yield key


def _callable(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getattr) or (isinstance(node, nodes.Name) and node.name in FUNCTIONS)


def _refusal(node: nodes.Node, reason: str) -> InvalidRequest:
    return InvalidRequest(f"The template cannot be used, line {node.lineno}: {reason}")


def _names(source: str) -> Names:
    reader = _Reader()
    reader.body(_parsed(source).body, set())
    used = tuple(reader.used)
    return Names(used=used, needed=tuple(name for name in used if name not in reader.provided))


_cached_names = lru_cache(maxsize=512)(_names)


class _Reader:
    """Finds the names that a template reads and does not set. Jinja2's own finder would run filters on constants."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}
        self.provided: set[str] = set()

    def body(self, body: list[nodes.Node], bound: set[str]) -> None:
        """`bound`: names set so far; grows as the body sets more."""
        for node in body:
            self._node(node, bound)

    def _node(self, node: nodes.Node, bound: set[str]) -> None:
        match node:
            case nodes.For():
                self._for(node, bound)
            case nodes.With():
                for value in node.values:
                    self._node(value, bound)
                self.body(node.body, bound.union(*map(_targets, node.targets)))
            case nodes.Assign():
                self._node(node.node, bound)
                bound |= _targets(node.target)
            case nodes.AssignBlock() | nodes.FilterBlock():
                self._block(node, bound)
            case nodes.Name():
                if node.name not in bound:
                    self.used.setdefault(node.name)
            case nodes.Call(node=nodes.Name()):
                for child in (*node.args, *node.kwargs):
                    self._node(child, bound)
            case _:
                self._guard(node, bound)
                for child in node.iter_child_nodes():
                    self._node(child, bound)

    def _for(self, node: nodes.For, bound: set[str]) -> None:
        self._node(node.iter, bound)
        inner = bound | _targets(node.target) | {"loop"}
        if node.test is not None:
            self._node(node.test, inner)
        self.body(node.body, inner)
        self.body(node.else_, set(bound))

    def _block(self, node: nodes.AssignBlock | nodes.FilterBlock, bound: set[str]) -> None:
        self.body(node.body, set(bound))
        if node.filter is not None:
            self._node(node.filter, bound)
        if isinstance(node, nodes.AssignBlock):
            bound |= _targets(node.target)

    def _guard(self, node: nodes.Node, bound: set[str]) -> None:
        match node:
            case nodes.Test(name="defined" | "undefined", node=nodes.Name(name=name)) if name not in bound:
                self.provided.add(name)
            case nodes.Filter(name="default" | "d", node=nodes.Name(name=name)) if name not in bound:
                self.provided.add(name)


def _targets(target: nodes.Node) -> set[str]:
    if isinstance(target, nodes.Name):
        return {target.name}
    return {name.name for name in target.find_all(nodes.Name)}
