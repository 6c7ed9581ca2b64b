"""Brings the control tables to this release's form, with Alembic."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from trunkline.errors import TrunklineError
from trunkline.store.control_engine import MIGRATIONS, writing


def upgrade(engine: Engine) -> None:
    """Raises TrunklineError for a database that a later release has written."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with writing(engine) as connection:
        _refuse_downgrade(connection, ScriptDirectory.from_config(config))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _refuse_downgrade(connection: Connection, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_heads()
    for revision in found:
        if revision not in known:
            raise TrunklineError(
                f"control.db was written by a later release of Trunkline (its tables are at {revision}, this release "
                f"knows up to {scripts.get_current_head()}): start that release, or restore a backup made by this one."
            )
