"""Every fault of a registry's tree, with file and line: what ``trunkline check`` says, and what a push is judged by.

A tree alone tells whether its files are well formed and refer to each other. Which versions there are is history's to
say: with a `VersionLookup` labels are checked against it too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts import documents, references
from trunkline.prompts.content_lint import Finding, check_content, findings
from trunkline.prompts.documents import Node
from trunkline.prompts.files import faults_of_prompt, nearest
from trunkline.prompts.labels import parse_label, rewrite_label
from trunkline.prompts.marks import parse_marks
from trunkline.prompts.names import (
    LabelPath,
    PolicyPath,
    PromptPath,
    RegistryPath,
    VersionsPath,
    collision_key,
    in_registry,
    parse_path,
    prompt_path,
    validate_label,
)
from trunkline.types import Arm, Fault, LabelTarget, PromptContent, Reference, Severity, Version

__all__ = ["Tree", "VersionLookup", "check_content", "check_policy", "check_tree", "fix_tree"]

POLICY_KEYS = ("protected_labels",)


class Tree(Protocol):
    """A commit's files, or a working tree's."""

    def files(self, prefix: str = "") -> Iterable[str]:
        """Paths of the regular files."""
        ...

    def read(self, path: str) -> bytes | None: ...


class VersionLookup(Protocol):
    """What history says of versions, up to the tree's commit."""

    def version(self, name: str, number: int) -> Version | None:
        """The version, deleted or not; None where the number was never given."""
        ...

    def content(self, version: Version) -> PromptContent | None:
        """The version's content, None where it cannot be read."""
        ...


def check_tree(tree: Tree, versions: VersionLookup | None = None) -> list[Fault]:
    """Every fault, by path and line."""
    check = _Check(tree, versions)
    return sorted(check.faults(), key=lambda fault: (fault.path, fault.line))


def fix_tree(tree: Tree, versions: VersionLookup) -> dict[str, bytes]:
    """New bytes for the files that can be mended without asking: a label without its blob gets it."""
    fixed: dict[str, bytes] = {}
    for path in tree.files():
        if not path.startswith("labels/"):
            continue
        data = tree.read(path)
        try:
            parsed = parse_path(path)
            target = parse_label(data or b"", path)
        except InvalidFile:
            continue
        if isinstance(parsed, LabelPath) and any(arm.blob is None for arm in target.arms):
            arms = tuple(_with_blob(arm, versions.version(parsed.name, arm.version)) for arm in target.arms)
            if arms != target.arms:
                fixed[path] = rewrite_label(data or b"", LabelTarget(arms=arms))
    return fixed


def check_policy(data: bytes, path: str = "trunkline.yaml") -> list[Fault]:
    """Faults of the policy file: its shape. What its rules mean is for the policy to say."""
    try:
        root = documents.read(data, path)
    except InvalidFile as error:
        return [_fault_of(error)]
    if not isinstance(root, documents.Mapping):
        return [_fault(path, root.line, "The policy is a mapping, such as 'protected_labels: {production: {…}}'.")]
    faults = [
        _fault(path, key.line, f"The policy has no key {documents.shortened(name)}. {nearest(name, POLICY_KEYS)}")
        for name, key in root.keys.items()
        if name not in POLICY_KEYS
    ]
    labels = root.values.get("protected_labels")
    if isinstance(labels, documents.Mapping):
        faults.extend(_rule_faults(labels, path))
    elif labels is not None and not _is_null(labels):
        faults.append(_fault(path, labels.line, "'protected_labels' is a mapping of labels to their rules."))
    return faults


