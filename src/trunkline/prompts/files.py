"""Prompt files: parse, write, rewrite.

::

    type: chat                     # or text, which has `prompt: |` instead of messages
    template: mustache             # or jinja2
    messages:
      - {role: system, content: "You triage tickets for {{product}}."}
      - placeholder: history
      - role: user
        content: |
          {{ticket}}
    config: {model: gpt-4o-mini, temperature: 0.2}
    tags: [support]
    variables: {ticket: {required: true, description: the customer's text}}

What is text stays text: ``content: 1.10`` is the string "1.10". Numbers, booleans and null are read in `config`, in a
message's further keys and in `required` only.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts import documents, emitter, splice
from trunkline.prompts.documents import Node, Scalar, Sequence
from trunkline.types import JSON, Message, PromptContent, PromptType, TemplateEngine, Variable

KEYS = ("type", "template", "prompt", "messages", "config", "tags", "variables")
_VARIABLE_KEYS = ("required", "description")
_MESSAGE_TEXTS = ("role", "content", "type", "name")


def parse_prompt(data: bytes, path: str = "") -> PromptContent:
    """What the file says. InvalidFile with path and line for its first fault."""
    reader = _Reader(path)
    content = reader.read(documents.read(data, path))
    if reader.faults:
        raise min(reader.faults, key=lambda fault: fault.line)
    assert content is not None
    return content


def faults_of_prompt(data: bytes, path: str = "") -> tuple[PromptContent | None, list[InvalidFile]]:
    """Everything that is wrong with a file, and its content where there is one."""
    reader = _Reader(path)
    try:
        content = reader.read(documents.read(data, path))
    except InvalidFile as fault:
        return None, [fault]
    return (None if reader.faults else content), reader.faults


def dump_prompt(content: PromptContent) -> bytes:
    """The file, in one fixed form. InvalidRequest for what a file cannot hold."""
    return emitter.write(document_of(content))


def rewrite_prompt(old: bytes, content: PromptContent) -> bytes:
    """The old file changed where the content differs: comments and layout of the rest stay, byte for byte."""
    try:
        text = documents.decode(old).replace("\r\n", "\n")
        node = documents.read(text.encode())
        before = parse_prompt(old)
    except InvalidFile:
        return dump_prompt(content)
    if splice.same(document_of(before), document_of(content)):
        return old
    assert isinstance(node, documents.Mapping)
    spoken = node.keys.keys()
    new = splice.rewrite(text, node, document_of(before, spoken), document_of(content, spoken))
    data = emitter.encode(new) if new is not None else b""
    return data if _reads_as(data, content) else dump_prompt(content)


def document_of(content: PromptContent, spoken: Iterable[str] = ()) -> dict[str, JSON]:
    """The file's keys and values, without what is a default unless its key is in `spoken`."""
    document: dict[str, JSON] = {"type": content.type.value}
    if content.template is not TemplateEngine.MUSTACHE or "template" in spoken:
        document["template"] = content.template.value
    if isinstance(content.prompt, str):
        if content.type is not PromptType.TEXT:
            raise InvalidRequest("A chat prompt is a list of messages, not a string.")
        document["prompt"] = emitter.Text(content.prompt)
    else:
        if content.type is not PromptType.CHAT:
            raise InvalidRequest("A text prompt is a string, not a list of messages.")
        document["messages"] = [_entry_of(message, index) for index, message in enumerate(content.prompt)]
    if content.config != {} or "config" in spoken:
        document["config"] = content.config
    if content.tags or "tags" in spoken:
        document["tags"] = emitter.Flow(content.tags)
    if content.variables or "variables" in spoken:
        document["variables"] = {name: _variable_document(variable) for name, variable in content.variables.items()}
    return document


def problem_of_message(message: Message) -> str:
    """Why a chat entry cannot be stored; empty if it can."""
    if message.get("type") == "placeholder":
        return "" if isinstance(message.get("name"), str) else "a placeholder needs a 'name' that is a string."
    if not isinstance(message.get("role"), str):
        return "it needs a 'role' that is a string, or 'type: placeholder' and a 'name'."
    if not isinstance(message.get("content"), str):
        return "it needs a 'content' that is a string."
    if not isinstance(message.get("type", ""), str) or not isinstance(message.get("name", ""), str):
        return "its 'type' and 'name' must be strings, where there are any."
    return ""


def _entry_of(message: Message, index: int) -> dict[str, JSON]:
    problem = problem_of_message(message)
    if problem:
        raise InvalidRequest(f"Message {index + 1} of the prompt is not valid: {problem}")
    if message.get("type") == "placeholder" and len(message) == 2:
        return {"placeholder": message["name"]}
    return {key: emitter.Text(value) if key == "content" else value for key, value in message.items()}


def _variable_document(variable: Variable) -> dict[str, JSON]:
    document: dict[str, JSON] = {}
    if variable.required:
        document["required"] = True
    if variable.description:
        document["description"] = variable.description
    return document


def _reads_as(data: bytes, content: PromptContent) -> bool:
    try:
        return splice.same(document_of(parse_prompt(data)), document_of(content))
    except InvalidFile:
        return False


