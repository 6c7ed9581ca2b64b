"""One running server for all tests of pages: they only read."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from ui.signing import sign_in
from ui.world import World, many_traces, open_world, rich_trace, seed_prompts, serve


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("world")) as world:
        seed_prompts(world.registry)
        world.write(rich_trace(world.now))
        world.write(many_traces(world.now))
        yield world


@pytest.fixture(scope="session")
def address(world: World) -> Iterator[str]:
    with serve(world) as address:
        yield address


@pytest.fixture
def visitor(address: str) -> Iterator[httpx.Client]:
    """A browser's worth of cookies, not signed in."""
    with httpx.Client(base_url=address) as client:
        yield client


@pytest.fixture(scope="session")
def signed_in(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        sign_in(client)
        yield client
