"""`project settings`: what a project sets for itself."""

from __future__ import annotations

import click
import msgspec

from trunkline.cli.output import print_fields, print_json
from trunkline.cli.targets import Target, target_options
from trunkline.types import JSON

PATH = "/api/v1/project/settings"


@click.group()
def project() -> None:
    """Look after one project."""


@project.group()
def settings() -> None:
    """Show and change a project's settings: masking, retention, limits."""


@settings.command("show")
@target_options
def show_settings(target: Target, as_json: bool) -> None:
    """Show the settings, defaults too."""
    _print(target.get(PATH), as_json)


@settings.command("set")
@click.argument("assignments", nargs=-1, required=True, metavar="KEY=VALUE...")
@target_options
def set_settings(target: Target, assignments: tuple[str, ...], as_json: bool) -> None:
    """Change settings: `masking=true retention_days=90`. Values are JSON; `null` goes back to the default."""
    _print(target.patch(PATH, dict(map(_parsed, assignments))), as_json)


def _parsed(assignment: str) -> tuple[str, JSON]:
    name, equals, text = assignment.partition("=")
    if not equals:
        raise click.UsageError(f"Write KEY=VALUE, not {assignment!r}.")
    try:
        return name.strip(), msgspec.json.decode(text)
    except msgspec.DecodeError:
        return name.strip(), text


def _print(found: JSON, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_fields({name: msgspec.json.encode(value).decode() for name, value in found.items()})
