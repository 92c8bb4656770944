"""Who is next: one line per party, turns in rotation, quick work ahead of long within a bound.

Pure data: nothing here locks, waits or knows a worker.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

QUICK_SECONDS = 10.0
"""Work that is expected to take no longer is quick."""

BRIEF_SECONDS = 4.0
"""Quick work that is expected to take no longer is brief: places are kept for it."""

MOST_OVERTAKEN_SECONDS = 30.0
"""How much quick work may start before long work whose turn it is."""

MOST_REMEMBERED = 1000


class QueueFull(RuntimeError):
    """No more can be asked for now; the message is for whoever asked."""


class Refused(QueueFull):
    """What was asked for is not made here, now or later; the message is for whoever asked."""


@dataclass(eq=False)
class Entry:
    """Something to be done in one run.

    party: who takes turns (a browser); "" is whoever runs the app. seconds: expected of one worker.
    submission: entries of one call of `Engine.submit` share it. question: whether it answers a
    question and makes no image.
    """

    party: str
    seconds: float
    submission: int = 0
    question: bool = False

    @property
    def quick(self) -> bool:
        """Whether it is expected to be done soon."""
        return self.seconds <= QUICK_SECONDS

    @property
    def brief(self) -> bool:
        """Whether it is expected to be done within a moment."""
        return self.seconds <= BRIEF_SECONDS

    @property
    def kind(self) -> tuple[bool, bool, bool]:
        """What decides whether it may start, besides whose turn it is."""
        return self.brief, self.quick, self.question


_Line = OrderedDict[Entry, int]


class FairQueue:
    """Entries that wait, in the order in which they are to start.

    The party that was served longest ago is next. What one party has in line keeps its order,
    brief, quick and long work apart.
    """

    def __init__(self) -> None:
        self._lines: dict[str, dict[tuple[bool, bool, bool], _Line]] = {}
        self._parties: dict[Entry, list[str]] = {}
        self._overtaken: dict[Entry, float] = {}
        self._served: OrderedDict[str, int] = OrderedDict()
        self._turn = self._arrivals = 0

    def __len__(self) -> int:
        return len(self._parties)

    def __contains__(self, entry: object) -> bool:
        return entry in self._parties

    def __iter__(self) -> Iterator[Entry]:
        """The entries in the order of their arrival."""
        return iter(list(self._parties))

    def add(self, entry: Entry, party: str | None = None, first: bool = False) -> None:
        """Put an entry into a party's line, by default its own; one may stand in several lines.

        first: at the front of that line, as after a run that was lost.
        """
        name = entry.party if party is None else party
        parties = self._parties.setdefault(entry, [])
        if name in parties:
            return
        parties.append(name)
        kinds = self._lines.setdefault(name, {})
        line = kinds.setdefault(entry.kind, OrderedDict())
        self._arrivals += 1
        line[entry] = self._arrivals
        if first:
            line[entry] = -self._arrivals
            line.move_to_end(entry, last=False)

    def remove(self, entry: Entry) -> None:
        """Take an entry out of every line, if it waits."""
        self._overtaken.pop(entry, None)
        for party in self._parties.pop(entry, ()):
            kinds = self._lines[party]
            del kinds[entry.kind][entry]
            if not kinds[entry.kind]:
                del kinds[entry.kind]
            if not kinds:
                del self._lines[party]

    def pop(self, may_start: Callable[[Entry, str], bool]) -> Entry | None:
        """The entry that is to start now, taken out; None where none may.

        may_start: whether an entry may, given whose turn it would be; the same for all entries of
        one kind that one party asks for.
        """
        quick: tuple[Entry, str] | None = None
        long: tuple[Entry, str] | None = None
        for party in sorted(self._lines, key=self._last_turn):
            heads = [(arrived, head) for head, arrived in self._heads(party)]
            for _, head in sorted(heads, key=lambda each: each[0]):
                if head.quick and quick is None and may_start(head, party):
                    quick = head, party
                if not head.quick and long is None and may_start(head, party):
                    long = head, party
            if quick and long:
                break
        chosen = quick or long
        if quick and long:
            if self._overtaken.get(long[0], 0.0) >= MOST_OVERTAKEN_SECONDS:
                chosen = long
            else:
                passed = self._overtaken.get(long[0], 0.0)
                self._overtaken[long[0]] = passed + quick[0].seconds
        if chosen is None:
            return None
        entry, party = chosen
        self.remove(entry)
        self._serve(party)
        return entry

    def submissions(self, party: str) -> set[int]:
        """The submissions of which a party has something in line, questions left out."""
        kinds = self._lines.get(party, {})
        return {
            entry.submission
            for (*_, question), line in kinds.items()
            if not question
            for entry in line
        }

    def questions(self, party: str) -> int:
        """How many questions a party has in line."""
        kinds = self._lines.get(party, {})
        return sum(len(line) for (*_, question), line in kinds.items() if question)

    def copy(self) -> FairQueue:
        """A queue with the same entries in the same order, to look ahead with."""
        other = FairQueue()
        other._lines = {
            party: {kind: OrderedDict(line) for kind, line in kinds.items()}
            for party, kinds in self._lines.items()
        }
        other._parties = {entry: list(names) for entry, names in self._parties.items()}
        other._overtaken, other._served = dict(self._overtaken), OrderedDict(self._served)
        other._turn, other._arrivals = self._turn, self._arrivals
        return other

    def _heads(self, party: str) -> Iterator[tuple[Entry, int]]:
        for line in self._lines[party].values():
            yield next(iter(line.items()))

    def _last_turn(self, party: str) -> int:
        return self._served.get(party, 0)

    def _serve(self, party: str) -> None:
        self._turn += 1
        self._served[party] = self._turn
        self._served.move_to_end(party)
        if len(self._served) > MOST_REMEMBERED:
            self._served.popitem(last=False)
