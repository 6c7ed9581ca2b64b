"""`show`, `log`, `diff`: what a prompt says, what happened to it, what changed."""

from __future__ import annotations

import json

import click
from rich.markup import escape

from trunkline.cli.output import console, print_fields, print_json, print_table, short_time
from trunkline.cli.targets import Target, name_and_version, target_options
from trunkline.types import JSON

STYLES = {"insert": "green", "delete": "red", "+": "green", "-": "red"}


@click.command()
@click.argument("prompt")
@click.option("--label", help="The version that this label serves.  [default: production]")
@target_options
def show(target: Target, prompt: str, label: str | None, as_json: bool) -> None:
    """Print a version of PROMPT, written as name or name@version."""
    name, version = name_and_version(prompt)
    shown = target.get("/api/v1/prompts/show", name=name, version=version, label=label)
    if as_json:
        print_json(shown)
        return
    print_fields(
        {
            "prompt": shown["name"],
            "version": shown["version"],
            "labels": ", ".join(shown["labels"]),
            "commit": shown["commit"],
            "blob": shown["blob"],
            "author": shown["author"],
            "created": short_time(shown["created_at"]),
            "tags": ", ".join(shown["tags"]),
            "config": json.dumps(shown["config"], ensure_ascii=False),
        }
    )
    console.print()
    if isinstance(shown["prompt"], str):
        click.echo(shown["prompt"])
        return
    for message in shown["prompt"]:
        title = message.get("role") or f"{{{message.get('name')}}}"
        console.print(f"[bold]{escape(str(title))}[/bold]")
        click.echo(f"{str(message.get('content', '(messages are put here)')).rstrip()}\n")


@click.command()
@click.argument("prompt")
@click.option("--label", help="Only what happened to this label.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@target_options
def log(target: Target, prompt: str, label: str | None, limit: int, as_json: bool) -> None:
    """Print what happened to PROMPT, commit by commit, the newest first."""
    answer = target.get("/api/v1/prompts/history", name=prompt, label=label, limit=limit)
    if as_json:
        print_json(answer)
        return
    print_table(("commit", "when", "author", "what", "message"), [_log_row(item) for item in answer["history"]])


@click.command()
@click.argument("prompt")
@click.argument("old", type=int)
@click.argument("new", type=int)
@target_options
def diff(target: Target, prompt: str, old: int, new: int, as_json: bool) -> None:
    """Print what changed in PROMPT from version OLD to version NEW."""
    answer = target.get("/api/v1/prompts/diff", **{"name": prompt, "from": old, "to": new})
    if as_json:
        print_json(answer)
        return
    for end, sign in (("from", "---"), ("to", "+++")):
        side = answer[end]
        console.print(f"[bold]{sign} {escape(prompt)}@{side['version']}[/bold]  {side['commit'][:12]}")
    for line in answer["lines"]:
        _print_line(line)


def _log_row(item: JSON) -> tuple[object, ...]:
    author, message = item["author"].partition(" <")[0], item["message"].partition("\n")[0]
    return (item["commit"][:12], short_time(item["time"]), author, item["what"], message)


def _print_line(line: JSON) -> None:
    sign = {"insert": "+", "delete": "-", "equal": " "}.get(line["op"], line["op"])
    for text in line["text"].splitlines() or [""]:
        console.print(f"{sign}{text}", style=STYLES.get(line["op"], "dim"), markup=False)
