"""What visitors say of single results on Explore."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opinions",
        sa.Column("visitor_hash", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("value", sa.String(16), nullable=False),
        sa.Column("stimulus", sa.Text, nullable=False),
        sa.Column("given_at", sa.String(40), nullable=False),
        sa.Index("opinions_key", "key"),
    )


def downgrade() -> None:
    op.drop_table("opinions")
