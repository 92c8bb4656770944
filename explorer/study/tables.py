"""The tables of the store, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData()

stimulus_sets = Table(
    "stimulus_sets",
    metadata,
    Column("id", String(64), primary_key=True),  # StimulusSet.id
    Column("title", Text, nullable=False),
    Column("added_at", String(40), nullable=False),
    Column("data", LargeBinary, nullable=False),  # StimulusSet.to_bytes()
)

set_pictures = Table(
    "set_pictures",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column(
        "set_id", String(64), ForeignKey("stimulus_sets.id", ondelete="CASCADE"), primary_key=True
    ),
    Index("set_pictures_set_id", "set_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(12), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("role", String(16), unique=True),  # "alone" of the permanent one, NULL of all others
    Column("created_at", String(40), nullable=False),
    Column("closed_at", String(40)),
    sqlite_autoincrement=True,  # an identifier is never used again
)

rounds = Table(
    "rounds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("vote", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # RoundState
    Column("design", Text, nullable=False),  # JSON
    Column("set_id", ForeignKey("stimulus_sets.id"), nullable=False),
    Column("opened_at", String(40), nullable=False),
    Column("closed_at", String(40)),
    UniqueConstraint("session_id", "number", "vote", name="rounds_of_a_session"),
    Index("rounds_set_id", "set_id"),
    sqlite_autoincrement=True,
)

participants = Table(
    "participants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("public_id", String(64), nullable=False),
    Column("token_hash", String(64), unique=True),  # NULL of those who answered elsewhere
    Column("rng_seed", BigInteger, nullable=False),
    Column("screen", String(40)),
    Column("browser", String(40)),
    Column("joined_at", String(40), nullable=False),
    Column("pooled", Boolean, nullable=False, server_default=false()),  # later takers may compare
    UniqueConstraint("session_id", "public_id", name="participants_of_a_session"),
    sqlite_autoincrement=True,
)

answers = Table(
    "answers",
    metadata,
    Column(
        "participant_id",
        ForeignKey("participants.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    # A round's row is of one vote: participant, round, vote and trial are the key.
    Column("round_id", ForeignKey("rounds.id", ondelete="CASCADE"), primary_key=True),
    Column("trial", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),  # Kind
    Column("task", String(16), nullable=False),  # Task
    Column("stimulus", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("correct", Boolean),
    Column("response_ms", Float),
    Column("shown_ms", Float),
    Column("phone_clock", Float),
    Column("answered_at", String(40), nullable=False),
    Index("answers_round_id", "round_id"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("reason", String(80), primary_key=True),  # limits.REASONS
    Column("count", BigInteger, nullable=False),
)

opinions = Table(
    "opinions",
    metadata,
    Column("visitor_hash", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),  # of the result
    Column("value", String(16), nullable=False),  # "target" or "seed"
    Column("stimulus", Text, nullable=False),  # JSON
    Column("given_at", String(40), nullable=False),
    Index("opinions_key", "key"),
)
