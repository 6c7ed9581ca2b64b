"""Compiling: a prompt's variables and placeholders are filled in.

Mustache templates give exactly what ``compile`` of the Langfuse SDK for Python gives (``langfuse.model`` of 2.60.10 and
5.0.4): the nearest ``}}`` closes a ``{{``, the name between is stripped, a variable that is not given stays as it
stands, None becomes nothing, every other value its ``str``. A chat entry becomes ``{role, content}``; a placeholder
becomes the messages given under its name, or stays as it stands.

Jinja2 templates run in `trunkline.prompts.templates`; a variable that is not given is empty there, because its tag need
not have a form that could stay. Messages that fill a placeholder are data: they are never run as Jinja2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from trunkline.errors import InvalidRequest
from trunkline.prompts import templates
from trunkline.prompts.template_meter import Meter
from trunkline.types import JSON, Message, PromptContent, TemplateEngine

MAX_OUTPUT = 4 * 1024 * 1024
"""Characters of a compiled prompt. A template of 256 KiB could repeat a variable of 1 MB fifty thousand times."""
MAX_CACHED_TEXT = 16 * 1024

_OPENING, _CLOSING = "{{", "}}"
_VARIABLE = re.compile(r"[^\W\d][\w.-]*")
_NO_ROLE = "NOT_GIVEN"

Fill = Callable[[str], str]


def compile_prompt(content: PromptContent, variables: Mapping[str, JSON]) -> str | list[Message]:
    """The text, or the messages, with what is given filled in. InvalidRequest where a bound or a template is broken."""
    budget = _Budget()
    fill = _filler(content, variables, budget)
    if isinstance(content.prompt, str):
        return fill(content.prompt)
    fill_given = fill if content.template is TemplateEngine.MUSTACHE else _as_given
    messages: list[Message] = []
    for entry in content.prompt:
        if entry.get("type") != "placeholder":
            messages.append({"role": entry["role"], "content": fill(entry["content"])})
        elif entry["name"] in variables:
            messages.extend(_placed(variables[entry["name"]], fill_given, budget))
        else:
            messages.append({"type": "placeholder", "name": entry["name"]})
    return messages


def variable_names(content: PromptContent) -> tuple[str, ...]:
    """The names between the braces, each once, in the order in which they first appear (Jinja2: the variables read)."""
    names: dict[str, None] = {}
    for text in _texts(content):
        found = _pieces(text)[1] if content.template is TemplateEngine.MUSTACHE else templates.names_of(text).used
        names.update(dict.fromkeys(found))
    return tuple(names)


def placeholder_names(content: PromptContent) -> tuple[str, ...]:
    if isinstance(content.prompt, str):
        return ()
    return tuple(dict.fromkeys(entry["name"] for entry in content.prompt if entry.get("type") == "placeholder"))


def missing_variables(content: PromptContent, variables: Mapping[str, JSON]) -> tuple[str, ...]:
    """What a strict compile lacks: names used or required by the contract that are not given.

    Not lacking are names that the contract has as optional, those that a Jinja2 template itself provides for
    (``default``, ``is defined``), and braces around what is no name, as in JSON.
    """
    wanted = dict.fromkeys(name for name, variable in content.variables.items() if variable.required)
    if content.template is TemplateEngine.JINJA2:
        for text in _texts(content):
            wanted.update(dict.fromkeys(templates.names_of(text).needed))
    else:
        wanted.update(dict.fromkeys(name for name in variable_names(content) if _VARIABLE.fullmatch(name)))
    wanted.update(dict.fromkeys(placeholder_names(content)))
    optional = {name for name, variable in content.variables.items() if not variable.required}
    return tuple(name for name in wanted if name not in variables and name not in optional)


def _texts(content: PromptContent) -> Sequence[str]:
    if isinstance(content.prompt, str):
        return (content.prompt,)
    return [entry["content"] for entry in content.prompt if entry.get("type") != "placeholder"]


class _Budget:
    """Counts the characters of the result, before they take memory."""

    def __init__(self) -> None:
        self._left = MAX_OUTPUT

    def spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise InvalidRequest(
                f"The compiled prompt has more than {MAX_OUTPUT:,} characters. Send shorter variables."
            )


def _filler(content: PromptContent, variables: Mapping[str, JSON], budget: _Budget) -> Fill:
    if content.template is TemplateEngine.JINJA2:
        meter = Meter()
        return lambda text: templates.render(text, variables, meter=meter)
    written: dict[str, str] = {}
    return lambda text: _fill(text, variables, budget, written)


def _fill(text: str, variables: Mapping[str, JSON], budget: _Budget, written: dict[str, str]) -> str:
    """`written` keeps values that had to be turned into text, so that it is done once for each."""
    pieces, names = _pieces(text) if len(text) <= MAX_CACHED_TEXT else _split(text)
    if not names:
        budget.spend(len(text))
        return text
    filled = list(pieces)
    place = 1
    for name in names:
        if name in variables:
            value = variables[name]
            if type(value) is not str:
                value = written[name] if name in written else written.setdefault(name, _text_of(value))
            filled[place] = value
        place += 2
    budget.spend(sum(map(len, filled)))
    return "".join(filled)


def _as_given(text: str) -> str:
    return text


def _text_of(value: JSON) -> str:
    if value is None:
        return ""
    try:
        return str(value)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"A variable cannot be written as text: {error}. Send it as a string.") from None


def _placed(value: JSON, fill: Fill, budget: _Budget) -> list[Message]:
    """The messages that take a placeholder's place, as the SDK makes them of whatever is given."""
    whole = _text_of(value)
    if not isinstance(value, list):
        budget.spend(len(whole))
        return [{"role": _NO_ROLE, "content": str(value)}]
    messages: list[Message] = []
    budget.spend(len(whole))
    for item in value:
        if isinstance(item, dict):
            content = item.get("content", "")
            filled = fill(content) if isinstance(content, str) else content
            messages.append({**item, "role": item.get("role", _NO_ROLE), "content": filled})
        else:
            budget.spend(len(whole))
            messages.append({"role": _NO_ROLE, "content": whole})
    return messages


def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Text and tags in turn (the tags at the odd places), and the tags' names."""
    pieces: list[str] = []
    names: list[str] = []
    position = 0
    while (start := text.find(_OPENING, position)) >= 0 and (end := text.find(_CLOSING, start)) >= 0:
        pieces.append(text[position:start])
        position = end + len(_CLOSING)
        pieces.append(text[start:position])
        names.append(text[start + len(_OPENING) : end].strip())
    pieces.append(text[position:])
    return tuple(pieces), tuple(names)


_pieces = lru_cache(maxsize=2048)(_split)
