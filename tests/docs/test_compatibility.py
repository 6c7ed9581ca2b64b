"""The page on compatibility names the releases that the tests install."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def released(sdk: str) -> str:
    """The version of `langfuse` in an environment's requirements."""
    found = re.search(
        r"^langfuse==(\S+)", (ROOT / "tests" / "sdk" / f"requirements-{sdk}.txt").read_text(), re.MULTILINE
    )
    assert found is not None
    return found[1]


def test_the_releases_of_the_sdks_for_python() -> None:
    page = (ROOT / "docs" / "compatibility.md").read_text()
    section = page.partition("### Python\n")[2].partition("### ")[0]
    header = section.strip().splitlines()[0]
    named = [cell.strip() for cell in header.strip("| ").split("|")]
    assert named == [released(sdk) for sdk in ("py2", "py3", "py4", "py5")]


def test_no_requirement_names_an_index() -> None:
    for path in (ROOT / "tests" / "sdk").glob("requirements-*.txt"):
        lines = path.read_text().splitlines()
        assert not [line for line in lines if line.lstrip().startswith(("-i", "--index", "--extra-index", "--find"))], (
            path
        )
        assert "://" not in path.read_text(), path
