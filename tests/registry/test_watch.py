"""A head that another process or a push made is served within milliseconds."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from registry_folder import ADA, PROJECT, Folder, git, text
from trunkline.registry.registry import Registry
from trunkline.registry.watch import watch


@pytest.fixture
def registry(folder: Folder) -> Registry:
    registry = folder.open()
    registry.create_version("a", text("1"), actor=ADA)
    return registry


async def until(registry: Registry, head: str, seconds: float) -> float:
    began = time.monotonic()
    while registry.snapshot.head != head:
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.001)
    return time.monotonic() - began


async def test_heads_of_other_processes_are_served(folder: Folder, registry: Registry) -> None:
    seen: list[str] = []
    task = asyncio.create_task(watch({PROJECT: registry}, 5, lambda one: seen.append(one.snapshot.head)))
    other = folder.open()
    for number in range(5):
        await asyncio.to_thread(other.create_version, "a", text(f"text {number}"), actor=ADA)
        await until(registry, other.snapshot.head, 5)
        while seen[-1:] != [other.snapshot.head]:
            await asyncio.sleep(0.001)
    assert len(seen) == 5
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_packed_refs_and_a_missed_stat_are_noticed(folder: Folder, registry: Registry) -> None:
    registries: dict[str, Registry] = {}
    task = asyncio.create_task(watch(registries, 5))
    registries[PROJECT] = registry
    other = folder.open()
    await asyncio.to_thread(other.create_version, "a", text("2"), actor=ADA)
    git(folder.repository_path, "pack-refs", "--all")
    await until(registry, other.snapshot.head, 5)
    registry.repository.signature = lambda: ()  # type: ignore[method-assign]
    await asyncio.to_thread(other.create_version, "a", text("3"), actor=ADA)
    await until(registry, other.snapshot.head, 5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_repository_that_cannot_be_read_is_served_as_it_was(folder: Folder, registry: Registry) -> None:
    task = asyncio.create_task(watch({PROJECT: registry}, 5))
    before = registry.snapshot
    reference = folder.repository_path / "refs/heads/main"
    content = reference.read_text()
    reference.write_text("nonsense\n")
    await asyncio.sleep(0.05)
    assert registry.snapshot is before
    reference.write_text(content)
    head = await asyncio.to_thread(folder.open().create_version, "a", text("2"), actor=ADA)
    await until(registry, head.commit, 10)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
