"""Media: what was announced and uploaded, and which fields refer to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column("project_id", sa.String(64), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("content_type", sa.String(100), nullable=False),
        sa.Column("content_length", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("uploaded_at", sa.BigInteger),
        sa.Column("upload_status", sa.Integer),
        sa.Column("upload_error", sa.String(2000)),
        sa.Column("upload_ms", sa.BigInteger),
        sa.Column("deleting_at", sa.BigInteger),
    )
    op.create_table(
        "media_uses",
        sa.Column("project_id", sa.String(64), primary_key=True),
        sa.Column("media_id", sa.String(22), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("owner_id", sa.String(800), primary_key=True),
        sa.Column("part_id", sa.String(800), primary_key=True),
        sa.Column("field", sa.String(16), primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["project_id", "media_id"], ["media.project_id", "media.id"]),
    )
    op.create_index("ix_media_uses_owner", "media_uses", ["project_id", "kind", "owner_id", "part_id"])


def downgrade() -> None:
    raise NotImplementedError("Restore a backup instead: a downgrade would lose what later releases stored.")
