"""The way of a batch of samples, step by step: a pass, what it found, and where to look next."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from explorer.synthesis.looking import Pass
from explorer.synthesis.replay import Recorder, Replayed
from explorer.synthesis.samples import Samples
from explorer.synthesis.state import Descent, State

Look = Callable[[Tensor, Tensor | None], Pass]
"""What makes passes: as `Looking`."""


class Way(State):
    """N samples on their way. Called, it makes a pass, takes it down and plans the next one.

    parameters: N×…, those of the next pass.
    """

    what = "steps"

    def __init__(
        self,
        look: Look,
        descent: Descent,
        samples: Samples,
        parameters: Tensor,
        keeps_last: bool,
    ) -> None:
        self.look, self.descent, self.samples = look, descent, samples
        self.parameters, self._keeps_last = parameters, keeps_last

    def __call__(self) -> Pass:
        """What the pass found."""
        found = self.look(self.parameters, self.descent.corners)
        self.samples.note(found, self.descent.steady, self._keeps_last)
        self.parameters = self.descent.next(
            self.parameters, found.descended, found.gradient, found.offset
        )
        return found


class Going:
    """The steps of a way, replayed; where they can't be, its passes alone, if these can."""

    def __init__(self, way: Way, recorder: Recorder | None) -> None:
        self._way, self._steps = way, Replayed(way, recorder)
        self._passes = _Passes(way.look, recorder)

    def __call__(self) -> Pass:
        """One step further; what was found is good until the next call."""
        found = self._steps()
        if self._steps.fails:
            self._way.look = self._passes
        return found

    def forget(self) -> None:
        """As `Replayed.forget`."""
        self._steps.forget()
        self._passes.forget()


class _Passes:
    """Passes that are replayed."""

    def __init__(self, look: Look, recorder: Recorder | None) -> None:
        self._shown = _Shown(look)
        self._replayed = Replayed(self._shown, recorder)

    def __call__(self, parameters: Tensor, width: Tensor | None) -> Pass:
        """As `Looking`; in tensors that stay as they are."""
        self._shown.parameters, self._shown.width = parameters, width
        return Pass(*(one.clone() for one in self._replayed()))

    def forget(self) -> None:
        """As `Replayed.forget`."""
        self._replayed.forget()


class _Shown(State):
    """A pass, over the parameters and the width that it is shown."""

    what = "passes"

    def __init__(self, look: Look) -> None:
        self._look = look
        self.parameters: Tensor | None = None
        self.width: Tensor | None = None

    def __call__(self) -> Pass:
        """What the pass found."""
        return self._look(self.parameters, self.width)
