"""Lists and objects that instrumentations spread over numbered attributes: ``llm.input_messages.0.message.content``."""

from __future__ import annotations

from trunkline.tracing.documents import MAX_DEPTH
from trunkline.tracing.reading import Reading
from trunkline.types import JSON


def nested(reading: Reading, prefix: str) -> JSON:
    """What all attributes below `prefix` make together, or the value of `prefix` itself; None where there are none."""
    value = reading.take(prefix)
    if value is not None:
        return value
    start = prefix + "."
    keys = [key for key in reading.attributes if key.startswith(start)]
    if not keys:
        return None
    tree: dict[str, JSON] = {}
    for key in keys:
        _put(tree, key[len(start) :].split(".", MAX_DEPTH // 2), reading.attributes[key])
    reading.use(*keys)
    return _with_lists(tree)


def _put(tree: dict[str, JSON], path: list[str], value: JSON) -> None:
    for step in path[:-1]:
        inner = tree.get(step)
        if not isinstance(inner, dict):
            inner = tree[step] = {} if inner is None else {"": inner}
        tree = inner
    tree[path[-1]] = value


def _with_lists(tree: JSON) -> JSON:
    """Objects whose keys are all numbers become lists, in the order of the numbers; gaps close."""
    if not isinstance(tree, dict):
        return tree
    inner = {key: _with_lists(value) for key, value in tree.items()}
    if inner and all(key.isascii() and key.isdigit() and len(key) < 10 for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
