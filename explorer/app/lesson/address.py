"""The lesson's address: which step, what its controls are set to, and which of them are fixed.

`?step=3&data=photographs&start=cat&fixed=data` opens step 3 alone, with one control left to try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from explorer.app.lesson.records import Control, Step
from explorer.app.lesson.steps import STEPS
from explorer.errors import shortened

MOST_PROBLEMS = 5
"""So many things that are wrong in an address are named."""

NOTHING = "none"
"""The value of `fixed` for a step alone with all of its controls."""


@dataclass(frozen=True)
class Address:
    """What an address asks for.

    values: of the step's controls. fixed: names of the controls that cannot be changed. alone:
    whether it is a lesson link: this step and no others. problems: what in it was wrong, a sentence
    each; what is wrong is left at its default.
    """

    step: Step
    values: dict[str, str]
    fixed: tuple[str, ...] = ()
    alone: bool = False
    problems: tuple[str, ...] = ()

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the controls that are not fixed and have more than one value to choose."""
        names = [control.name for control in self.step.controls]
        values = [self.values[name] for name in names]
        return tuple(
            control.name
            for at, control in enumerate(self.step.controls)
            if control.name not in self.fixed and len(self.step.options(control, values[:at])) > 1
        )

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that lead here again."""
        fixed = {"fixed": ",".join(self.fixed) or NOTHING} if self.alone else {}
        return {"step": str(self.step.number), **self.values, **fixed}


def read(parameters: Mapping[str, str]) -> Address:
    """The address of these parameters."""
    problems: list[str] = []
    step = _step(parameters.get("step", "1"), problems)
    names = [control.name for control in step.controls]
    values = step.resolved(parameters)
    for control in step.controls:
        asked = parameters.get(control.name)
        if asked is not None and asked != values[control.name]:
            before = [values[name] for name in names[: names.index(control.name)]]
            problems.append(_not_offered(control, asked, step.options(control, before)))
    fixed = _fixed(parameters.get("fixed"), names, problems)
    known = {"step", "fixed", *(each.name for one in STEPS for each in one.controls)}
    for name in sorted(parameters.keys() - known):
        problems.append(
            f"The lesson has no parameter {shortened(name)}; use step, fixed or one of "
            f"{', '.join(names)}."
        )
    left_out = problems[MOST_PROBLEMS:]
    del problems[MOST_PROBLEMS:]
    if left_out:
        problems.append(f"{len(left_out)} more parts of the address are left out, too.")
    return Address(step, values, fixed, "fixed" in parameters, tuple(problems))


def with_one_left(step: Step, values: Mapping[str, str], left: str | None) -> Address:
    """The lesson link of a step that fixes every control but one; None fixes all."""
    fixed = tuple(control.name for control in step.controls if control.name != left)
    return Address(step, step.resolved(values), fixed, alone=True)


def _not_offered(control: Control, asked: str, offered: Sequence[str]) -> str:
    """What is wrong with a value, in the words of the buttons and those of the address."""
    named = f"“{control.titles[asked]}”" if asked in control.titles else shortened(asked)
    choices = [f"“{control.titles[value]}” ({control.name}={value})" for value in offered]
    return f"“{control.label}” cannot be {named} here; choose {' or '.join(choices)}."


def _step(text: str, problems: list[str]) -> Step:
    for step in STEPS:
        if text == str(step.number):
            return step
    problems.append(
        f"There is no step {shortened(text)} in the lesson; choose one of 1 to {len(STEPS)}."
    )
    return STEPS[0]


def _fixed(text: str | None, names: Sequence[str], problems: list[str]) -> tuple[str, ...]:
    asked = [] if text in (None, "", NOTHING) else (text or "").split(",")
    for name in asked:
        if name not in names:
            problems.append(
                f"This step has no control {shortened(name)} to fix; choose among "
                f"{', '.join(names)}, or {NOTHING}."
            )
    return tuple(name for name in names if name in asked)
