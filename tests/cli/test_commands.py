"""The command as a stranger would run it: on a data folder, on a working tree, on a server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server_process import PUBLIC_KEY, SECRET_KEY, ServerProcess, clean_environment, running
from trunkline.cli import COMMANDS, main

ROOT = Path(__file__).parent.parent.parent
NAME = "support/triage"


def trunkline(*arguments: object, cwd: Path | None = None, code: int = 0) -> str:
    """Runs a command in this process, as the entry point does it. Returns what it printed."""
    with contextlib.chdir(cwd or Path.cwd()):
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def git(folder: Path, *arguments: object) -> str:
    command = ["git", "-C", str(folder), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def as_json(*arguments: object, cwd: Path | None = None) -> Any:
    return json.loads(trunkline(*arguments, "--json", cwd=cwd))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("cli") / "data") as started:
        yield started


@pytest.fixture
def data(tmp_path: Path) -> Path:
    trunkline("init", "--data", tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def clone(data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", data / "repositories" / "default.git", folder)
    git(folder, "config", "user.name", "Author")
    git(folder, "config", "user.email", "author@example.org")
    return folder


def test_init_tells_the_secrets_once(tmp_path: Path) -> None:
    told = trunkline("init", "--data", tmp_path / "data")
    assert "Public key" in told
    assert "Password" in told
    assert "nothing was changed" in trunkline("init", "--data", tmp_path / "data")


def test_a_promotion_and_its_way_back_on_a_data_folder(data: Path) -> None:
    on = ("--data", data)
    moved = as_json("promote", f"{NAME}@3", "--to", "production", "--expected", 2, *on)
    assert (moved["label"], moved["from"], moved["to"]) == ("production", 2, 3)
    assert as_json("show", NAME, *on)["version"] == 3
    history = as_json("log", NAME, "--label", "production", *on)["history"]
    assert history[0]["commit"] == moved["commit"]
    assert "production serves version 2" in trunkline("rollback", NAME, "--label", "production", *on)
    assert as_json("show", NAME, *on)["version"] == 2
    again = as_json("rollback", NAME, "--to", 1, *on)
    assert (again["version"], again["blob"]) == (4, as_json("show", f"{NAME}@1", *on)["blob"])


def test_the_operator_is_the_author(data: Path) -> None:
    trunkline("promote", f"{NAME}@3", "--to", "production", "--data", data)
    author, committer = git(data / "repositories" / "default.git", "log", "-1", "--format=%ae %ce").split()
    assert author.endswith("@operators.trunkline.invalid")
    assert committer != author


def test_the_same_output_from_a_server_and_from_its_folder(server: ServerProcess) -> None:
    remote = ("--url", server.url, "--public-key", PUBLIC_KEY, "--secret-key", SECRET_KEY)
    for command in (["show", NAME], ["log", NAME], ["diff", NAME, 1, 3], ["projects", "list"]):
        assert trunkline(*command, *remote) == trunkline(*command, "--data", server.data)
        assert as_json(*command, *remote) == as_json(*command, "--data", server.data)


def test_keys_are_made_used_and_revoked(server: ServerProcess) -> None:
    remote = ("--url", server.url, "--public-key", PUBLIC_KEY, "--secret-key", SECRET_KEY)
    made = as_json("keys", "create", "reader", "--read-only", *remote)
    mine = ("--url", server.url, "--public-key", made["public_key"], "--secret-key", made["secret_key"])
    trunkline("show", NAME, *mine)
    assert "read-only" in trunkline("promote", f"{NAME}@1", "--to", "qa", *mine, code=1)
    assert made["public_key"] in trunkline("keys", "list", *remote)
    assert made["secret_key"] not in trunkline("keys", "list", *remote)
    trunkline("keys", "revoke", made["public_key"], *remote)
    assert "Error" in trunkline("show", NAME, *mine, code=1)


def test_several_projects_in_one_folder(data: Path) -> None:
    made = as_json("projects", "create", "Shop", "--id", "shop", "--data", data)
    assert made["secret_key"]
    assert "give --project" in trunkline("show", NAME, "--data", data, code=1)
    assert as_json("show", NAME, "--data", data, "--project", "default")["name"] == NAME
    assert "not found" in trunkline("show", NAME, "--data", data, "--project", "shop", code=1)


def test_a_working_tree_follows_what_is_committed_in_it(clone: Path) -> None:
    moved = as_json("promote", f"{NAME}@3", "--to", "production", "--repo", clone)
    label = clone / "labels" / "production" / f"{NAME}.yaml"
    assert "version: 3" in label.read_text()
    assert subprocess.run(["git", "-C", clone, "status", "--porcelain"], capture_output=True, check=True).stdout == b""
    log = subprocess.run(
        ["git", "-C", clone, "log", "-1", "--format=%H %ae"], capture_output=True, text=True, check=True
    )
    assert log.stdout.split() == [moved["commit"], "author@example.org"]


def test_check_names_file_and_line_and_exits_with_one(clone: Path) -> None:
    assert trunkline("check", clone) == "No faults.\n"
    (clone / "prompts" / f"{NAME}.yaml").write_text("type: chat\nmesages: []\n")
    told = trunkline("check", clone, code=1)
    assert f"prompts/{NAME}.yaml:2: error:" in told
    assert "messages" in told
    found = json.loads(trunkline("check", "--json", cwd=clone, code=1))
    assert any(fault["line"] == 2 for fault in found["faults"])


def test_check_fix_writes_a_blob_that_was_left_out(clone: Path) -> None:
    label = clone / "labels" / "staging" / "style" / "tone.yaml"
    label.parent.mkdir(parents=True)
    label.write_text("version: 1\n")
    assert "fixed" in trunkline("check", clone, "--fix")
    assert f"blob: {git(clone, 'rev-parse', 'HEAD:prompts/style/tone.yaml').strip()}" in label.read_text()


def test_check_knows_the_version_that_the_commit_would_make(clone: Path) -> None:
    prompt = clone / "prompts" / "style" / "tone.yaml"
    prompt.write_text("type: text\nprompt: Be brief.\n")
    hashed = git(clone, "hash-object", prompt).strip()
    label = clone / "labels" / "production" / "style" / "tone.yaml"
    label.write_text(f"version: 2\nblob: {hashed}\n")
    assert trunkline("check", clone) == "No faults.\n"


def test_check_reads_a_plain_folder(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "hello.yaml").write_text("type: text\nprompt: Hello\n")
    assert trunkline("check", tmp_path) == "No faults.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", NAME, "--data", "nowhere"], "does not exist"),
        (["show", NAME, "--url", "http://127.0.0.1:1"], "key pair"),
        (["promote", NAME, "--to", "production", "--data", "{data}"], "Which version"),
        (["promote", f"{NAME}@99", "--to", "production", "--data", "{data}"], "version 99"),
        (["promote", f"{NAME}@1", "--to", "latest", "--data", "{data}"], "latest"),
        (["promote", f"{NAME}@1", "--to", "production", "--expected", "1", "--data", "{data}"], "2"),
        (["rollback", "style/tone", "--label", "staging", "--data", "{data}"], "staging"),
        (["diff", NAME, "1", "9", "--data", "{data}"], "version 9"),
        (["check", "--fix", "{data}/repositories/default.git"], "bare"),
    ],
)
def test_errors_say_what_is_wrong(data: Path, arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(main, [part.format(data=data) for part in arguments])
    assert done.exit_code in (1, 2)
    assert isinstance(done.exception, SystemExit)
    assert told in done.stderr


def test_the_program_prints_an_error_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trunkline.cli", "show", NAME, "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_config_prints_every_setting() -> None:
    assert as_json("config")["port"] == 3000


def test_every_command_is_documented() -> None:
    documented = (ROOT / "docs" / "cli.md").read_text()
    for command in COMMANDS:
        assert f"`trunkline {command}" in documented, command


def test_a_projects_settings_on_a_data_folder_and_on_a_server(data: Path, server: ServerProcess) -> None:
    keys = ("--public-key", PUBLIC_KEY, "--secret-key", SECRET_KEY)
    for on in (("--data", data), ("--url", server.url, *keys)):
        set_ = ("project", "settings", "set", "masking=true", 'mask_patterns=["KD-[0-9]+"]', *on)
        assert as_json(*set_) == as_json("project", "settings", "show", *on)
        shown = trunkline("project", "settings", "show", *on)
        assert re.search(r"^masking +true$", shown, re.MULTILINE)
        assert re.search(r'^mask_patterns +\["KD-\[0-9\]\+"\]$', shown, re.MULTILINE)
        trunkline("project", "settings", "set", "masking=null", "mask_patterns=null", *on)
        assert as_json("project", "settings", "show", *on)["masking"] is False
        assert "masking" in trunkline("project", "settings", "set", "masking=perhaps", *on, code=1)
        trunkline("project", "settings", "set", "masking", *on, code=2)
