"""Who agreed that later takers of the test may be compared with their answers."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pooled = sa.Column("pooled", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("participants", pooled)


def downgrade() -> None:
    op.drop_column("participants", "pooled")
