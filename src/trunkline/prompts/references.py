"""References from prompt to prompt: ``@@@langfusePrompt:name=NAME|version=N@@@`` or ``…|label=LABEL@@@``.

The grammar is Langfuse's: the name first, then exactly one selector; a tag of another form is ordinary text. Only text
prompts can be referred to, five levels deep, never in a circle, and never to another version of the prompt at the root.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from trunkline.errors import InvalidRequest
from trunkline.types import JSON, Message, PromptContent, PromptType, Reference, Struct, Version

MAX_DEPTH = 5
"""Levels of prompts, the root included: it may refer to one that refers to one … four times over."""
MAX_TEXT = 1024 * 1024
"""Characters of a resolved prompt: references that double their text in each level are refused here."""
MAX_LOOKUPS = 10_000
"""Prompts visited for one root."""

# Like the dot of JavaScript, no line ends.
_TAG = re.compile("@@@langfusePrompt:([^\n\r\u2028\u2029]*?)@@@")
_PARTS = re.compile(r"name=([^|]+)\|(?:version=([1-9][0-9]{0,8})|label=([^|]+))")
_OPENING = "@@@langfusePrompt:"


class Found(Struct, frozen=True, kw_only=True):
    """What a reference leads to."""

    version: Version
    content: PromptContent


class Resolved(Struct, frozen=True, kw_only=True):
    """A prompt with every reference replaced."""

    content: PromptContent
    uses: tuple[tuple[str, Reference, Version], ...]
    """What each reference resolved to: blob of the prompt that holds it, the reference, the version. Each once."""
    graph: Mapping[str, JSON] | None
    """The contract's `resolutionGraph`; None without references."""


Lookup = Callable[[Reference], Found | None]


def find_references(text: str) -> tuple[Reference, ...]:
    """Each reference once, in the order of their first appearance."""
    if _OPENING not in text:
        return ()
    found = (_reference(match[1]) for match in _TAG.finditer(text))
    return tuple(dict.fromkeys(reference for reference in found if reference is not None))


def references_of(content: PromptContent) -> tuple[Reference, ...]:
    if isinstance(content.prompt, str):
        return find_references(content.prompt)
    found: dict[Reference, None] = {}
    for message in content.prompt:
        for value in message.values():
            if isinstance(value, str):
                found.update(dict.fromkeys(find_references(value)))
    return tuple(found)


def substitute(content: PromptContent, texts: Mapping[Reference, str]) -> PromptContent:
    """The content with each reference in `texts` replaced; the texts put in are not searched again."""
    if not texts:
        return content
    prompt = content.prompt
    if isinstance(prompt, str):
        return _with_prompt(content, substitute_text(prompt, texts))
    return _with_prompt(content, tuple(_substituted(message, texts) for message in prompt))


def substitute_text(text: str, texts: Mapping[Reference, str]) -> str:
    if _OPENING not in text:
        return text

    def replacement(match: re.Match[str]) -> str:
        reference = _reference(match[1])
        return match[0] if reference is None else texts.get(reference, match[0])

    return _TAG.sub(replacement, text)


def tag(reference: Reference) -> str:
    """The reference as it stands in a text."""
    selector = f"version={reference.version}" if reference.version is not None else f"label={reference.label}"
    return f"{_OPENING}name={reference.name}|{selector}@@@"


def describe(reference: Reference) -> str:
    selector = f"version {reference.version}" if reference.version is not None else f"label {reference.label}"
    return f"{reference.name} - {selector}"


def graph_id(version: Version) -> str:
    """A version's id in the graph. Langfuse has a random id there; ours says what it is and stays the same."""
    return f"{version.name}@{version.version}"


def resolve(root: Version, content: PromptContent, lookup: Lookup) -> Resolved:
    """Replaces every reference. InvalidRequest for what leads to nothing, to a chat prompt, too deep or in a circle.

    `root` may be a version that does not exist yet. `lookup` gives None for what does not exist.
    """
    return _Resolution(root, lookup).run(content)


