"""Label files: which version a label serves.

::

    version: 8
    blob: 3f9c2d17…          # decides what is served, and must be the blob of version 8

or a split, served by weight::

    split:
      - {version: 7, blob: …, weight: 90}
      - {version: 8, blob: …, weight: 10}

A file by hand may leave `blob` out; tools always write it.
"""

from __future__ import annotations

import re

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts import documents, emitter, splice
from trunkline.prompts.documents import Node, Scalar, Sequence
from trunkline.prompts.files import nearest
from trunkline.types import JSON, Arm, LabelTarget

MAX_ARMS = 100
MAX_WEIGHT = 1_000_000
MAX_VERSION = 2_147_483_647

_COMMON = re.compile(rb"version: ([1-9][0-9]{0,8})\nblob: ([0-9a-f]{40})\n")
_BLOB = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_KEYS = ("version", "blob", "split")
_ARM_KEYS = ("version", "blob", "weight")
_WHOLE = 100


def parse_label(data: bytes, path: str = "") -> LabelTarget:
    """What the file says. InvalidFile with path and line for its fault."""
    common = _COMMON.fullmatch(data)
    if common:
        return LabelTarget(arms=(Arm(version=int(common[1]), blob=common[2].decode()),))
    entries = _mapping(documents.read(data, path), path, "A label file", _KEYS)
    if "split" not in entries.values:
        return LabelTarget(arms=(_arm(entries, path),))
    for key in ("version", "blob"):
        if key in entries.values:
            raise InvalidFile(f"'{key}' and 'split' exclude each other.", path=path, line=entries.keys[key].line)
    target = LabelTarget(arms=tuple(_split_arm(item, path) for item in _arms(entries.values["split"], path)))
    problem = problem_of_split(target.arms)
    if problem:
        raise InvalidFile(problem, path=path, line=entries.keys["split"].line)
    return target


def dump_label(target: LabelTarget) -> bytes:
    """The file, in one fixed form. InvalidRequest for a target that no file can mean."""
    return emitter.write(document_of(target))


def rewrite_label(old: bytes, target: LabelTarget) -> bytes:
    """The old file changed where the target differs; comments stay."""
    if b"#" not in old:
        return dump_label(target)
    try:
        text = documents.decode(old).replace("\r\n", "\n")
        node = documents.read(text.encode())
        before = parse_label(old)
    except InvalidFile:
        return dump_label(target)
    if before == target:
        return old
    assert isinstance(node, documents.Mapping)
    new = splice.rewrite(text, node, document_of(before), document_of(target))
    return new.encode() if new is not None and _reads_as(new.encode(), target) else dump_label(target)


def document_of(target: LabelTarget) -> dict[str, JSON]:
    """The file's keys and values."""
    if not target.arms:
        raise InvalidRequest("A label needs a version.")
    for arm in target.arms:
        _check_arm(arm)
    if len(target.arms) == 1:
        return _arm_document(target.arms[0])
    problem = problem_of_split(target.arms)
    if problem:
        raise InvalidRequest(problem)
    return {"split": [emitter.FlowMapping(_arm_document(arm), weight=arm.weight) for arm in target.arms]}


def problem_of_split(arms: tuple[Arm, ...]) -> str:
    """Why the arms make no split; empty if they do."""
    if len(arms) < 2:
        return "A split has at least two arms. For one version write 'version' and 'blob'."
    if len(arms) > MAX_ARMS:
        return f"A split has at most {MAX_ARMS} arms, not {len(arms)}."
    versions = [arm.version for arm in arms]
    if len(set(versions)) < len(versions):
        return "Each version may stand in a split once."
    if not all(1 <= arm.weight <= MAX_WEIGHT for arm in arms):
        return f"A weight is a whole number from 1 to {MAX_WEIGHT:,}."
    return ""


def _arm_document(arm: Arm) -> dict[str, JSON]:
    return {"version": arm.version, "blob": emitter.Bare(arm.blob)} if arm.blob else {"version": arm.version}


def _check_arm(arm: Arm) -> None:
    if not 1 <= arm.version <= MAX_VERSION:
        raise InvalidRequest("A version is a whole number from 1.")
    if arm.blob is not None and not _BLOB.fullmatch(arm.blob):
        raise InvalidRequest("A blob is 40 (or 64) lower-case hexadecimal digits.")


def _arms(node: Node, path: str) -> list[Node]:
    if not isinstance(node, Sequence):
        raise InvalidFile("A split is a list of {version, blob, weight}.", path=path, line=node.line)
    return node.items


def _split_arm(node: Node, path: str) -> Arm:
    entries = _mapping(node, path, "An arm of a split", _ARM_KEYS)
    if "weight" not in entries.values:
        raise InvalidFile("An arm of a split needs a 'weight'.", path=path, line=node.line)
    weight = _integer(entries.values["weight"], "weight", MAX_WEIGHT, path)
    return _arm(entries, path, weight)


def _arm(entries: documents.Mapping, path: str, weight: int = _WHOLE) -> Arm:
    if "version" not in entries.values:
        raise InvalidFile("The 'version' is missing.", path=path, line=entries.line)
    version = _integer(entries.values["version"], "version", MAX_VERSION, path)
    return Arm(version=version, blob=parse_blob(entries.values.get("blob"), path), weight=weight)


def parse_blob(node: Node | None, path: str) -> str | None:
    """A blob's name, which may be all digits: it is text in any case."""
    if node is None:
        return None
    if not isinstance(node, Scalar) or not _BLOB.fullmatch(node.text):
        raise InvalidFile("A 'blob' is 40 (or 64) lower-case hexadecimal digits.", path=path, line=node.line)
    return node.text


def _integer(node: Node, key: str, highest: int, path: str) -> int:
    value = documents.resolve(node, path) if isinstance(node, Scalar) and node.plain else None
    if type(value) is not int or not 1 <= value <= highest:
        raise InvalidFile(f"'{key}' is a whole number from 1 to {highest:,}.", path=path, line=node.line)
    return value


def _mapping(node: Node, path: str, what: str, known: tuple[str, ...]) -> documents.Mapping:
    if not isinstance(node, documents.Mapping):
        raise InvalidFile(f"{what} is a mapping of {', '.join(known)}.", path=path, line=node.line)
    for key, place in node.keys.items():
        if key not in known:
            reason = f"{what} has no key {documents.shortened(key)}. {nearest(key, known)}"
            raise InvalidFile(reason, path=path, line=place.line)
    return node


def _reads_as(data: bytes, target: LabelTarget) -> bool:
    try:
        return parse_label(data) == target
    except InvalidFile:
        return False
