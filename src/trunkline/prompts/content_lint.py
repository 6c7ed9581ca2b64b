"""What is wrong with a prompt's content, whichever way it comes: by the API, a page or a push."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from trunkline.errors import InvalidRequest
from trunkline.prompts import compile as compiling
from trunkline.prompts.files import problem_of_message
from trunkline.prompts.templates import check_template
from trunkline.types import Fault, PromptContent, PromptType, Severity, TemplateEngine

_LINE = re.compile(r"\bline ([0-9]+)")
_NAME = re.compile(r"[^\W\d][\w.-]*")


class Finding(NamedTuple):
    """A fault and its place in a content: keys and indices as in the file, and the line inside of a text."""

    place: tuple[str | int, ...]
    message: str
    code: str
    severity: Severity = Severity.ERROR
    line: int = 0


def check_content(content: PromptContent) -> list[Fault]:
    """Every fault. An ERROR must not be stored or served; a WARNING is a breach of the prompt's own contract."""
    return [
        Fault(path="", message=found.message, severity=found.severity, code=found.code) for found in findings(content)
    ]


def findings(content: PromptContent) -> Iterator[Finding]:
    if content.type is PromptType.CHAT:
        if isinstance(content.prompt, str):
            yield Finding(("messages",), "A chat prompt is a list of messages, not a string.", "wrong-shape")
            return
        broken = list(_message_findings(content))
        yield from broken
        if broken:
            return
    elif not isinstance(content.prompt, str):
        yield Finding(("prompt",), "A text prompt is a string, not a list of messages.", "wrong-shape")
        return
    if content.template is TemplateEngine.JINJA2:
        refused = list(_template_findings(content))
        yield from refused
        if refused:
            return
    yield from _name_findings(content)


def _message_findings(content: PromptContent) -> Iterator[Finding]:
    assert not isinstance(content.prompt, str)
    for index, message in enumerate(content.prompt):
        problem = problem_of_message(message)
        if problem:
            yield Finding(("messages", index), f"Message {index + 1} is not valid: {problem}", "invalid-message")


def _template_findings(content: PromptContent) -> Iterator[Finding]:
    if isinstance(content.prompt, str):
        texts: list[tuple[tuple[str | int, ...], str]] = [(("prompt",), content.prompt)]
    else:
        texts = [
            (("messages", index, "content"), message["content"])
            for index, message in enumerate(content.prompt)
            if message.get("type") != "placeholder"
        ]
    for place, text in texts:
        try:
            check_template(text)
        except InvalidRequest as error:
            line = _LINE.search(error.message)
            yield Finding(place, error.message, "template", line=int(line[1]) if line else 0)


def _name_findings(content: PromptContent) -> Iterator[Finding]:
    used = compiling.variable_names(content)
    placeholders = compiling.placeholder_names(content)
    twice = [name for name in used if name in placeholders]
    if twice:
        yield Finding(
            ("messages",),
            f"Variables and placeholders must be unique, these are not: {', '.join(twice)}. Rename them.",
            "variable-is-placeholder",
        )
    if not content.variables:
        return
    known = {*used, *placeholders}
    for name in content.variables:
        if name not in known:
            message = f"The variable '{name}' is declared, but the prompt does not use it."
            yield Finding(("variables", name), message, "unused-variable", Severity.WARNING)
    for name in known:
        if name not in content.variables and name not in placeholders and _NAME.fullmatch(name):
            message = f"The prompt uses the variable '{name}', which its 'variables' do not declare."
            yield Finding(("variables",), message, "undeclared-variable", Severity.WARNING)
