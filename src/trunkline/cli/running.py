"""`serve`, `init`, `config`: a server and its data folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click
from pydantic import SecretStr

from trunkline.cli.output import console, print_fields, print_json, print_table, progress, say
from trunkline.installation import ADMIN, FirstStart, prepare
from trunkline.server import address, bind, run
from trunkline.settings import Settings, load_settings, variable_name

data_option = click.option("--data", type=click.Path(path_type=Path), help="Data folder.  [default: ./data]")


@click.command()
@data_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [default: 3000]")
@click.option("--workers", type=int, help="Worker processes that share the port.  [default: 1]")
def serve(data: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Run a server. The first start makes the data folder and prints its keys, once."""
    settings = load_settings(data=data, host=host, port=port, workers=workers)
    listener = bind(settings)
    with progress("Opening the data folder"):
        first = prepare(settings)
    url = address(settings, listener)
    if first is not None:
        _print_first_start(settings, first, url)
    say(f"Trunkline serves on {url}  (data: {settings.data.absolute()}; stop with Ctrl-C)")
    console.file.flush()
    sys.exit(run(settings, listener))


@click.command()
@data_option
def init(data: Path | None) -> None:
    """Make a data folder: repository with sample prompts, databases, a key pair, an admin password."""
    settings = load_settings(data=data)
    first = prepare(settings)
    if first is None:
        say(f"{settings.data} is a data folder already; nothing was changed.")
    else:
        _print_first_start(settings, first, "")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def config(as_json: bool) -> None:
    """Print every setting that is in force, and what it is for."""
    settings = load_settings()
    if as_json:
        print_json({name: _shown(settings, name) for name in Settings.model_fields})
        return
    rows = [
        (variable_name(name), _shown(settings, name), field.description)
        for name, field in Settings.model_fields.items()
    ]
    print_table(("setting", "value", "what it is"), rows)


def _shown(settings: Settings, name: str) -> object:
    value = getattr(settings, name)
    if isinstance(value, SecretStr):
        return "(set)" if value.get_secret_value() else ""
    return str(value) if isinstance(value, Path) else cast(object, value)


def _print_first_start(settings: Settings, first: FirstStart, url: str) -> None:
    given = "(as set)"
    say("First start. These secrets are shown once:\n")
    print_fields(
        {
            **({"  URL": url} if url else {}),
            "  Project": first.project.id,
            "  Public key": first.public_key,
            "  Secret key": first.secret_key or given,
            "  User": ADMIN,
            "  Password": first.admin_password or given,
        }
    )
    if url:
        say("\nFor a Langfuse SDK:\n")
        say(f"  export LANGFUSE_HOST={url}")
        say(f"  export LANGFUSE_PUBLIC_KEY={first.public_key}")
        say(f"  export LANGFUSE_SECRET_KEY={first.secret_key or given}")
    say("")
