"""What a lesson consists of: steps, each with controls, cases and a question."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from explorer.request import Request
from explorer.result import Result

Values = Mapping[str, str]
"""What the controls of a step are set to, by the control's name."""


@dataclass(frozen=True)
class Control:
    """Something that a visitor may change. name: in the address; titles: by value, in order."""

    name: str
    label: str
    help: str
    titles: Mapping[str, str]


@dataclass(frozen=True)
class Task:
    """Something to try, in sentences. needs: the controls that it asks to change."""

    text: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A question whose answer follows from results on the page.

    options: in the order shown. about: the requests whose results decide. right: from them the
    index of the right option. because: why, with the numbers; shown after an answer.
    """

    text: str
    options: tuple[str, ...]
    about: tuple[Request, ...]
    right: Callable[[Sequence[Result]], int]
    because: Callable[[Sequence[Result]], str]


@dataclass(frozen=True)
class Step:
    """One step of the lesson.

    name: of the comparison that it draws. claim: what it shows, as a sentence; text: two or three
    more. cases: the requests shown, by the values of the controls in their order; a value that no
    case has with those before it is not offered. tasks: what to try, in order. formulae:
    (LaTeX, its reading). notes: for whoever speaks, one paragraph each. minutes: how long it takes
    with a class.
    """

    number: int
    name: str
    title: str
    claim: str
    text: str
    controls: tuple[Control, ...]
    cases: Mapping[tuple[str, ...], tuple[Request, ...]]
    tasks: tuple[Task, ...]
    question: Question
    formulae: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    minutes: int = field(default=4)

    def task(self, free: Collection[str] | None = None) -> str:
        """What to try where these controls can be changed (None: all)."""
        free = [control.name for control in self.controls] if free is None else free
        return " ".join(each.text for each in self.tasks if set(each.needs) <= set(free))

    def options(self, control: Control, before: Sequence[str]) -> tuple[str, ...]:
        """The values that a control has after those of the controls before it."""
        at = len(before)
        found = {case[at] for case in self.cases if case[:at] == tuple(before)}
        return tuple(value for value in control.titles if value in found)

    def resolved(self, wanted: Values) -> dict[str, str]:
        """A value for each control: the one wanted where it is offered, else the first."""
        chosen: dict[str, str] = {}
        for control in self.controls:
            offered = self.options(control, tuple(chosen.values()))
            value = wanted.get(control.name, "")
            chosen[control.name] = value if value in offered else offered[0]
        return chosen

    def requests(self, values: Values) -> tuple[Request, ...]:
        """What is shown for these values; KeyError where no case has them."""
        return self.cases[tuple(values[control.name] for control in self.controls)]
