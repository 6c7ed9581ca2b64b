from __future__ import annotations

import ast
import json
import shlex
import shutil
import subprocess

import pytest

from trunkline.types import PromptType
from trunkline.ui.snippets import Usage, compiled, curl, javascript, python

STRANGE = ['a"b', "a'b", "a\\b", "a\nb", "$(id)", "`id`", "${x}", "é 💩", "--x", "'; rm -rf /; '"]


def usage(
    name: str = "support/triage", label: str | None = "production", variables: tuple[str, ...] = ("ticket",)
) -> Usage:
    return Usage(
        name=name,
        type=PromptType.CHAT,
        label=label,
        version=None if label else 3,
        variables=variables,
        placeholders=("history",),
        origin="http://localhost:3000",
    )


@pytest.mark.parametrize("name", ["support/triage", *STRANGE])
def test_python_parses_and_names_the_prompt(name: str) -> None:
    tree = ast.parse(python(usage(name, variables=("ticket", name))))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert name in texts


@pytest.mark.parametrize("name", ["support/triage", *STRANGE])
def test_commands_quote_what_the_shell_would_read(name: str) -> None:
    words = shlex.split(curl(usage(name)).replace("\\\n", " "))
    assert words[:2] == ["curl", "--user"]
    assert words[3].startswith("http://localhost:3000/api/public/v2/prompts/")
    assert len(words) == 4
    body = shlex.split(compiled(usage(name)).replace("\\\n", " "))[4]
    assert json.loads(body) == {
        "name": name,
        "label": "production",
        "variables": {"ticket": "…", "history": []},
    }


def test_a_version_without_a_label_is_named_by_number() -> None:
    given = usage(label=None)
    assert "version=3" in python(given)
    assert "version: 3" in javascript(given)
    assert "?version=3" in curl(given)
    assert '"version": 3' in compiled(given)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
@pytest.mark.parametrize("name", ["support/triage", *STRANGE])
def test_javascript_parses(name: str) -> None:
    code = javascript(usage(name, variables=("ticket", name)))
    done = subprocess.run(
        ["node", "--input-type=module", "--check"], input=code, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
