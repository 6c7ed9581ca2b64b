"""Runs a Jinja2 template by walking its syntax tree, one counted step after the other.

Jinja2 itself compiles templates to Python and folds constants on the way, which runs filters before anyone has asked
for it; its sandbox bounds neither time nor memory. Here no code is made, no Python attribute is reached, and every
operation pays a meter before it allocates. What a template gives is what Jinja2 gives (tests compare the two).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from itertools import chain, repeat
from typing import Any, cast

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.runtime import StrictUndefined, Undefined

from trunkline.prompts.template_data import (
    UNKNOWN,
    Loop,
    Namespace,
    Unknown,
    Value,
    attribute_of,
    items_of,
    text_of,
)
from trunkline.prompts.template_meter import ITEM, Meter, Mistake
from trunkline.prompts.template_operations import ARITHMETIC, calculate, compare, range_of, slice_of
from trunkline.prompts.template_tools import Toolbox
from trunkline.types import JSON

FUNCTIONS = frozenset(("range", "dict", "namespace"))

_MISTAKES = (TypeError, ValueError, ArithmeticError, LookupError, AssertionError, AttributeError, TemplateError)


class Evaluation:
    """One run of one template. A `trial` has no variables: it goes both ways where they would decide."""

    def __init__(
        self, variables: Mapping[str, JSON], meter: Meter, *, strict: bool = False, trial: bool = False
    ) -> None:
        self._variables = variables
        self._meter = meter
        self._undefined: type[Undefined] = StrictUndefined if strict else Undefined
        self._tools = Toolbox(meter, self._undefined)
        self._trial = trial
        self._scopes: list[dict[str, Value]] = [{}]
        self._output: list[str] = []

    def run(self, template: nodes.Template) -> str:
        self._body(template.body)
        return "".join(self._output)

    # -- statements --

    def _body(self, body: list[nodes.Node]) -> None:
        for node in body:
            self._meter.step()
            self._meter.line = node.lineno
            _STATEMENTS[type(node)](self, node)

    def _write(self, node: nodes.Output) -> None:
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                text = part.data
            else:
                self._meter.line = part.lineno
                value = self._value(part)
                text = self._attempt(text_of, value, self._meter) if not isinstance(value, str) else value
                text = "" if isinstance(text, Unknown) else text
            self._meter.spend(len(text))
            self._output.append(text)

    def _if(self, node: nodes.If) -> None:
        for branch in (node, *node.elif_):
            decided = self._truth(self._value(branch.test))
            if decided is not False:
                self._body(branch.body)
                if decided:
                    return
        self._body(node.else_)

    def _for(self, node: nodes.For) -> None:
        iterable = self._value(node.iter)
        unknown = isinstance(iterable, Unknown)
        items = [UNKNOWN] if unknown else self._attempt(items_of, iterable, self._meter)
        if isinstance(items, Unknown):
            return
        if node.test is not None:
            items = [item for item in items if self._passes(node.target, node.test, item)]
        loop = Loop(items, self._undefined)
        for index, item in enumerate(items):
            loop.index0 = index
            self._scopes.append({"loop": loop})
            self._assign_to(node.target, item)
            self._body(node.body)
            self._scopes.pop()
        if not items or unknown:
            self._scopes.append({})
            self._body(node.else_)
            self._scopes.pop()

    def _passes(self, target: nodes.Node, test: nodes.Node, item: Value) -> bool:
        self._scopes.append({})
        self._assign_to(target, item)
        decided = self._truth(self._value(test))
        self._scopes.pop()
        return decided is not False

    def _with(self, node: nodes.With) -> None:
        values = [self._value(value) for value in node.values]
        self._scopes.append({})
        for target, value in zip(node.targets, values, strict=True):
            self._assign_to(target, value)
        self._body(node.body)
        self._scopes.pop()

    def _assign(self, node: nodes.Assign) -> None:
        self._assign_to(node.target, self._value(node.node))

    def _assign_block(self, node: nodes.AssignBlock) -> None:
        text: Value = self._captured(node.body)
        if node.filter is not None:
            text = self._filtered(node.filter, text)
        self._assign_to(node.target, text)

    def _filter_block(self, node: nodes.FilterBlock) -> None:
        text = self._attempt(text_of, self._filtered(node.filter, self._captured(node.body)), self._meter)
        if not isinstance(text, Unknown):
            self._meter.spend(len(text))
            self._output.append(text)

    def _captured(self, body: list[nodes.Node]) -> str:
        outer, self._output = self._output, []
        self._scopes.append({})
        self._body(body)
        self._scopes.pop()
        text = "".join(self._output)
        self._output = outer
        return text

    def _assign_to(self, target: nodes.Node, value: Value) -> None:
        if isinstance(target, nodes.Tuple):
            count = len(target.items)
            values = list(repeat(UNKNOWN, count)) if isinstance(value, Unknown) else self._unpacked(value, count)
            for part, item in zip(target.items, values, strict=True):
                self._assign_to(part, item)
        elif isinstance(target, nodes.NSRef):
            space = self._name(target)
            if not isinstance(space, Namespace):
                raise self._meter.refusal(f"'{target.name}' is no namespace, so nothing can be set in it.")
            self._meter.spend(ITEM)
            space[target.attr] = value
        else:
            self._scopes[-1][cast(nodes.Name, target).name] = value

    def _unpacked(self, value: Value, count: int) -> list[Value]:
        values = self._attempt(items_of, value, self._meter)
        if isinstance(values, list) and len(values) == count:
            return values
        if self._trial:
            return [UNKNOWN] * count
        raise self._meter.mistake(f"{count} names cannot take the values of this item.")

    # -- expressions --

    def _value(self, node: nodes.Node) -> Value:
        self._meter.step()
        return _EXPRESSIONS[type(node)](self, node)

    def _attempt(self, call: Callable[..., Value], *args: Value) -> Value:
        """What `call` gives. Errors become ours; in a trial they may come from what is unknown and are none."""
        try:
            return call(*args)
        except Mistake:
            if self._trial:
                return UNKNOWN
            raise
        except _MISTAKES as error:
            if self._trial:
                return UNKNOWN
            raise self._meter.mistake(f"{str(error)[:200]}.") from None

    def _truth(self, value: Value) -> bool | None:
        """None: only the caller's variables will tell."""
        if isinstance(value, Unknown):
            return None
        return cast(bool | None, None if isinstance(decided := self._attempt(bool, value), Unknown) else decided)

    def _const(self, node: nodes.Const) -> Value:
        if isinstance(node.value, int):
            self._meter.integer(node.value.bit_length())
        return node.value

    def _data(self, node: nodes.TemplateData) -> Value:
        return node.data

    def _name(self, node: nodes.Name | nodes.NSRef) -> Value:
        name = node.name
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        if name in self._variables:
            return self._variables[name]
        return UNKNOWN if self._trial else self._undefined(name=name)

    def _list(self, node: nodes.List | nodes.Tuple) -> Value:
        values = [self._value(item) for item in node.items]
        self._meter.spend(ITEM * len(values))
        return values if isinstance(node, nodes.List) else tuple(values)

    def _dict(self, node: nodes.Dict) -> Value:
        self._meter.spend(ITEM * len(node.items))
        pairs = [(self._value(pair.key), self._value(pair.value)) for pair in node.items]
        return self._attempt(dict, pairs)

    def _condition(self, node: nodes.CondExpr) -> Value:
        decided = self._truth(self._value(node.test))
        if decided is None:
            for branch in (node.expr1, node.expr2):
                if branch is not None:
                    self._value(branch)
            return UNKNOWN
        if decided:
            return self._value(node.expr1)
        return self._value(node.expr2) if node.expr2 is not None else self._undefined(name="inline if without else")

    def _filter(self, node: nodes.Filter) -> Value:
        return self._filtered(node, None)

    def _filtered(self, node: nodes.Filter, block: Value) -> Value:
        """`block` is the text of a filter block, which the innermost filter is given."""
        if node.node is None:
            value = block
        elif isinstance(node.node, nodes.Filter) and block is not None:
            value = self._filtered(node.node, block)
        else:
            value = self._value(node.node)
        args, kwargs = self._arguments(node)
        if _any_unknown(value, args, kwargs):
            return UNKNOWN
        return self._attempt(self._tools.filter, node.name, value, args, kwargs)

    def _test(self, node: nodes.Test) -> Value:
        value = self._value(node.node)
        args, kwargs = self._arguments(node)
        if _any_unknown(value, args, kwargs):
            return UNKNOWN
        return self._attempt(self._tools.test, node.name, value, args)

    def _call(self, node: nodes.Call) -> Value:
        args, kwargs = self._arguments(node)
        if isinstance(node.node, nodes.Name):
            return self._attempt(self._function, node.node.name, args, kwargs)
        target = cast(nodes.Getattr, node.node)
        value = self._value(target.node)
        if _any_unknown(value, args, kwargs):
            return UNKNOWN
        if isinstance(value, Loop):
            return self._attempt(value.call, target.attr, args)
        if isinstance(value, Undefined):
            return self._attempt(cast(Callable[[], Value], value))
        return self._attempt(self._tools.method, value, target.attr, args, kwargs)

    def _function(self, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if any(name in scope for scope in self._scopes) or name in self._variables:
            raise self._meter.mistake(f"'{name}' is a variable and cannot be called.")
        for value in (*args, *kwargs.values()):
            self._meter.read(value if not isinstance(value, Unknown) else None)
        if name == "range":
            if _any_unknown(None, args, kwargs):
                return UNKNOWN
            return range_of(args, self._meter)
        made = dict(*args, **kwargs)
        return Namespace(made) if name == "namespace" else made

    def _arguments(self, node: nodes.Filter | nodes.Test | nodes.Call) -> tuple[list[Value], dict[str, Value]]:
        args = [self._value(arg) for arg in node.args]
        return args, {str(pair.key): self._value(pair.value) for pair in node.kwargs}

    def _getattr(self, node: nodes.Getattr) -> Value:
        value = self._value(node.node)
        if isinstance(value, Loop):
            return value.attribute(node.attr)
        return self._attempt(attribute_of, value, node.attr, self._undefined)

    def _getitem(self, node: nodes.Getitem) -> Value:
        value = self._value(node.node)
        if isinstance(node.arg, nodes.Slice):
            return self._sliced(value, node.arg)
        key = self._value(node.arg)
        if isinstance(key, Unknown) or isinstance(value, Unknown):
            return UNKNOWN
        if isinstance(key, str) and key.startswith("__"):
            raise self._meter.refusal("names that start with '__' are not read.")
        return self._attempt(attribute_of, value, key, self._undefined)

    def _sliced(self, value: Value, part: nodes.Slice) -> Value:
        bounds = [None if bound is None else self._value(bound) for bound in (part.start, part.stop, part.step)]
        if _any_unknown(value, bounds, {}):
            return UNKNOWN
        return self._attempt(slice_of, value, bounds, self._meter)

    def _concat(self, node: nodes.Concat) -> Value:
        values = [self._value(part) for part in node.nodes]
        parts = [self._attempt(text_of, value, self._meter) for value in values if not isinstance(value, Unknown)]
        texts = [part for part in parts if isinstance(part, str)]
        self._meter.spend(sum(map(len, texts)))
        return "".join(texts) if len(texts) == len(values) else UNKNOWN

    def _compare(self, node: nodes.Compare) -> Value:
        left = self._value(node.expr)
        for operand in node.ops:
            right = self._value(operand.expr)
            if isinstance(left, Unknown) or isinstance(right, Unknown):
                return UNKNOWN
            held = self._attempt(compare, operand.op, left, right, self._meter)
            if isinstance(held, Unknown) or not held:
                return held
            left = right
        return True

    def _and(self, node: nodes.And) -> Value:
        left = self._value(node.left)
        decided = self._truth(left)
        if decided is False:
            return left
        right = self._value(node.right)
        return UNKNOWN if decided is None else right

    def _or(self, node: nodes.Or) -> Value:
        left = self._value(node.left)
        decided = self._truth(left)
        if decided:
            return left
        right = self._value(node.right)
        return UNKNOWN if decided is None else right

    def _not(self, node: nodes.Not) -> Value:
        decided = self._truth(self._value(node.node))
        return UNKNOWN if decided is None else not decided

    def _sign(self, node: nodes.Neg | nodes.Pos) -> Value:
        value = self._value(node.node)
        if isinstance(value, Unknown):
            return value
        return self._attempt(operator.neg if isinstance(node, nodes.Neg) else operator.pos, value)

    def _binary(self, node: nodes.BinExpr) -> Value:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        return self._attempt(calculate, type(node), left, right, self._meter)


def _any_unknown(value: Value, args: list[Value], kwargs: Mapping[str, Value]) -> bool:
    return any(isinstance(one, Unknown) for one in chain((value,), args, kwargs.values()))


_STATEMENTS: dict[type[nodes.Node], Callable[[Evaluation, Any], None]] = {
    nodes.Output: Evaluation._write,
    nodes.If: Evaluation._if,
    nodes.For: Evaluation._for,
    nodes.With: Evaluation._with,
    nodes.Assign: Evaluation._assign,
    nodes.AssignBlock: Evaluation._assign_block,
    nodes.FilterBlock: Evaluation._filter_block,
}
_EXPRESSIONS: dict[type[nodes.Node], Callable[[Evaluation, Any], Value]] = {
    nodes.Const: Evaluation._const,
    nodes.TemplateData: Evaluation._data,
    nodes.Name: Evaluation._name,
    nodes.List: Evaluation._list,
    nodes.Tuple: Evaluation._list,
    nodes.Dict: Evaluation._dict,
    nodes.CondExpr: Evaluation._condition,
    nodes.Filter: Evaluation._filter,
    nodes.Test: Evaluation._test,
    nodes.Call: Evaluation._call,
    nodes.Getattr: Evaluation._getattr,
    nodes.Getitem: Evaluation._getitem,
    nodes.Concat: Evaluation._concat,
    nodes.Compare: Evaluation._compare,
    nodes.And: Evaluation._and,
    nodes.Or: Evaluation._or,
    nodes.Not: Evaluation._not,
    nodes.Neg: Evaluation._sign,
    nodes.Pos: Evaluation._sign,
    **dict.fromkeys(ARITHMETIC, Evaluation._binary),
}
STATEMENTS = frozenset(_STATEMENTS)
EXPRESSIONS = frozenset(_EXPRESSIONS)
