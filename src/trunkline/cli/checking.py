"""`check`: every fault with file and line, for people, commit hooks and CI."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from trunkline.cli.output import print_json, progress, say
from trunkline.registry.checking import Checked
from trunkline.types import Fault, Severity


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--fix", is_flag=True, help="Write what is missing and can be known, such as a label's blob.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(path: Path, fix: bool, as_json: bool) -> None:
    """Check a repository or a working tree (PATH, or where you are). Exits with 1 where there is a fault."""
    with progress("Reading the history"):
        checked = Checked(path)
    fixed = list(checked.fix()) if fix else []
    with progress("Checking"):
        faults = checked.faults()
    wrong = [fault for fault in faults if fault.severity is Severity.ERROR]
    if as_json:
        print_json({"faults": faults, "fixed": fixed})
    else:
        _print(faults, fixed, len(wrong))
    sys.exit(1 if wrong else 0)


def _print(faults: list[Fault], fixed: list[str], wrong: int) -> None:
    for name in fixed:
        say(f"{name}: fixed")
    for fault in faults:
        say(str(fault))
    fixable = sum(fault.fixable for fault in faults)
    hint = f" `trunkline check --fix` mends {fixable}." if fixable else ""
    say(f"{wrong} errors, {len(faults) - wrong} warnings.{hint}" if faults else "No faults.")
