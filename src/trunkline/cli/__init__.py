"""The command `trunkline`.

Each command lives in a module that is imported when the command is called (the pattern of click's documentation,
"Lazily Loading Subcommands"): `trunkline check` in a commit hook must not wait for a web framework.
"""

from __future__ import annotations

import gc
import importlib

import click

from trunkline import __version__
from trunkline.errors import TrunklineError

COMMANDS = {
    "serve": "trunkline.cli.running:serve",
    "init": "trunkline.cli.running:init",
    "config": "trunkline.cli.running:config",
    "check": "trunkline.cli.checking:check",
    "show": "trunkline.cli.reading:show",
    "log": "trunkline.cli.reading:log",
    "diff": "trunkline.cli.reading:diff",
    "promote": "trunkline.cli.moving:promote",
    "rollback": "trunkline.cli.moving:rollback",
    "keys": "trunkline.cli.administration:keys",
    "search": "trunkline.cli.search:search",
    "projects": "trunkline.cli.administration:projects",
    "project": "trunkline.cli.project:project",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called for, and whose errors are told without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        gc.disable()  # nothing of what is imported is garbage, and to look costs a tenth of the time
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        finally:
            gc.enable()
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except TrunklineError as error:
            raise click.ClickException(error.message) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trunkline")
def main() -> None:
    """Trunkline: a prompt registry whose database is Git.

    Commands work on a data folder (--data), on a repository or working tree (--repo), or on a server (--url).
    """
