"""A version fetched by its number: what its references lead to at the head that is served."""

from __future__ import annotations

from trunkline.errors import InvalidRequest, NotFound
from trunkline.prompts.references import Found
from trunkline.registry.assemble import heaviest, with_uses
from trunkline.registry.entries import Entries
from trunkline.registry.index import Index
from trunkline.registry.snapshot import LATEST, ServedArm, Snapshot
from trunkline.types import Reference, Version


def served_by_number(snapshot: Snapshot, version: Version, entries: Entries, index: Index) -> ServedArm:
    """Raises NotFound where a reference leads to nothing and no label serves the version as it was before."""

    def lookup(reference: Reference) -> Found | None:
        found = _referred(snapshot, index, reference)
        content = entries.content(found.blob) if found else None
        return Found(version=found, content=content) if found and content else None

    arm = ServedArm(version=version)
    if not entries.info(version.blob).references:
        return arm
    try:
        return with_uses(arm, entries, lookup)
    except InvalidRequest as error:
        return _last_good(snapshot, version, error)


def _referred(snapshot: Snapshot, index: Index, reference: Reference) -> Version | None:
    record = snapshot.records.get(reference.name)
    if record is None or record.state is None:
        return None
    if reference.version is None:
        entry = record.entries.get(reference.label or LATEST)
        return heaviest(entry.own.arms).version if entry and entry.own.arms else None
    made = index.made(reference.name, reference.version)
    return made.version if made and reference.version not in record.deleted else None


def _last_good(snapshot: Snapshot, version: Version, error: InvalidRequest) -> ServedArm:
    state = snapshot.prompt(version.name)
    for entry in (*state.labels.values(), state.newest):
        for arm in entry.arms if entry else ():
            if arm.version == version:
                return ServedArm(version=version, uses=arm.uses)
    raise NotFound(f"Version {version.version} of '{version.name}' cannot be served: {error.message}") from error
