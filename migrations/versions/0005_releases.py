"""releases"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

import app.db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _json() -> sa.types.TypeEngine[object]:
    return sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql")


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", app.db.UtcDateTime(), nullable=False),
        sa.Column("revision_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("prompt_version", sa.Integer(), nullable=False),
        sa.Column("thresholds", _json(), nullable=False),
        sa.Column("evidence", _json(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "promotions",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("promoted_at", app.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"]),
        sa.PrimaryKeyConstraint("number"),
    )
    with op.batch_alter_table("index_pointer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("release_id", sa.String(), nullable=True))
        batch_op.create_foreign_key("fk_index_pointer_release", "releases", ["release_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("index_pointer", schema=None) as batch_op:
        batch_op.drop_constraint("fk_index_pointer_release", type_="foreignkey")
        batch_op.drop_column("release_id")
    op.drop_table("promotions")
    op.drop_table("releases")
