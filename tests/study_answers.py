"""Stimulus sets of drawn pictures, and answers to trials, for the tests of `explorer.study`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from explorer.images.encoding import to_png
from explorer.request import Request
from explorer.study.records import Answer, Stimulus, Trial
from explorer.study.stimulus_set import StimulusSet

ROBUST, STANDARD = "embedded:imagenette-residual-adv1", "embedded:imagenette-residual-standard"


def drawn_set(
    targets: Iterable[str] = ("cat", "dog", "owl", "bee", "lake"),
    conditions: Iterable[tuple[str, str]] = ((ROBUST, "freq"), (STANDARD, "freq")),
    margins: Callable[[int], dict[str, float | None]] = lambda place: {},
) -> StimulusSet:
    """Every target in every condition, all pictures different; margins: by the stimulus' place."""
    rng = np.random.default_rng(0)
    pictures: dict[str, bytes] = {}

    def picture() -> str:
        png = to_png(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        name = hashlib.sha256(png).hexdigest()
        pictures[name] = png
        return name

    seed, stimuli = picture(), []
    conditions = list(conditions)
    for target_name in targets:
        target = picture()
        for model, loss in conditions:
            request = Request(model=model, target=target_name, loss=loss)
            stimulus = Stimulus(
                name=f"{target_name}-{model}-{loss}",
                key=request.key,
                request=request.to_dict(),
                iri=picture(),
                target=target,
                seed=seed,
                model=model,
                layer=request.layer,
                loss=loss,
                target_name=target_name,
                seed_name=request.seed,
                label=target_name,
                margins=margins(len(stimuli)),
                held_out=tuple(margins(len(stimuli))),
                network_class=f"the class of {target_name}",
            )
            stimuli.append(stimulus)
    return StimulusSet("drawn", "Drawn pictures", tuple(stimuli), pictures)


def answer(trial: Trial, value: str, participant: str = "ada", vote: int = 1) -> Answer:
    """The answer to a trial by the value of the option chosen."""
    values = [option.value for option in trial.options]
    return Answer(
        participant=participant,
        round=1,
        vote=vote,
        trial=trial.number,
        kind=trial.kind,
        task=trial.task,
        stimulus=trial.stimulus,
        value=value,
        position=values.index(value),
        correct=None if trial.correct is None else value == trial.correct,
        response_ms=800.0,
        shown_ms=None,
        answered_at="2026-01-01T00:00:00+00:00",
    )
