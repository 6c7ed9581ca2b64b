"""The world that a process's tests of the JavaScript SDKs share: servers and interpreters are slow to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node_sdks.node_world import NodeWorld
from python_sdks.sdk_world import world


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeWorld]:
    with world(tmp_path_factory.mktemp("node") / "data") as made:
        yield NodeWorld(made)
