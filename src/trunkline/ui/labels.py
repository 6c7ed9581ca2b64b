"""Labels as chips: which version each serves, and whether it is held back."""

from __future__ import annotations

from trunkline.registry.snapshot import LATEST, LabelState, PromptState
from trunkline.types import Struct

_FIRST = ("production", "staging")
"""The environments that matter most stand first."""
_TONES = {"production": "production", "staging": "staging", LATEST: "latest"}


class LabelChip(Struct, frozen=True, kw_only=True):
    text: str
    tone: str
    """A CSS class."""
    title: str


def label_order(label: str) -> tuple[int, str]:
    return (_FIRST.index(label) if label in _FIRST else len(_FIRST), label)


def chips_of(state: PromptState) -> tuple[LabelChip, ...]:
    """Each label with what it serves: ``production 7``, a split as ``production 7·8``."""
    chips = []
    for label in sorted(state.labels, key=label_order):
        served = state.labels[label]
        numbers = "·".join(str(arm.version.version) for arm in served.arms) or "–"
        chips.append(_chip(served, f"{label} {numbers}"))
    return tuple(chips)


def chips_by_version(state: PromptState) -> dict[int, tuple[LabelChip, ...]]:
    """Each version's labels; a split's share in percent; `latest` last."""
    chips: dict[int, list[LabelChip]] = {}
    for label in sorted(state.labels, key=label_order):
        served = state.labels[label]
        whole = sum(arm.weight for arm in served.arms) or 1
        for arm in served.arms:
            text = label if len(served.arms) == 1 else f"{label} {arm.weight / whole:.0%}"
            chips.setdefault(arm.version.version, []).append(_chip(served, text))
    if state.latest:
        latest = LabelChip(text=LATEST, tone="latest", title="The newest version; computed, never set")
        chips.setdefault(state.latest, []).append(latest)
    return {number: tuple(of_version) for number, of_version in chips.items()}


def _chip(served: LabelState, text: str) -> LabelChip:
    if served.held is not None:
        return LabelChip(text=text, tone="held", title=f"Held back as of {served.as_of[:7]}: {served.held.message}")
    shares = ", ".join(f"version {arm.version.version} at weight {arm.weight}" for arm in served.arms)
    title = f"Splits: {shares}" if len(served.arms) > 1 else f"Serves {shares.partition(' at ')[0]}"
    return LabelChip(text=text, tone=_TONES.get(served.label, "other"), title=title)
