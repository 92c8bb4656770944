"""Participants by their tokens, and the trials drawn for each, kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import lru_cache

from sqlalchemy import Connection

from explorer.study.answering import Drawn
from explorer.study.codes import digest, new_rng_seed, round_rng_seed
from explorer.study.design import main_images, trials_of
from explorer.study.records import Design, Trial
from explorer.study.rows import (
    Person,
    current_round_row,
    design_from_json,
    person_of,
    session_of_person,
)
from explorer.study.session_records import UnknownToken
from explorer.study.sets import Sets

_MOST_PERSONS = 5000
_MOST_DRAWN = 512  # a class, twice over
_SEEDS_TRIED = 200


class Persons:
    """Who has which token, and what each is asked."""

    def __init__(
        self, reading: Callable[[], AbstractContextManager[Connection]], sets: Sets
    ) -> None:
        self._reading = reading
        self._sets = sets
        self._by_hash = lru_cache(_MOST_PERSONS)(self._read)
        self._draw = lru_cache(_MOST_DRAWN)(self._draw_trials)

    def of(self, token: str) -> Person:
        """The participant with this token; UnknownToken where there is none."""
        return self._by_hash(digest(token))

    def drawn(self, person: Person) -> Drawn:
        """The person's trials of the round that is current now."""
        with self._reading() as connection:
            session_of_person(connection, person)
            current = current_round_row(connection, person.session_id)
        rng_seed = round_rng_seed(person.rng_seed, current.number)
        design = design_from_json(current.design)
        return Drawn(current.id, self._draw(design, current.set_id, rng_seed, current.vote))

    def known(self, tokens: Iterable[str]) -> list[Person]:
        """The participants with these tokens, without those that nobody has."""
        found = []
        for token in tokens:
            try:
                found.append(self.of(token))
            except UnknownToken:
                continue
        return found

    def new_rng_seed(self, session_id: int, earlier: Iterable[str]) -> int:
        """A random seed for a new participant; earlier: tokens of the same person in the session.

        Of several seeds it is the one that draws fewest of the images that the person was shown.
        """
        persons = [each for each in self.known(earlier) if each.session_id == session_id]
        if not persons:
            return new_rng_seed()
        with self._reading() as connection:
            current = current_round_row(connection, session_id)
        design, stimulus_set = design_from_json(current.design), self._sets.get(current.set_id)

        def images(rng_seed: int) -> frozenset[str]:
            return main_images(design, stimulus_set, round_rng_seed(rng_seed, current.number))

        seen = frozenset().union(*(images(each.rng_seed) for each in persons))
        best, least = new_rng_seed(), len(seen)
        for _ in range(_SEEDS_TRIED):
            rng_seed = new_rng_seed()
            count = len(images(rng_seed) & seen)
            if count < least:
                best, least = rng_seed, count
            if not least:
                break
        return best

    def forget(self) -> None:
        """Read everybody anew: a session was deleted."""
        self._by_hash.cache_clear()

    def _read(self, token_hash: str) -> Person:
        with self._reading() as connection:
            return person_of(connection, token_hash)

    def _draw_trials(
        self, design: Design, set_id: str, rng_seed: int, vote: int
    ) -> tuple[Trial, ...]:
        return trials_of(design, self._sets.get(set_id), rng_seed, vote)
