"""Comments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comments",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(64), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("object_type", sa.String(16), nullable=False),
        sa.Column("object_id", sa.String(800), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("author_user_id", sa.String(255)),
        sa.Column("prompt_name", sa.String(255)),
        sa.Column("prompt_version", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_comments_object", "comments", ["project_id", "object_type", "object_id", "created_at"])
    op.create_index("ix_comments_time", "comments", ["project_id", "created_at"])
    op.create_index("ix_comments_prompt", "comments", ["project_id", "prompt_name", "prompt_version"])


def downgrade() -> None:
    raise NotImplementedError("Restore a backup instead: a downgrade would lose what later releases stored.")
