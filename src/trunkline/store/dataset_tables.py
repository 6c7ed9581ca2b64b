"""The control tables of datasets, the versions of their items, and experiments with theirs.

An item has a row for each of its versions, which holds from `valid_from` (whole milliseconds, as clients can spell
them) until `valid_to`; the row that holds now ends at FOREVER. A dataset run is an experiment that has a dataset; its
`dataset_id` is what the client said and may name a dataset that is not here.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from trunkline.store.control_tables import METADATA

FOREVER = 2**63 - 1

DATASETS = Table(
    "datasets",
    METADATA,
    Column("project_id", String(64), ForeignKey("projects.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("name", String(1000), nullable=False),
    Column("description", Text),
    Column("metadata", LargeBinary),
    Column("input_schema", LargeBinary),
    Column("expected_output_schema", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("project_id", "name"),
    Index("ix_datasets_created_at", "project_id", "created_at"),
)

DATASET_ITEMS = Table(
    "dataset_items",
    METADATA,
    Column("project_id", String(64), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("valid_from", BigInteger, primary_key=True),
    Column("valid_to", BigInteger, nullable=False),
    Column("dataset_id", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("source_trace_id", String(800)),
    Column("source_observation_id", String(800)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("input", LargeBinary),
    Column("expected_output", LargeBinary),
    Column("metadata", LargeBinary),
    ForeignKeyConstraint(["project_id", "dataset_id"], ["datasets.project_id", "datasets.id"]),
    UniqueConstraint("project_id", "id", "valid_to"),
    Index(
        "ix_dataset_items_listed", "project_id", "dataset_id", "valid_to", "is_deleted", "status", "created_at", "id"
    ),
    Index(
        "ix_dataset_items_versions",
        *("project_id", "dataset_id", "created_at", "id", "valid_from", "valid_to", "is_deleted", "status"),
    ),
    Index("ix_dataset_items_source", "project_id", "source_trace_id"),
)

EXPERIMENTS = Table(
    "experiments",
    METADATA,
    Column("project_id", String(64), ForeignKey("projects.id"), primary_key=True),
    Column("id", String(800), primary_key=True),
    Column("name", String(1000), nullable=False),
    Column("description", Text),
    Column("metadata", LargeBinary),
    Column("dataset_id", String(800)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("said_at", BigInteger, nullable=False),
    Index("ix_experiments_dataset", "project_id", "dataset_id", "created_at"),
    Index("ix_experiments_name", "project_id", "dataset_id", "name"),
)
"""`said_at` is the start of the span (or the time of the request) that name, description and metadata come from."""

EXPERIMENT_ITEMS = Table(
    "experiment_items",
    METADATA,
    Column("project_id", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("experiment_id", String(800), nullable=False),
    Column("dataset_item_id", String(800), nullable=False),
    Column("trace_id", String(800), nullable=False),
    Column("observation_id", String(800), nullable=False),
    Column("start_time", BigInteger, nullable=False),
    Column("end_time", BigInteger),
    Column("item_version", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expected_output", LargeBinary),
    Column("item_metadata", LargeBinary),
    ForeignKeyConstraint(["project_id", "experiment_id"], ["experiments.project_id", "experiments.id"]),
    UniqueConstraint("project_id", "experiment_id", "dataset_item_id", "trace_id", "observation_id"),
    Index("ix_experiment_items_start_time", "project_id", "start_time", "id"),
    Index("ix_experiment_items_created_at", "project_id", "experiment_id", "created_at"),
    Index("ix_experiment_items_dataset_item", "project_id", "dataset_item_id"),
)
"""`observation_id` is empty where the whole trace is the item's."""
