"""The tabs of a prompt that read Git: text, config, diff, and code that uses it. All of these block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.errors import TrunklineError
from trunkline.prompts.compile import placeholder_names, variable_names
from trunkline.prompts.files import dump_prompt
from trunkline.registry.snapshot import PromptState, ServedArm, resolve_version
from trunkline.serving.resolve import fill
from trunkline.types import PromptContent, Struct, Version
from trunkline.ui import addresses
from trunkline.ui.content import show_json
from trunkline.ui.diffs import DiffRow, diff_rows
from trunkline.ui.labels import label_order
from trunkline.ui.sessions import Place
from trunkline.ui.snippets import Usage, snippets
from trunkline.ui.texts import present_text


class VariableLine(Struct, frozen=True, kw_only=True):
    name: str
    kind: str
    """``variable`` or ``placeholder``."""
    required: bool
    declared: bool
    used: bool
    description: str


def text_view(place: Place, chosen: Version, *, raw: bool) -> dict[str, Any]:
    """The text as it is served, or as its file has it, with the variables of either."""
    arm, content, fault = _read(place, chosen)
    if content is None or arm is None:
        return {"text": None, "fault": fault, "uses": (), "variables": (), "raw": raw}
    uses = [
        (use.version, addresses.prompt(place.root, use.version.name, version=use.version.version)) for use in arm.uses
    ]
    shown = fill(place.registry, arm) if uses and not raw else content
    return {
        "text": present_text(shown, place.root),
        "template": content.template.value,
        "fault": "",
        "uses": list(dict.fromkeys(uses)),
        "variables": variable_lines(shown),
        "raw": raw,
    }


def variable_lines(content: PromptContent) -> tuple[VariableLine, ...]:
    """What the text uses and what its contract declares, by name."""
    used, placeholders = set(variable_names(content)), set(placeholder_names(content))
    lines = []
    for name in sorted(used | placeholders | content.variables.keys()):
        declared = content.variables.get(name)
        lines.append(
            VariableLine(
                name=name,
                kind="placeholder" if name in placeholders else "variable",
                required=declared.required if declared else False,
                declared=declared is not None,
                used=name in used or name in placeholders,
                description=declared.description if declared else "",
            )
        )
    return tuple(lines)


def config_view(place: Place, chosen: Version) -> dict[str, Any]:
    _, content, fault = _read(place, chosen)
    if content is None:
        return {"config": None, "fault": fault}
    return {"config": show_json(content.config), "template": content.template.value, "fault": ""}


def diff_view(
    place: Place, versions: Sequence[Version], chosen: Version, against: int | None, *, whole: bool
) -> dict[str, Any]:
    """The chosen version against another one: the one before it, unless the address says which."""
    numbers = [version.version for version in versions]
    other = against if against in numbers else next((n for n in numbers if n < chosen.version), None)
    base = next((version for version in versions if version.version == other), None)
    if base is None:
        return {"base": None, "others": [], "rows": [], "fault": ""}
    others = [version for version in versions if version.version != chosen.version]
    rows: Sequence[DiffRow] = ()
    _, before, fault = _read(place, base)
    _, after, later_fault = _read(place, chosen)
    if before is not None and after is not None:
        rows = diff_rows(dump_prompt(before).decode(), dump_prompt(after).decode(), whole=whole)
    return {
        "base": base,
        "base_href": addresses.prompt(place.root, base.name, version=base.version),
        "others": others,
        "rows": rows,
        "added": sum(row.kind == "added" for row in rows),
        "removed": sum(row.kind == "removed" for row in rows),
        "same_blob": base.blob == chosen.blob,
        "fault": fault or later_fault,
    }


def use_view(place: Place, state: PromptState, chosen: Version, origin: str) -> dict[str, Any]:
    """Code for the first label that serves the version, else for its number."""
    _, content, fault = _read(place, chosen)
    labels = [
        label
        for label in sorted(state.labels, key=label_order)
        if any(arm.version.version == chosen.version for arm in state.labels[label].arms)
    ]
    label = labels[0] if labels else None
    usage = Usage(
        name=state.name,
        type=state.type,
        label=label,
        version=None if label else chosen.version,
        variables=variable_names(content) if content else (),
        placeholders=placeholder_names(content) if content else (),
        origin=origin,
    )
    return {"snippets": snippets(usage), "fault": fault, "use_label": label}


def _read(place: Place, version: Version) -> tuple[ServedArm | None, PromptContent | None, str]:
    """A version that is deleted or broken is said so on its tab; the page around it stands."""
    try:
        arm = resolve_version(place.registry, version.name, version.version)
        return arm, place.registry.content(arm.version), ""
    except TrunklineError as error:
        return None, None, error.message
