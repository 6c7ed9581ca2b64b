"""From an observation's prompt name and version to the commit and blob, resolved when it is read.

Resolved late because traces come before the registry knows a version as well as after it (imports, replicas), and
because a number never changes what it names.
"""

from __future__ import annotations

from trunkline.api.langfuse.shapes import Links, PromptLink
from trunkline.api.langfuse.shapes_prompts import prompt_id
from trunkline.api.services import Services
from trunkline.errors import NotFound, TrunklineError
from trunkline.registry.registry import Registry


def links(services: Services, project_id: str) -> Links:
    """A look-up for the answers of one request; each version is asked for once."""
    found: dict[tuple[str, int], PromptLink | None] = {}
    try:
        registry = services.registry(project_id)
    except TrunklineError:
        return lambda name, version: None

    def look_up(name: str, version: int) -> PromptLink | None:
        key = (name, version)
        if key not in found:
            found[key] = _resolve(registry, name, version)
        return found[key]

    return look_up


def _resolve(registry: Registry, name: str, number: int) -> PromptLink | None:
    try:
        version = registry.version(name, number)
    except NotFound:
        return None
    return PromptLink(id=prompt_id(version), commit=version.commit, blob=version.blob)
