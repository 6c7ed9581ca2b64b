"""What an encoder is given: one version of a prompt, resolved, with everything that an answer says of it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from trunkline.registry.snapshot import LATEST, PromptState, Use
from trunkline.types import JSON, Micros, PromptContent, PromptType, Struct, Version

__all__ = ["LATEST", "ArmWeight", "Encoder", "NativePrompt", "PromptEntry", "labels_of"]


class PromptEntry(Struct, frozen=True, kw_only=True):
    """One version as it is handed out. `uses` is the resolution graph: which version each reference stands for.

    The root of the graph is `version`; a `Use` names the text that holds the reference by its blob. `uses` is empty
    where nothing is referred to, and where the raw text was asked for (`resolved` is then False).
    """

    project_id: str
    version: Version
    content: PromptContent
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    updated_at: Micros
    uses: tuple[Use, ...] = ()
    resolved: bool = True


class Encoder(Protocol):
    """Makes the compatible API's JSON of an entry; camelCase lives with its implementation, not here."""

    def prompt(self, entry: PromptEntry, /) -> bytes: ...


class ArmWeight(Struct, frozen=True, kw_only=True):
    version: int
    weight: int


class NativePrompt(Struct, frozen=True, kw_only=True):
    """A prompt on the native API: what ``POST /api/v1/compile`` answers, and an entry of a bundle.

    `prompt` is JSON already: a text or a list of messages. The last three are in bundles only.
    """

    name: str
    version: int
    label: str | None
    commit: str
    blob: str
    type: PromptType
    prompt: msgspec.Raw
    config: JSON
    tags: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    labels: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    split: tuple[ArmWeight, ...] | msgspec.UnsetType = msgspec.UNSET


def labels_of(state: PromptState, version: int) -> tuple[str, ...]:
    """The labels that serve a version, sorted, `latest` at the end: a split counts for each of its arms."""
    named = sorted(
        label for label, served in state.labels.items() if any(arm.version.version == version for arm in served.arms)
    )
    return (*named, LATEST) if state.latest == version else tuple(named)
