"""The world that a process's tests of SDKs share: servers and interpreters are slow to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from python_sdks.sdk_world import World, world


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("sdks") / "data") as made:
        yield made
