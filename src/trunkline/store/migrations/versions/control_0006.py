"""Projects' own definitions of models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(64), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("model_name", sa.String(255), nullable=False),
        sa.Column("match_pattern", sa.Text, nullable=False),
        sa.Column("start_date", sa.BigInteger),
        sa.Column("unit", sa.String(16)),
        sa.Column("tokenizer_id", sa.String(100)),
        sa.Column("tokenizer_config", sa.Text),
        sa.Column("pricing_tiers", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_models_project_id_model_name", "models", ["project_id", "model_name"])


def downgrade() -> None:
    raise NotImplementedError("Restore a backup instead: a downgrade would lose what later releases stored.")