def nearest(key: str, known: Iterable[str]) -> str:
    """A sentence that names the known key nearest to a wrong one, else all of them."""
    known = tuple(known)
    close = get_close_matches(key, known, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known are: {', '.join(known)}."


class _Reader:
    """Reads a prompt's nodes and collects faults rather than stop at the first, so that a check names them all."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.faults: list[InvalidFile] = []

    def read(self, node: Node) -> PromptContent | None:
        entries = self._mapping(node, "A prompt file")
        if entries is None:
            return None
        self._known_keys(entries, KEYS, "A prompt file has no key")
        kind = self._type(entries, node)
        prompt = self._prompt(kind, entries, node) if kind else None
        template = self._template(entries)
        config = self._value(entries.values["config"]) if "config" in entries.values else {}
        tags = self._tags(entries)
        variables = self._variables(entries)
        if kind is None or prompt is None:
            return None
        return PromptContent(type=kind, prompt=prompt, template=template, config=config, tags=tags, variables=variables)

    def fault(self, node: Node, message: str) -> None:
        self.faults.append(InvalidFile(message, path=self.path, line=node.line))

    def _type(self, entries: documents.Mapping, node: Node) -> PromptType | None:
        if "type" not in entries.values:
            if ("prompt" in entries.values) != ("messages" in entries.values):
                return PromptType.TEXT if "prompt" in entries.values else PromptType.CHAT
            self.fault(node, "The 'type' is missing: 'text' (with 'prompt') or 'chat' (with 'messages').")
            return None
        said = self._text(entries.values["type"], "type")
        if said not in {kind.value for kind in PromptType}:
            if said is not None:
                self.fault(entries.values["type"], f"The type is 'text' or 'chat', not {documents.shortened(said)}.")
            return None
        return PromptType(said)

    def _prompt(self, kind: PromptType, entries: documents.Mapping, node: Node) -> str | tuple[Message, ...] | None:
        wanted, other = ("prompt", "messages") if kind is PromptType.TEXT else ("messages", "prompt")
        if other in entries.values:
            self.fault(entries.keys[other], f"A {kind.value} prompt has '{wanted}', not '{other}'.")
        if wanted not in entries.values:
            if other not in entries.values:
                self.fault(node, f"A {kind.value} prompt needs '{wanted}'.")
            return None
        value = entries.values[wanted]
        return self._text(value, wanted) if kind is PromptType.TEXT else self._messages(value)

    def _messages(self, node: Node) -> tuple[Message, ...] | None:
        if not isinstance(node, Sequence):
            self.fault(node, "The messages are a list: '- role: …' and 'content: …', or '- placeholder: …'.")
            return None
        messages = [self._message(item) for item in node.items]
        return tuple(message for message in messages if message is not None)

    def _message(self, node: Node) -> Message | None:
        entries = self._mapping(node, "A message")
        if entries is None:
            return None
        if entries.values.keys() == {"placeholder"}:
            name = self._text(entries.values["placeholder"], "placeholder")
            return None if name is None else {"type": "placeholder", "name": name}
        count = len(self.faults)
        message: dict[str, JSON] = {}
        for key, value in entries.values.items():
            message[key] = self._text(value, key) if key in _MESSAGE_TEXTS else self._value(value)
        if len(self.faults) == count and (problem := problem_of_message(message)):
            self.fault(node, f"This message is not valid: {problem}")
        return message

    def _template(self, entries: documents.Mapping) -> TemplateEngine:
        if "template" in entries.values:
            said = self._text(entries.values["template"], "template")
            if said in {engine.value for engine in TemplateEngine}:
                return TemplateEngine(said)
            if said is not None:
                self.fault(
                    entries.values["template"],
                    f"The template engine is 'mustache' or 'jinja2', not {documents.shortened(said)}.",
                )
        return TemplateEngine.MUSTACHE

    def _tags(self, entries: documents.Mapping) -> tuple[str, ...]:
        node = entries.values.get("tags")
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self.fault(node, "The tags are a list: [one, two].")
            return ()
        return tuple(tag for tag in (self._text(item, "tags") for item in node.items) if tag is not None)

    def _variables(self, entries: documents.Mapping) -> dict[str, Variable]:
        if "variables" not in entries.values:
            return {}
        named = self._mapping(entries.values["variables"], "The contract 'variables'")
        if named is None:
            return {}
        return {name: self._variable(value) for name, value in named.values.items()}

    def _variable(self, node: Node) -> Variable:
        if isinstance(node, Scalar) and node.plain and documents.resolve(node) is None:
            return Variable()
        entries = self._mapping(node, "A variable")
        if entries is None:
            return Variable()
        self._known_keys(entries, _VARIABLE_KEYS, "A variable has no key")
        required = self._value(entries.values["required"]) if "required" in entries.values else False
        if not isinstance(required, bool):
            self.fault(entries.values["required"], "'required' is true or false.")
            required = False
        description = (
            self._text(entries.values["description"], "description") if "description" in entries.values else ""
        )
        return Variable(required=required, description=description or "")

    def _mapping(self, node: Node, what: str) -> documents.Mapping | None:
        if isinstance(node, documents.Mapping):
            return node
        self.fault(node, f"{what} is a mapping of keys to values. If braces or a colon are meant as text, quote them.")
        return None

    def _known_keys(self, entries: documents.Mapping, known: tuple[str, ...], what: str) -> None:
        for key, node in entries.keys.items():
            if key not in known:
                self.fault(node, f"{what} {documents.shortened(key)}. {nearest(key, known)}")

    def _text(self, node: Node, key: str) -> str | None:
        if not isinstance(node, Scalar):
            self.fault(node, f"'{key}' is text. If it starts with a brace or bracket, quote it.")
            return None
        if node.plain and node.text in {"", "~", "null", "Null", "NULL"}:
            self.fault(node, f"'{key}' has no text. Write \"\" for an empty one, and quote the word if it is meant.")
            return None
        return node.text

    def _value(self, node: Node) -> JSON:
        try:
            return documents.value_of(node, self.path)
        except InvalidFile as fault:
            self.faults.append(fault)
            return None