class _Check:
    def __init__(self, tree: Tree, versions: VersionLookup | None) -> None:
        self._tree = tree
        self._versions = versions
        self._contents: dict[str, PromptContent] = {}
        self._prompts: dict[str, bytes] = {}
        self._blobs: dict[str, str] = {}
        self._targets: dict[tuple[str, str], LabelTarget | None] = {}

    def faults(self) -> Iterator[Fault]:
        labels: list[tuple[str, LabelPath]] = []
        for path in sorted(filter(in_registry, self._tree.files())):
            try:
                parsed = parse_path(path)
            except InvalidFile as error:
                yield _fault_of(error, "stray")
                continue
            if isinstance(parsed, LabelPath):
                labels.append((path, parsed))
            else:
                yield from self._file(path, parsed)
        yield from self._twins()
        for path, parsed in labels:
            yield from self._label(path, parsed)
        for name in self._contents:
            yield from self._references(name)

    def _file(self, path: str, parsed: RegistryPath) -> Iterator[Fault]:
        data = self._tree.read(path)
        if data is None:
            yield _fault(path, 0, "Not a regular file. A registry has no links.", "stray")
        elif isinstance(parsed, PromptPath):
            self._prompts[parsed.name] = data
            yield from self._prompt(path, parsed.name, data)
        elif isinstance(parsed, PolicyPath):
            yield from check_policy(data, path)
        elif isinstance(parsed, VersionsPath):
            try:
                parse_marks(data, path)
            except InvalidFile as error:
                yield _fault_of(error)

    def _prompt(self, path: str, name: str, data: bytes) -> Iterator[Fault]:
        content, faults = faults_of_prompt(data, path)
        yield from map(_fault_of, faults)
        if content is None:
            return
        found = list(findings(content))
        if not any(one.severity is Severity.ERROR for one in found):
            self._contents[name] = content
        root = documents.read(data, path) if found else None
        for one in found:
            line = _line_of(root, one) if root is not None else 0
            yield Fault(path=path, line=line, message=one.message, severity=one.severity, code=one.code)

    def _twins(self) -> Iterator[Fault]:
        first: dict[str, str] = {}
        for name in self._prompts:
            other = first.setdefault(collision_key(name), name)
            if other != name:
                yield _fault(
                    prompt_path(name),
                    0,
                    f"Differs from {prompt_path(other)} by case or Unicode form only: some file systems hold but one of"
                    " them. Rename one.",
                    "twin",
                )

    def _label(self, path: str, parsed: LabelPath) -> Iterator[Fault]:
        data = self._tree.read(path)
        self._targets[parsed.label, parsed.name] = None
        try:
            target = parse_label(data or b"", path)
        except InvalidFile as error:
            yield _fault_of(error)
            return
        self._targets[parsed.label, parsed.name] = target
        if parsed.name not in self._prompts:
            message = f"There is no {prompt_path(parsed.name)}. Remove the label, or restore the prompt."
            yield _fault(path, 0, message, "label-without-prompt")
            return
        for arm in target.arms:
            yield from self._arm(path, parsed.name, arm, data or b"")

    def _arm(self, path: str, name: str, arm: Arm, data: bytes) -> Iterator[Fault]:
        line = _line_with(data, str(arm.version))
        if self._versions is None:
            return
        version = self._versions.version(name, arm.version)
        if version is None:
            yield _fault(path, line, f"There is no version {arm.version} of '{name}'.", "no-such-version")
        elif version.deleted:
            yield _fault(path, line, f"Version {arm.version} of '{name}' is deleted.", "deleted-version")
        elif arm.blob is None:
            message = f"The blob of version {arm.version} is missing: {version.blob}."
            yield Fault(path=path, line=line, message=message, severity=Severity.WARNING, code="no-blob", fixable=True)
        elif arm.blob != version.blob:
            message = f"Version {arm.version} of '{name}' has the blob {version.blob}, not {arm.blob}."
            yield _fault(path, _line_with(data, arm.blob), message, "wrong-blob")

    def _references(self, name: str) -> Iterator[Fault]:
        content = self._contents[name]
        for reference in references.references_of(content):
            only = PromptContent(type=content.type, prompt=_holding(content, reference))
            try:
                references.resolve(self._current(name), only, self._found)
            except InvalidRequest as error:
                line = _line_with(self._prompts[name], references.tag(reference))
                yield _fault(prompt_path(name), line, f"{error.message}.", "reference")

    def _found(self, reference: Reference) -> references.Found | None:
        name = reference.name
        if reference.version is not None:
            return self._found_version(name, reference.version)
        if name not in self._prompts:
            return None
        if reference.label == "latest":
            return self._found_current(name)
        target = self._targets.get((reference.label or "", name))
        if target is None:
            return None
        arm = target.arms[0]
        if arm.blob == self._blob(name):
            return self._found_current(name, arm.version)
        return self._found_version(name, arm.version)

    def _found_version(self, name: str, number: int) -> references.Found | None:
        if self._versions is None:  # the tree alone cannot tell: take the newest text for it
            return self._found_current(name, number)
        version = self._versions.version(name, number)
        content = self._versions.content(version) if version is not None and not version.deleted else None
        return (
            references.Found(version=version, content=content) if version is not None and content is not None else None
        )

    def _found_current(self, name: str, number: int = 0) -> references.Found | None:
        content = self._contents.get(name)
        if content is None:
            return None
        return references.Found(version=self._current(name, number), content=content)

    def _current(self, name: str, number: int = 0) -> Version:
        return Version(name=name, version=number, commit="", blob=self._blob(name), created_at=0)

    def _blob(self, name: str) -> str:
        """The name that Git gives to the prompt's file."""
        if name not in self._blobs:
            data = self._prompts[name]
            self._blobs[name] = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return self._blobs[name]


def _holding(content: PromptContent, reference: Reference) -> str | tuple[Mapping[str, str], ...]:
    tag = references.tag(reference)
    return tag if isinstance(content.prompt, str) else ({"role": "", "content": tag},)


def _with_blob(arm: Arm, version: Version | None) -> Arm:
    if arm.blob is not None or version is None or version.deleted:
        return arm
    return Arm(version=arm.version, blob=version.blob, weight=arm.weight)


def _rule_faults(labels: documents.Mapping, path: str) -> Iterator[Fault]:
    for label, key in labels.keys.items():
        try:
            validate_label(label)
        except InvalidRequest as error:
            yield _fault(path, key.line, error.message)
        rule = labels.values[label]
        if not isinstance(rule, documents.Mapping) and not _is_null(rule):
            yield _fault(path, rule.line, f"The rules of '{label}' are a mapping, such as {{require: pull_request}}.")


def _is_null(node: Node) -> bool:
    return isinstance(node, documents.Scalar) and node.plain and documents.resolve(node) is None


def _line_of(root: Node, finding: Finding) -> int:
    """The file's line of a finding: its node's, and in a block scalar the line of the text."""
    node = root
    for part in finding.place:
        if isinstance(node, documents.Mapping) and isinstance(part, str) and part in node.values:
            node = node.values[part]
        elif isinstance(node, documents.Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
    is_block = isinstance(node, documents.Scalar) and not node.plain and node.text.count("\n") > 0
    return node.line + finding.line if is_block else node.line


def _line_with(data: bytes, text: str) -> int:
    """The first line that holds the text; 0 if none does."""
    place = data.find(text.encode("utf-8", "surrogatepass"))
    return data.count(b"\n", 0, place) + 1 if place >= 0 else 0


def _fault(path: str, line: int, message: str, code: str = "invalid") -> Fault:
    return Fault(path=path, line=line, message=message, code=code)


def _fault_of(error: InvalidFile, code: str = "invalid") -> Fault:
    return _fault(error.path, error.line, error.reason, code)
