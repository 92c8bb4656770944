"""Sessions, rounds, participants and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stimulus_sets",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("added_at", sa.String(40), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "set_pictures",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column(
            "set_id",
            sa.String(64),
            sa.ForeignKey("stimulus_sets.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Index("set_pictures_set_id", "set_id"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(12), nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), unique=True),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("closed_at", sa.String(40)),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rounds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "session_id",
            sa.Integer,
            sa.ForeignKey("sessions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("vote", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("design", sa.Text, nullable=False),
        sa.Column("set_id", sa.String(64), sa.ForeignKey("stimulus_sets.id"), nullable=False),
        sa.Column("opened_at", sa.String(40), nullable=False),
        sa.Column("closed_at", sa.String(40)),
        sa.UniqueConstraint("session_id", "number", "vote", name="rounds_of_a_session"),
        sa.Index("rounds_set_id", "set_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "participants",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "session_id",
            sa.Integer,
            sa.ForeignKey("sessions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("public_id", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.String(64), unique=True),
        sa.Column("rng_seed", sa.BigInteger, nullable=False),
        sa.Column("screen", sa.String(40)),
        sa.Column("browser", sa.String(40)),
        sa.Column("joined_at", sa.String(40), nullable=False),
        sa.UniqueConstraint("session_id", "public_id", name="participants_of_a_session"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "answers",
        sa.Column(
            "participant_id",
            sa.Integer,
            sa.ForeignKey("participants.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "round_id",
            sa.Integer,
            sa.ForeignKey("rounds.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("stimulus", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("correct", sa.Boolean),
        sa.Column("response_ms", sa.Float),
        sa.Column("shown_ms", sa.Float),
        sa.Column("phone_clock", sa.Float),
        sa.Column("answered_at", sa.String(40), nullable=False),
        sa.Index("answers_round_id", "round_id"),
    )
    op.create_table(
        "refusals",
        sa.Column(
            "session_id",
            sa.Integer,
            sa.ForeignKey("sessions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("reason", sa.String(80), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("refusals", "answers", "participants", "rounds", "sessions", "set_pictures"):
        op.drop_table(table)
    op.drop_table("stimulus_sets")
