"""`keys` and `projects`: who may call, and what for."""

from __future__ import annotations

from pathlib import Path

import click

from trunkline.api.langfuse.formats import iso
from trunkline.cli.output import print_fields, print_json, print_table, say
from trunkline.cli.targets import Target, target_options
from trunkline.installation import DataFolder, open_or_seed
from trunkline.settings import load_settings
from trunkline.store.control import ControlStore


@click.group()
def keys() -> None:
    """List, create and revoke a project's key pairs."""


@keys.command("list")
@target_options
def list_keys(target: Target, as_json: bool) -> None:
    """List the key pairs, revoked ones too. Secrets are never shown again."""
    answer = target.get("/api/v1/keys")
    if as_json:
        print_json(answer)
        return
    columns = ("public_key", "secret_hint", "name", "kind", "created_at", "last_used_at", "revoked_at")
    print_table(columns, [[key[column] for column in columns] for key in answer["keys"]])


@keys.command("create")
@click.argument("name")
@click.option("--read-only", is_flag=True, help="The key may read, and nothing else.")
@target_options
def create_key(target: Target, name: str, read_only: bool, as_json: bool) -> None:
    """Create a key pair. Its secret is shown this once."""
    made = target.post("/api/v1/keys", {"name": name, "kind": "read-only" if read_only else "full"})
    if as_json:
        print_json(made)
    else:
        print_fields({"Public key": made["public_key"], "Secret key": made["secret_key"], "Kind": made["kind"]})


@keys.command("revoke")
@click.argument("key")
@target_options
def revoke_key(target: Target, key: str, as_json: bool) -> None:
    """Revoke the key pair with the public key KEY: every process refuses it within a second."""
    revoked = target.delete(f"/api/v1/keys/{key}")
    if as_json:
        print_json(revoked)
    else:
        say(f"Revoked {revoked['public_key']} ({revoked['name']}).")


@click.group()
def projects() -> None:
    """List and create projects."""


@projects.command("list")
@target_options
def list_projects(target: Target, as_json: bool) -> None:
    """List the projects of a data folder, or the one that a server's key opens."""
    answer = target.get("/api/v1/projects")
    if as_json:
        print_json(answer)
    else:
        columns = ("id", "name", "created_at")
        print_table(columns, [[project[column] for column in columns] for project in answer["projects"]])


@projects.command("create")
@click.argument("name")
@click.option("--id", "project_id", help="The project's id; made up where it is left out.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False, exists=True), help="The data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create_project(name: str, project_id: str | None, data: Path | None, as_json: bool) -> None:
    """Create a project with an empty repository and a first key pair, which is shown this once."""
    folder = DataFolder(load_settings(data=data).data)
    control = ControlStore(folder.control, folder.signing_key())
    try:
        with folder.locked():
            project = control.create_project(name, project_id=project_id)
            open_or_seed(folder, project.id)
            key, secret = control.create_key(project.id, "first key")
    finally:
        control.close()
    made = {"id": project.id, "name": project.name, "created_at": iso(project.created_at)}
    shown = {**made, "public_key": key.public_key, "secret_key": secret}
    if as_json:
        print_json(shown)
    else:
        print_fields(shown)
