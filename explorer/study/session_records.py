"""What the store of judgements speaks of: sessions, rounds, participants, receipts and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from explorer.study.records import Design, RoundState, StudyError


class UnknownCode(StudyError):
    """No session has this code."""


class UnknownToken(StudyError):
    """No participant has this token: the session was deleted, or the token is another server's."""


class NotAllowed(StudyError):
    """Whoever asked does not know the lecturer's secret."""


class TooMany(StudyError):
    """A limit was reached; the same is possible again a little later."""


@dataclass(frozen=True)
class Opened:
    """A new session: its code for everybody, its secret for the lecturer (never told again)."""

    code: str
    secret: str


@dataclass(frozen=True)
class Round:
    """One vote of one round.

    number: from 1; vote: 1, or 2 for a second vote on the same images. closed: another round has
    followed, or the session is closed; it takes no answers any more.
    """

    number: int
    vote: int
    state: RoundState
    design: Design
    set_id: str
    opened_at: str
    closed: bool


@dataclass(frozen=True)
class Session:
    """A session with its rounds, in the order in which they were opened."""

    code: str
    title: str
    created_at: str
    closed: bool
    rounds: tuple[Round, ...]

    @property
    def current(self) -> Round:
        """The round that was opened last."""
        return self.rounds[-1]


@dataclass(frozen=True)
class Progress:
    """Who takes part in a session, and how far they are in the current round.

    joined: have answered, or joined or looked lately (`presence.present_in`). answering: have
    answered some of their trials; finished: all. answers: of the current round. participants:
    public identifier, trials answered, trials in all. refused: how many requests and answers were
    refused, by reason (`limits.REASONS`).
    """

    joined: int
    answering: int
    finished: int
    answers: int
    participants: tuple[tuple[str, int, int], ...]
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """What a phone says of itself: the size of its screen, its browser's kind and main version."""

    screen: str | None = None
    browser: str | None = None


@dataclass(frozen=True)
class Joined:
    """A new participant. token: known to the phone alone. participant: public identifier."""

    token: str
    participant: str


@dataclass(frozen=True)
class ParticipantState:
    """Where a participant is. answered: numbers of the trials answered in this round and vote.

    set_id: of the current round's stimulus set. closed: the session has ended. alone: it is the
    permanent session that anybody can take.
    """

    code: str
    title: str
    participant: str
    round: int
    vote: int
    state: RoundState
    closed: bool
    answered: tuple[int, ...]
    total: int
    design: Design
    set_id: str
    alone: bool = False


@dataclass(frozen=True)
class AnswerIn:
    """An answer as a phone sends it.

    position: of the chosen option among those shown, from 0. response_ms, shown_ms: as of `Answer`.
    clock: the phone's own time at the answer, in seconds since 1970; may be wrong, never relied on.
    """

    round: int
    vote: int
    trial: int
    position: int
    response_ms: float | None = None
    shown_ms: float | None = None
    clock: float | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of an answer.

    status: `accepted` (it is on disk), `duplicate` (an earlier answer to this trial is, and counts)
    or `refused`, with the reason as a sentence. later: the phone keeps a refused answer and asks
    again. correct: of practice, the position of the right option, also of a duplicate.
    """

    round: int
    vote: int
    trial: int
    status: str
    reason: str | None = None
    later: bool = False
    correct: int | None = None


@dataclass(frozen=True)
class Counts:
    """How many visitors said that an image is more like its target, and more like its seed."""

    target: int
    seed: int
