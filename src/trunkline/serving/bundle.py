"""All prompts of a label in one answer, for a client that wants to have them before it needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from trunkline.errors import NotFound
from trunkline.prompts.names import validate_label
from trunkline.registry.snapshot import ServedArm, Snapshot
from trunkline.serving.entries import ArmWeight, NativePrompt, labels_of
from trunkline.types import PromptContent

AT_ONCE = 50
"""Prompts between two looks at what else the event loop has to do (about 5 ms, cold)."""

Resolve = Callable[[ServedArm], Awaitable[PromptContent]]


class Bundle(msgspec.Struct, frozen=True):
    label: str
    head: str
    prompts: list[NativePrompt]


def arms_of(snapshot: Snapshot, label: str) -> dict[str, tuple[ServedArm, ...]]:
    """What a label serves, by prompt. Raises NotFound where no prompt has the label."""
    validate_label(label)
    found = {
        name: served.arms
        for name in sorted(snapshot.prompts)
        if (served := snapshot.label(name, label)) is not None and served.arms
    }
    if not found:
        raise NotFound(f"No prompt has the label {label!r}")
    return found


async def encode_bundle(snapshot: Snapshot, label: str, resolve: Resolve) -> bytes:
    """The bundle's JSON. A label that is split has its heaviest arm in it, and `split` with the weights of all."""
    prompts: list[NativePrompt] = []
    for name, arms in arms_of(snapshot, label).items():
        if len(prompts) % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        arm = max(arms, key=lambda arm: (arm.weight, arm.version.version))
        prompts.append(_entry(snapshot, name, label, arm, arms, await resolve(arm)))
    return msgspec.json.encode(Bundle(label=label, head=snapshot.head, prompts=prompts))


def _entry(
    snapshot: Snapshot, name: str, label: str, arm: ServedArm, arms: tuple[ServedArm, ...], content: PromptContent
) -> NativePrompt:
    state = snapshot.prompts[name]
    weights = tuple(ArmWeight(version=each.version.version, weight=each.weight) for each in arms)
    return NativePrompt(
        name=name,
        version=arm.version.version,
        label=label,
        commit=arm.version.commit,
        blob=arm.version.blob,
        type=content.type,
        prompt=msgspec.Raw(msgspec.json.encode(content.prompt)),
        config=content.config,
        tags=state.tags,
        labels=labels_of(state, arm.version.version),
        split=weights if len(arms) > 1 else msgspec.UNSET,
    )
