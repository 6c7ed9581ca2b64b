"""Documentation is held to the code: what can be set, called and measured is documented, links lead somewhere.

Examples run. One that does is a ``console`` block: a line that starts with ``$ `` is given to a shell, in the order of
the page, against one server as its first start made it; ``$URL`` and ``$KEYS`` are its address and key pair. The lines
below are what it prints, white space aside; ``…`` stands for any text. (That every route and error code is documented
is tested beside the API.)
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from server_process import PUBLIC_KEY, SECRET_KEY, clean_environment, running
from trunkline.api.metrics import SHARED_CACHE_COUNTS
from trunkline.cli import main
from trunkline.prompts.files import parse_prompt
from trunkline.prompts.labels import parse_label
from trunkline.prompts.marks import parse_marks
from trunkline.settings import Settings, variable_name
from trunkline.store.project_settings import ProjectSettings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def read(page: str) -> str:
    return (DOCS / page).read_text()


def blocks(page: str, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(read(page)) if kind == language]


def prose(path: Path) -> str:
    """A page without its fenced blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "`code`", FENCE.sub("", path.read_text()))


# --- settings, commands, metrics


def test_every_setting_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `(TRUNKLINE_\w+)` \|.*\| (.+) \|$", read("settings.md"), re.MULTILINE)
    assert dict(rows) == {variable_name(name): field.description for name, field in Settings.model_fields.items()}


def test_every_setting_of_a_project_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| `(.*)` \| (.+) \|$", read("settings.md"), re.MULTILINE)
    described = msgspec.json.schema_components([ProjectSettings])[1]["ProjectSettings"]["properties"]
    assert rows == [(name, dumps(spec["default"]), description(spec)) for name, spec in described.items()]


def dumps(value: object) -> str:
    return msgspec.json.encode(value).decode()


def description(spec: dict[str, Any]) -> str:
    """Of a field that may be null it stands in the alternative that is not."""
    found = [part["description"] for part in (spec, *spec.get("anyOf", ())) if "description" in part]
    return str(found[0])


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command by the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_option_is_documented(words: str) -> None:
    text = read("cli.md")
    assert re.search(rf"`(?:trunkline )?{re.escape(words)}[ `]", text), f"`trunkline {words}` is not in docs/cli.md"
    options = [option for param in COMMANDS[words].params if isinstance(param, click.Option) for option in param.opts]
    missing = [option for option in options if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text)]
    assert missing == [], f"options of `trunkline {words}` that are not in docs/cli.md"


def test_every_metric_is_documented_and_no_other(exposition: str) -> None:
    told = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(exposition)
    }
    told |= {f"trunkline_redis_{name}_total" for name in SHARED_CACHE_COUNTS}
    named = set(re.findall(r"`((?:trunkline|process|python)_[a-z_]+)`", read("api.md")))
    assert named == told


# --- links and files


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as forges make them."""
    headings = HEADING.findall(FENCE.sub("", path.read_text()))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {link}"
        assert path.is_relative_to(ROOT), f"{page.name} links out of the repository: {link}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{page.name} links to {link}"


def test_files_of_a_registry_are_shown_as_they_are_read() -> None:
    kinds = [kind_of(text) for text in blocks("prompt-files.md", "yaml")]
    assert {"prompt", "label"} <= set(kinds)


def kind_of(text: str) -> str:
    """Parses a file as a registry does; raises InvalidFile."""
    if re.search(r"^type:", text, re.MULTILINE):
        parse_prompt(text.encode())
        return "prompt"
    if re.search(r"^versions:", text, re.MULTILINE):
        parse_marks(text.encode(), "")
        return "versions"
    parse_label(text.encode())
    return "label"


# --- examples that run


class Example(NamedTuple):
    """A command line, and what the page says that it prints."""

    command: str
    expected: str


def examples(page: str) -> list[Example]:
    found = []
    for text in blocks(page, "console"):
        lines = text.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        assert starts[:1] == [0], f"a console block of {page} does not begin with a command"
        for start, end in pairwise((*starts, len(lines))):
            found.append(Example(lines[start].removeprefix("$ "), "\n".join(lines[start + 1 : end])))
    return found


def pattern(expected: str) -> re.Pattern[str]:
    """White space does not count, and `…` is any text."""
    parts = "".join(expected.split()).split("…")
    return re.compile(".*?".join(map(re.escape, parts)), re.DOTALL)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[Example, str]], str]:
    """What each example of the API's page printed, and the server's metrics after them."""
    if shutil.which("curl") is None:
        pytest.skip("the examples are for curl, which is not installed")
    folder = tmp_path_factory.mktemp("examples")
    with running(folder / "data") as server, server.client() as client:
        environment = {**clean_environment(), "URL": server.url, "KEYS": f"{PUBLIC_KEY}:{SECRET_KEY}"}
        printed = run_in_one_shell([example.command for example in examples("api.md")], folder, environment)
        return list(zip(examples("api.md"), printed, strict=True)), client.get("/metrics").text


def run_in_one_shell(lines: list[str], folder: Path, environment: dict[str, str]) -> list[str]:
    """What each line prints; later lines see the variables of earlier ones."""
    end = "--- end of an example ---"
    script = "".join(f"{line}\necho '{end}'\n" for line in lines)
    done = subprocess.run(
        ["sh", "-eu"],
        input=script,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(end)[:-1]


@pytest.fixture(scope="module")
def exposition(told: tuple[list[tuple[Example, str]], str]) -> str:
    return told[1]


def test_the_examples_print_what_the_page_says(told: tuple[list[tuple[Example, str]], str]) -> None:
    assert len(told[0]) >= 15
    wrong = [
        f"$ {example.command}\n{printed.strip()}\ninstead of\n{example.expected}"
        for example, printed in told[0]
        if not pattern(example.expected).fullmatch("".join(printed.split()))
    ]
    assert not wrong, "\n\n".join(wrong)
