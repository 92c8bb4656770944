"""One step of the loop: evaluate, record, and let the search say where to go next.

On a GPU a step is captured once as a CUDA graph and replayed (`explorer.synthesis.cuda_graphs`).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from explorer.synthesis.cuda_graphs import Recorder, Replay
from explorer.synthesis.evaluator import Evaluation
from explorer.synthesis.optimizers.search import Search
from explorer.synthesis.samples import Samples
from explorer.synthesis.state import State

Evaluate = Callable[[Tensor, Tensor | None], Evaluation]
"""(parameters, ReLU width) → their evaluation, as `Evaluator`."""


class Step(State):
    """N samples under way. A call is one step; `parameters`, N×…, are those of the next one."""

    label = "steps"

    def __init__(
        self,
        evaluate: Evaluate,
        search: Search,
        samples: Samples,
        parameters: Tensor,
        keeps_last: bool,
    ) -> None:
        self.evaluate, self.search, self.samples = evaluate, search, samples
        self.parameters, self._keeps_last = parameters, keeps_last

    def __call__(self) -> Evaluation:
        """The evaluation of this step."""
        evaluation = self.evaluate(self.parameters, self.search.relu_width)
        self.samples.record(evaluation, self.search.stationary, self._keeps_last)
        self.parameters = self.search.next(
            self.parameters, evaluation.optimised, evaluation.gradient, evaluation.offset
        )
        return evaluation


class GraphedStep:
    """Replays whole steps; where they cannot be captured their evaluations alone, if these can."""

    def __init__(self, step: Step, recorder: Recorder | None) -> None:
        self._step, self._replay = step, Replay(step, recorder)
        self._evaluation = _GraphedEvaluation(step.evaluate, recorder)

    def __call__(self) -> Evaluation:
        """One step; its evaluation is good until the next call."""
        evaluation = self._replay()
        if self._replay.failed:
            self._step.evaluate = self._evaluation
        return evaluation

    def reset(self) -> None:
        """As `Replay.reset`."""
        self._replay.reset()
        self._evaluation.reset()


class _GraphedEvaluation:
    """Replays evaluations."""

    def __init__(self, evaluate: Evaluate, recorder: Recorder | None) -> None:
        self._inputs = _EvaluationOfInputs(evaluate)
        self._replay = Replay(self._inputs, recorder)

    def __call__(self, parameters: Tensor, relu_width: Tensor | None) -> Evaluation:
        """As `Evaluator`; in tensors of its own."""
        self._inputs.parameters, self._inputs.relu_width = parameters, relu_width
        return Evaluation(*(value.clone() for value in self._replay()))

    def reset(self) -> None:
        """As `Replay.reset`."""
        self._replay.reset()


class _EvaluationOfInputs(State):
    """An evaluation whose inputs are state, as `Replay` needs it."""

    label = "evaluations"

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self.parameters: Tensor | None = None
        self.relu_width: Tensor | None = None

    def __call__(self) -> Evaluation:
        """The evaluation of its inputs."""
        if self.parameters is None:
            raise RuntimeError("there is nothing to evaluate yet")
        return self._evaluate(self.parameters, self.relu_width)
