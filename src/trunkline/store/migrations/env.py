"""What Alembic runs: the migrations, on the connection that the control store hands over."""

from __future__ import annotations

from alembic import context

from trunkline.store import (  # noqa: F401 (their tables belong to the metadata)
    comments,
    dataset_tables,
    media_records,
    models,
    queues,
    score_configs,
)
from trunkline.store.control_tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