class _Resolution:
    def __init__(self, root: Version, lookup: Lookup) -> None:
        self._root = root
        self._lookup = lookup
        self._path: list[str] = []
        self._uses: dict[tuple[str, Reference], Version] = {}
        self._dependencies: dict[str, dict[str, Version]] = {}
        self._done: dict[str, tuple[str, int]] = {}
        self._lookups = 0

    def run(self, content: PromptContent) -> Resolved:
        resolved, _ = self._resolve(self._root, content, 0)
        uses = tuple((holder, reference, version) for (holder, reference), version in self._uses.items())
        return Resolved(content=resolved, uses=uses, graph=self._graph() if uses else None)

    def _resolve(self, version: Version, content: PromptContent, level: int) -> tuple[PromptContent, int]:
        """The content without references, and how many levels it has below itself."""
        if level >= MAX_DEPTH:
            raise InvalidRequest(f"Maximum nesting depth exceeded ({MAX_DEPTH}): {' -> '.join(self._path)}")
        identity = graph_id(version)
        if identity in self._path or (level and version.name == self._root.name):
            raise InvalidRequest(
                f"Circular dependency detected involving prompt '{version.name}' version {version.version}"
            )
        self._path.append(identity)
        texts: dict[Reference, str] = {}
        height = 0
        for reference in references_of(content):
            texts[reference], below = self._text(version, reference, level)
            height = max(height, below + 1)
        self._path.pop()
        if texts and _length_with(content, texts) > MAX_TEXT:
            raise InvalidRequest(f"With its references the prompt has more than {MAX_TEXT:,} characters. Shorten it.")
        return substitute(content, texts), height

    def _text(self, holder: Version, reference: Reference, level: int) -> tuple[str, int]:
        self._lookups += 1
        if self._lookups > MAX_LOOKUPS:
            raise InvalidRequest(f"The prompt refers to more than {MAX_LOOKUPS:,} prompts in all. Use fewer.")
        found = self._lookup(reference)
        if found is None:
            raise InvalidRequest(f"Prompt dependency not found: {describe(reference)}")
        if found.content.type is not PromptType.TEXT:
            raise InvalidRequest(f"Prompt dependency is not a text prompt: {describe(reference)}")
        self._uses[holder.blob, reference] = found.version
        identity = graph_id(found.version)
        self._dependencies.setdefault(graph_id(holder), {})[identity] = found.version
        done = self._done.get(identity)
        if done is None or level + 1 + done[1] >= MAX_DEPTH:
            resolved, height = self._resolve(found.version, found.content, level + 1)
            assert isinstance(resolved.prompt, str)
            done = self._done[identity] = (resolved.prompt, height)
        return done

    def _graph(self) -> dict[str, JSON]:
        return {
            "root": _node(self._root),
            "dependencies": {holder: list(map(_node, used.values())) for holder, used in self._dependencies.items()},
        }


def _node(version: Version) -> dict[str, JSON]:
    return {"name": version.name, "version": version.version, "id": graph_id(version)}


def _reference(inner: str) -> Reference | None:
    parts = _PARTS.fullmatch(inner)
    if parts is None:
        return None
    name, version, label = parts.groups()
    return Reference(name=name, version=int(version)) if version else Reference(name=name, label=label)


def _substituted(message: Message, texts: Mapping[Reference, str]) -> Message:
    return {key: substitute_text(value, texts) if isinstance(value, str) else value for key, value in message.items()}


def _with_prompt(content: PromptContent, prompt: str | tuple[Message, ...]) -> PromptContent:
    return PromptContent(
        type=content.type,
        prompt=prompt,
        template=content.template,
        config=content.config,
        tags=content.tags,
        variables=content.variables,
    )


def _length_with(content: PromptContent, texts: Mapping[Reference, str]) -> int:
    """Characters of the content once the texts are put in; counted before, because it may not fit into memory."""
    if isinstance(content.prompt, str):
        parts = [content.prompt]
    else:
        parts = [value for message in content.prompt for value in message.values() if isinstance(value, str)]
    total = 0
    for part in parts:
        total += len(part)
        for match in _TAG.finditer(part):
            reference = _reference(match[1])
            total += len(texts.get(reference, "")) if reference else 0
    return total
