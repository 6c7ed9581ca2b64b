"""Real repositories for the registry's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A data folder with one empty repository."""
    return Folder(tmp_path)
