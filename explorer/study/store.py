"""The store of people's judgements: sessions, rounds, participants, answers and opinions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from explorer.hosting import hosting
from explorer.study import answering, lecturing, limits, permanent, reading
from explorer.study.codes import is_secret, new_secret
from explorer.study.database import database_url, open_database
from explorer.study.design import check_design, suited
from explorer.study.persons import Persons
from explorer.study.presence import Presence
from explorer.study.records import Answer, Design, RoundState, Stimulus, StudyError, Trial
from explorer.study.rows import Person, session_row
from explorer.study.session_records import (
    AnswerIn,
    Counts,
    Device,
    Joined,
    Opened,
    ParticipantState,
    Progress,
    Receipt,
    Round,
    Session,
    TooMany,
    UnknownCode,
)
from explorer.study.sets import Sets
from explorer.study.stimulus_set import StimulusSet, default_set
from explorer.study.tally import Tally
from explorer.study.writer import Writer


class Study:
    """People's judgements in one SQL database. Every method may be called from any thread.

    url: of SQLAlchemy; without it IRI_DATABASE_URL, else a SQLite file next to the result cache.
    Every method raises StudyError, with a sentence for people, where it refuses or cannot write:
    `UnknownCode`, `UnknownToken`, `NotAllowed` and `TooMany` are such errors.
    """

    def __init__(self, url: str | None = None) -> None:
        self._database = open_database(url or database_url())
        self._writer = Writer(self._database.writer, lambda: self._database.is_gone)
        self._sets = Sets(self._database.reading)
        self._limits = limits.Limits(hosting().max_classes)
        self._tally = Tally(self._writer)
        self._alone: tuple[str, str] | None = None  # set and code of the permanent session
        self._persons = Persons(self._database.reading, self._sets)
        self._presence = Presence()

    @property
    def is_gone(self) -> bool:
        """Whether its SQLite file was deleted or replaced, so that nothing is taken any more."""
        return self._database.is_gone

    def disconnect(self) -> None:
        """Write what is waiting, then disconnect."""
        self._tally.write()
        self._writer.stop()
        self._database.dispose()

    # Sessions

    def open_session(
        self, title: str, stimulus_set: StimulusSet, design: Design, visitor: str | None = None
    ) -> Opened:
        """Open a session with its first round. visitor: whom `explorer.hosting` limits."""
        title = lecturing.clean_title(title)
        check_design(design, stimulus_set)
        self._limits.check_opening(visitor)
        secret = new_secret()
        data = stimulus_set.to_bytes()

        def work(connection: Connection) -> str:
            return lecturing.open_session(connection, title, secret, stimulus_set, data, design)

        return Opened(self._writer.run(work), secret)

    def session(self, code: str) -> Session:
        """The session of a code, in whichever case it was typed."""
        with self._database.reading() as connection:
            return reading.read_session(connection, code)

    def is_lecturer(self, code: str, secret: str) -> bool:
        """Whether this is the session's secret."""
        try:
            with self._database.reading() as connection:
                return is_secret(secret, session_row(connection, code).secret_hash)
        except UnknownCode:
            return False

    def next_round(
        self,
        code: str,
        secret: str,
        stimulus_set: StimulusSet | None = None,
        design: Design | None = None,
        visitor: str | None = None,
    ) -> Round:
        """Open the next round, of the same set and design where none is given; others count."""
        current = self.session(code).current
        check_design(design or current.design, stimulus_set or self.stimulus_set(current.set_id))
        if stimulus_set is not None and stimulus_set.id != current.set_id:
            self._limits.check_opening(visitor)
        data = stimulus_set.to_bytes() if stimulus_set else None
        change = partial(lecturing.open_next, stimulus_set=stimulus_set, data=data, design=design)
        self._lecture(code, secret, change)
        return self.session(code).current

    def second_vote(self, code: str, secret: str) -> Round:
        """Ask everybody about the same images again, after discussion."""
        self._lecture(code, secret, lecturing.open_second_vote)
        return self.session(code).current

    def pause(self, code: str, secret: str) -> None:
        """Take no answers until `resume`; phones keep theirs."""
        self._lecture(code, secret, partial(lecturing.set_state, state=RoundState.PAUSED))

    def resume(self, code: str, secret: str) -> None:
        """Take answers again."""
        self._lecture(code, secret, partial(lecturing.set_state, state=RoundState.OPEN))

    def reveal(self, code: str, secret: str) -> None:
        """End the current round and let everybody see its results (both votes')."""
        self._lecture(code, secret, partial(lecturing.set_state, state=RoundState.REVEALED))

    def close(self, code: str, secret: str) -> None:
        """Close the session: no one joins or answers any more. Results can still be revealed."""
        self._lecture(code, secret, lecturing.close_session)

    def delete(self, code: str, secret: str) -> None:
        """Delete the session with everything that was answered in it."""
        self._lecture(code, secret, lecturing.delete_session)
        self._sets.forget()
        self._persons.forget()

    def add_answers(
        self, code: str, secret: str, answers: Sequence[Answer], rng_seeds: Mapping[str, int]
    ) -> int:
        """Import answers that were given elsewhere; how many were new."""
        change = partial(lecturing.import_answers, given=answers, rng_seeds=rng_seeds)
        return self._lecture(code, secret, change)

    # Reading

    def progress(self, code: str) -> Progress:
        """Who is there (`presence.present_in`) and how far they are in the current round."""
        with self._database.reading() as connection:
            unwritten = self._tally.of(session_row(connection, code).id)
            return reading.read_progress(connection, code, self._presence.now(), unwritten)

    def answers(self, code: str, round: int, vote: int | None = None) -> list[Answer]:
        """The answers of a round, of one vote or of both, by participant, vote and trial."""
        with self._database.reading() as connection:
            return reading.read_answers(connection, code, round, vote)

    def own_answers(self, token: str) -> list[Answer]:
        """What a participant answered in the current round."""
        person = self._persons.of(token)
        with self._database.reading() as connection:
            return reading.read_own_answers(connection, person)

    def pooled_answers(self, code: str, round: int, without: Sequence[str] = ()) -> list[Answer]:
        """First votes of those who agreed that others are compared with them; without: tokens."""
        left_out = {each.public_id for each in self._persons.known(without)}
        with self._database.reading() as connection:
            pooled = reading.read_pooled_answers(connection, code, round)
        return [each for each in pooled if each.participant not in left_out]

    def rng_seeds(self, code: str, round: int = 1) -> Mapping[str, int]:
        """Per participant the random seed by which `design.trials_of` draws the round's trials."""
        with self._database.reading() as connection:
            return reading.read_rng_seeds(connection, code, round)

    def devices(self, code: str) -> Mapping[str, Device]:
        """Per participant what their phone said of itself, where it did."""
        with self._database.reading() as connection:
            return reading.read_devices(connection, code)

    def stimulus_set(self, set_id: str) -> StimulusSet:
        """A set that some round uses."""
        return self._sets.get(set_id)

    def picture(self, sha256: str) -> bytes | None:
        """The PNG of this hash, where a set that is used holds it."""
        return self._sets.picture(sha256)

    # Phones

    def join(
        self,
        code: str,
        address: str,
        screen: str | None = None,
        browser: str | None = None,
        pooled: bool = False,
        earlier: Sequence[str] = (),
    ) -> Joined:
        """Join a session. address: the client's, for limits alone; it is never written.

        pooled: others who take the test alone may be compared with this person's answers. earlier:
        tokens with which the same person took it before, so that they see other images; not stored.
        """
        with self._database.reading() as connection:
            session = session_row(connection, code)
        answering.check_joinable(session)
        if not self._limits.may_join(address):
            self._tally.add(session.id, limits.MANY_JOINING)
            raise TooMany("Too many have joined from this network just now; try again in a minute.")
        token = new_secret()

        device, present = Device(screen, browser), self._presence.now()
        seed = self._persons.new_rng_seed(session.id, earlier)

        def work(connection: Connection) -> str:
            add = answering.add_participant
            return add(connection, code, present, token, device, pooled, seed)

        try:
            return Joined(token, self._writer.run(work))
        except answering.SessionFull:
            self._tally.add(session.id, limits.FULL)
            raise

    def state(self, token: str) -> ParticipantState:
        """Where this participant is."""
        with self._database.reading() as connection:
            return reading.read_state(connection, self._person(token))

    def trials(self, token: str) -> tuple[Trial, ...]:
        """The participant's trials of the current round, right answers included."""
        return self._persons.drawn(self._person(token)).trials

    def record(self, token: str, answers: Sequence[AnswerIn], address: str = "") -> list[Receipt]:
        """Record answers; a receipt for each, in their order, when they are on disk."""
        person = self._person(token)
        granted = self._limits.answers(person.public_id, address, len(answers))
        taken, left = answers[: granted.count], answers[granted.count :]
        receipts: list[Receipt] = []
        if taken:
            drawn = self._persons.drawn(person)
            work = partial(answering.record_answers, person=person, drawn=drawn, given=taken)
            receipts, strange = self._writer.run(work)
            self._tally.add(person.session_id, limits.NO_SUCH_TRIAL, strange)
        if granted.reason:
            self._tally.add(person.session_id, granted.reason, len(left))
            reason = "Too many answers at once; the rest will be sent again."
            receipts += [answering.refuse(each, reason, later=True) for each in left]
        return receipts

    # Alone

    def alone(self) -> str:
        """The code of the permanent session over the default set."""
        stimulus_set = default_set()
        if self._alone is None or self._alone[0] != stimulus_set.id:
            data, design = stimulus_set.to_bytes(), suited(Design(), stimulus_set)
            work = partial(
                permanent.open_alone, stimulus_set=stimulus_set, data=data, design=design
            )
            self._alone = stimulus_set.id, self._writer.run(work)
        return self._alone[1]

    def record_opinion(self, visitor: str, stimulus: Stimulus, value: str) -> None:
        """What a visitor says of a result on Explore: `target` or `seed`; the first counts."""
        if value not in permanent.VALUES:
            raise StudyError(f"An opinion is one of {' and '.join(permanent.VALUES)}.")
        self._writer.run(
            partial(permanent.add_opinion, visitor=visitor, stimulus=stimulus, value=value)
        )

    def opinions(self, key: str) -> Counts:
        """What visitors said of the result of this key."""
        with self._database.reading() as connection:
            return reading.read_opinions(connection, key)

    # Within

    def _person(self, token: str) -> Person:
        """Who asks, and is there now."""
        person = self._persons.of(token)
        self._presence.add(person.id)
        return person

    def _lecture(
        self, code: str, secret: str, change: Callable[[Connection, Row[Any]], Any]
    ) -> Any:
        """Change the session, for its lecturer alone."""

        def work(connection: Connection) -> Any:
            return change(connection, lecturing.allowed(connection, code, secret))

        return self._writer.run(work)
