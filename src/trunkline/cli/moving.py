"""`promote` and `rollback`: what a label serves."""

from __future__ import annotations

import click

from trunkline.cli.output import print_json, say
from trunkline.cli.targets import Target, name_and_version, target_options
from trunkline.types import JSON


@click.command()
@click.argument("prompt")
@click.option("--to", "label", required=True, help="The label that is to serve the version.")
@click.option("--expected", type=int, help="Only while the label serves this version.")
@click.option("-m", "--message", help="The commit's message.")
@target_options
def promote(target: Target, prompt: str, label: str, expected: int | None, message: str | None, as_json: bool) -> None:
    """Let a label serve a version: `trunkline promote support/triage@8 --to production`."""
    name, version = name_and_version(prompt)
    if version is None:
        raise click.UsageError(f"Which version? Write {name}@VERSION; `trunkline log {name}` lists them.")
    body = {"name": name, "version": version, "label": label, "expected": expected, "message": message}
    moved = target.post("/api/v1/promotions", {key: value for key, value in body.items() if value is not None})
    _print_moved(name, moved, as_json)


@click.command()
@click.argument("prompt")
@click.option("--label", help="The label that goes back to what it served before.")
@click.option("--leaving", type=int, help="Only while the label serves this version.")
@click.option("--to", type=int, help="Without a label: make a new version with the text of this one.")
@target_options
def rollback(
    target: Target, prompt: str, label: str | None, leaving: int | None, to: int | None, as_json: bool
) -> None:
    """Undo a label's last promotion; or, with --to, make a new version with an old text."""
    body = {"name": prompt, "label": label, "leaving": leaving, "to": to}
    done = target.post("/api/v1/rollbacks", {key: value for key, value in body.items() if value is not None})
    if to is None:
        _print_moved(prompt, done, as_json)
    elif as_json:
        print_json(done)
    else:
        say(f"{prompt}: version {done['version']} has the text of version {to}  ({done['commit'][:12]})")


def _print_moved(name: str, moved: JSON, as_json: bool) -> None:
    if as_json:
        print_json(moved)
        return
    before = f"version {moved['from']}" if moved["from"] is not None else "nothing"
    after = f"version {moved['to']}" if moved["to"] is not None else "nothing"
    if split := moved.get("split"):
        after = "versions " + ", ".join(f"{arm['version']} ({arm['weight']})" for arm in split)
    say(f"{name}: {moved['label']} serves {after} (was {before})  {moved['commit'][:12]}")
