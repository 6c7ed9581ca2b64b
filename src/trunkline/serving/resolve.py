"""A version's text with its references filled in, kept by content: in process, and in Redis where there is one.

What a resolved prompt says depends on its blob and on the versions that its references stand for, and on nothing else:
both are the key, so an entry is never stale and any process may use what another one made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import msgspec

from trunkline.errors import NotFound
from trunkline.prompts import references
from trunkline.registry.assemble import heaviest
from trunkline.registry.registry import Registry
from trunkline.registry.snapshot import ServedArm, Snapshot, Use
from trunkline.serving.bounded import Bounded
from trunkline.serving.cache import SharedCache
from trunkline.types import PromptContent, Reference, Version

DEFAULT_LABEL = "production"
"""What a fetch without a selector means, as upstream has it."""
KEPT_ENTRIES, KEPT_BYTES = 20_000, 32 * 2**20


class Contents(Protocol):
    """Where the text of a version comes from: a registry."""

    def content(self, version: Version) -> PromptContent: ...


class Resolved(msgspec.Struct, frozen=True):
    """A resolved text, and the key under which what it says is known (32 bytes)."""

    key: bytes
    content: PromptContent


class Resolver:
    """Resolves versions; holds what it resolved."""

    def __init__(self, shared: SharedCache | None) -> None:
        self._shared = shared
        self._kept: Bounded[bytes, Resolved] = Bounded(entries=KEPT_ENTRIES, size=KEPT_BYTES)
        self._decoder = msgspec.json.Decoder(PromptContent)

    async def resolve(self, contents: Contents, arm: ServedArm, deadline: float | None) -> Resolved:
        """The text of an arm's version, every reference replaced. Waits for Redis until `deadline` at most."""
        key = content_key(arm.version.blob, arm.uses)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        shared = await self._from_shared(key, deadline)
        if shared is not None:
            return shared
        resolved = Resolved(key, fill(contents, arm))
        encoded = msgspec.json.encode(resolved.content)
        self._kept.put(key, resolved, len(encoded))
        if self._shared is not None:
            self._shared.put(b"r:" + key, encoded)
        return resolved

    async def _from_shared(self, key: bytes, deadline: float | None) -> Resolved | None:
        if self._shared is None:
            return None
        encoded = await self._shared.get(b"r:" + key, deadline)
        if encoded is None:
            return None
        try:
            resolved = Resolved(key, self._decoder.decode(encoded))
        except msgspec.MsgspecError:  # authentic, but of a release that wrote another shape
            return None
        self._kept.put(key, resolved, len(encoded))
        return resolved


def content_key(blob: str, uses: Sequence[Use]) -> bytes:
    """Names a resolved text: its blob, and the blob that every reference in it stands for."""
    digest = hashlib.sha256(blob.encode())
    if uses:
        digest.update(msgspec.msgpack.encode([_part(use) for use in uses]))
    return digest.digest()


def fill(contents: Contents, arm: ServedArm) -> PromptContent:
    """Replaces the references of an arm's version by the texts of the versions that its `uses` name."""
    content = contents.content(arm.version)
    if not arm.uses:
        return content
    stands_for = {use.reference: use.version for use in arm.uses}

    def look_up(reference: Reference) -> references.Found | None:
        version = stands_for.get(reference)
        return None if version is None else references.Found(version=version, content=contents.content(version))

    return references.resolve(arm.version, content, look_up).content


def numbered(registry: Registry, snapshot: Snapshot, name: str, number: int) -> ServedArm:
    """A version by its number, with what its references stand for in this snapshot.

    Raises NotFound for a version that is not there or not valid, InvalidRequest for a reference to nothing.
    """
    version = registry.version(name, number)
    content = registry.content(version)
    if not references.references_of(content):
        return ServedArm(version=version)

    def look_up(reference: Reference) -> references.Found | None:
        try:
            used = _referred(registry, snapshot, reference)
            return None if used is None else references.Found(version=used, content=registry.content(used))
        except NotFound:
            return None

    found = references.resolve(version, content, look_up).uses
    uses = tuple(Use(holder=holder, reference=reference, version=used) for holder, reference, used in found)
    return ServedArm(version=version, uses=uses)


def _referred(registry: Registry, snapshot: Snapshot, reference: Reference) -> Version | None:
    if reference.version is not None:
        return registry.version(reference.name, reference.version)
    served = snapshot.label(reference.name, reference.label or DEFAULT_LABEL)
    return heaviest(served.arms).version if served is not None and served.arms else None


def _part(use: Use) -> tuple[str, str, str | None, int | None, str]:
    said = use.reference
    return use.holder, said.name, said.label, said.version, use.version.blob
