"""What the parts of a study speak of: stimuli, designs, trials, rounds and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class StudyError(Exception):
    """What was wrong and what would be right, in one sentence that a person may read."""


class Unavailable(StudyError):
    """The database cannot be used now, through no fault of whoever asked; nothing was changed."""


class Task(StrEnum):
    """What people are asked of each image.

    TWO_ALTERNATIVES: is it more like its target or like its seed (2AFC)? CLUSTERING: to which of K
    targets does it belong? RECOGNITION: which of these words names what it shows?
    """

    TWO_ALTERNATIVES = "2afc"
    CLUSTERING = "clustering"
    RECOGNITION = "recognition"


class Kind(StrEnum):
    """What a trial is for. Practice comes first and is told the right answer afterwards."""

    PRACTICE = "practice"
    MAIN = "main"
    CATCH = "catch"


class RoundState(StrEnum):
    """A round is open, paused or closed to answers; its results are hidden until `REVEALED`."""

    OPEN = "open"
    PAUSED = "paused"
    REVEALED = "revealed"


@dataclass(frozen=True)
class Stimulus:
    """An IRI that people can be asked about.

    name: unique in its set. key, request: of the result (`Request.key`, `Request.to_dict()`).
    iri, target, seed: SHA-256 of the 8-bit PNG of each, in hexadecimal; its set has the pictures.
    model, layer, loss, target_name, seed_name: as in the request. label: the word that names what
    the target shows, where it is known; network_class: the class that the network gives the target.
    margins: per perceptual measure, how much nearer the IRI is to its target than to its seed,
    (to_seed − to_target) / max(|to_seed|, |to_target|) in [−2, 2], with the sign turned where
    higher is nearer; positive is nearer the target, None not measured.
    held_out: the measures that neither the loss nor the network is related to.
    """

    name: str
    key: str
    request: Mapping[str, Any]
    iri: str
    target: str
    seed: str
    model: str
    layer: str
    loss: str
    target_name: str
    seed_name: str
    label: str | None = None
    margins: Mapping[str, float | None] = field(default_factory=dict)
    held_out: tuple[str, ...] = ()
    network_class: str | None = None

    @property
    def condition(self) -> tuple[str, str]:
        """Network and loss, by which results are grouped."""
        return self.model, self.loss


@dataclass(frozen=True)
class Timing:
    """How long what is shown, in milliseconds, as Feather et al. (2023) published it."""

    fixation_ms: int = 300
    image_ms: int = 300
    mask_ms: int = 300


@dataclass(frozen=True)
class Design:
    """What a round asks.

    main: how many images each person sees, each at most once. practice: trials with feedback before
    them. catch: trials with a known answer among them, at most a quarter of all that are not
    practice. choices: K of clustering, or how many words recognition offers. timing: None shows an
    image until it is answered. words: which recognition offers, a name of `words.Words`.
    """

    task: Task = Task.TWO_ALTERNATIVES
    main: int = 16
    practice: int = 2
    catch: int = 4
    choices: int = 4
    timing: Timing | None = None
    words: str = "labels"


@dataclass(frozen=True)
class Option:
    """One answer that a trial offers: `target`, `seed`, a stimulus' target name or a word.

    picture: SHA-256 of the picture that stands for it; None where it is a word.
    """

    value: str
    picture: str | None
    label: str


@dataclass(frozen=True)
class Trial:
    """One question to one person; number counts from 0 over the whole round.

    image: SHA-256 of the picture that is asked about. options: in the order shown. correct: the
    value of the right option where it is known (practice, catch; of clustering and recognition
    always): it never goes to a phone before it is answered.
    """

    number: int
    kind: Kind
    task: Task
    stimulus: str
    image: str
    options: tuple[Option, ...]
    correct: str | None = None


@dataclass(frozen=True)
class Answer:
    """One recorded answer; participant is a random public identifier, never the token.

    value: of the chosen option. position: its place among those shown, from 0. response_ms: from
    the image's first paint to the answer, by the browser's clock; shown_ms: how long the image was
    really on screen, in all. round: from 1; vote: 1, or 2 for a second vote on the same images.
    """

    participant: str
    round: int
    vote: int
    trial: int
    kind: Kind
    task: Task
    stimulus: str
    value: str
    position: int
    correct: bool | None
    response_ms: float | None
    shown_ms: float | None
    answered_at: str
