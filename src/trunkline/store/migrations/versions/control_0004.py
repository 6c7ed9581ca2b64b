"""Datasets, the versions of their items, experiments and their items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_datasets()
    _make_dataset_items()
    _make_experiments()
    _make_experiment_items()


def _make_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("project_id", sa.String(64), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(1000), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("metadata", sa.LargeBinary),
        sa.Column("input_schema", sa.LargeBinary),
        sa.Column("expected_output_schema", sa.LargeBinary),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_index("ix_datasets_created_at", "datasets", ["project_id", "created_at"])


def _make_dataset_items() -> None:
    op.create_table(
        "dataset_items",
        sa.Column("project_id", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("valid_from", sa.BigInteger, primary_key=True),
        sa.Column("valid_to", sa.BigInteger, nullable=False),
        sa.Column("dataset_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
        sa.Column("source_trace_id", sa.String(800)),
        sa.Column("source_observation_id", sa.String(800)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("input", sa.LargeBinary),
        sa.Column("expected_output", sa.LargeBinary),
        sa.Column("metadata", sa.LargeBinary),
        sa.ForeignKeyConstraint(["project_id", "dataset_id"], ["datasets.project_id", "datasets.id"]),
        sa.UniqueConstraint("project_id", "id", "valid_to"),
    )
    listed = ["project_id", "dataset_id", "valid_to", "is_deleted", "status", "created_at", "id"]
    op.create_index("ix_dataset_items_listed", "dataset_items", listed)
    versions = ["project_id", "dataset_id", "created_at", "id", "valid_from", "valid_to", "is_deleted", "status"]
    op.create_index("ix_dataset_items_versions", "dataset_items", versions)
    op.create_index("ix_dataset_items_source", "dataset_items", ["project_id", "source_trace_id"])


def _make_experiments() -> None:
    op.create_table(
        "experiments",
        sa.Column("project_id", sa.String(64), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("id", sa.String(800), primary_key=True),
        sa.Column("name", sa.String(1000), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("metadata", sa.LargeBinary),
        sa.Column("dataset_id", sa.String(800)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("said_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_experiments_dataset", "experiments", ["project_id", "dataset_id", "created_at"])
    op.create_index("ix_experiments_name", "experiments", ["project_id", "dataset_id", "name"])


def _make_experiment_items() -> None:
    op.create_table(
        "experiment_items",
        sa.Column("project_id", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("experiment_id", sa.String(800), nullable=False),
        sa.Column("dataset_item_id", sa.String(800), nullable=False),
        sa.Column("trace_id", sa.String(800), nullable=False),
        sa.Column("observation_id", sa.String(800), nullable=False),
        sa.Column("start_time", sa.BigInteger, nullable=False),
        sa.Column("end_time", sa.BigInteger),
        sa.Column("item_version", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("expected_output", sa.LargeBinary),
        sa.Column("item_metadata", sa.LargeBinary),
        sa.ForeignKeyConstraint(["project_id", "experiment_id"], ["experiments.project_id", "experiments.id"]),
        sa.UniqueConstraint("project_id", "experiment_id", "dataset_item_id", "trace_id", "observation_id"),
    )
    table = "experiment_items"
    op.create_index("ix_experiment_items_start_time", table, ["project_id", "start_time", "id"])
    op.create_index("ix_experiment_items_created_at", table, ["project_id", "experiment_id", "created_at"])
    op.create_index("ix_experiment_items_dataset_item", table, ["project_id", "dataset_item_id"])


def downgrade() -> None:
    raise NotImplementedError("Restore a backup instead: a downgrade would lose what later releases stored.")
