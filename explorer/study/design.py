"""Designs of rounds: what can be asked of a stimulus set, and each person's own trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from explorer.archive.titles import picture_title
from explorer.study.records import Design, Kind, Option, Stimulus, StudyError, Task, Trial
from explorer.study.stimulus_set import StimulusSet
from explorer.study.words import SIXTEEN, Words, vocabulary, word_of

MOST_PRACTICE = 10
MOST_CHOICES = 16
SHORTEST_MS, LONGEST_MS = 10, 10_000
"""Of the time for which an image is shown; screens show nothing shorter."""

TARGET, SEED = "target", "seed"
"""The answers of two alternatives."""


def usable(design: Design, stimulus_set: StimulusSet) -> tuple[Stimulus, ...]:
    """The stimuli that the task can ask about; recognition needs a word for target and IRI."""
    if design.task is not Task.RECOGNITION:
        return stimulus_set.stimuli
    words = Words(design.words)
    return tuple(
        each
        for each in stimulus_set.stimuli
        if word_of(each, words) and word_of(each, words, of_target=True)
    )


def most_choices(design: Design, stimulus_set: StimulusSet) -> int:
    """How many answers a trial of this task can offer at most."""
    if design.task is Task.TWO_ALTERNATIVES:
        return 2
    if design.task is Task.CLUSTERING:
        return min(MOST_CHOICES, len(stimulus_set.targets))
    return min(MOST_CHOICES, _fewest_words(usable(design, stimulus_set), Words(design.words)))


def _fewest_words(stimuli: Sequence[Stimulus], words: Words) -> int:
    """How many words every trial can offer: the right one, and those that are wrong for both."""
    every = set(vocabulary(stimuli, words))
    return 1 + min(
        (
            len(every - {word_of(each, words), word_of(each, words, of_target=True)})
            for each in stimuli
        ),
        default=0,
    )


def most_catch(main: int) -> int:
    """Catch trials are at most a quarter of all trials that are not practice."""
    return main // 3


def check_design(design: Design, stimulus_set: StimulusSet) -> None:
    """StudyError for a design that cannot be asked of this set; it names the field first."""
    if design.words not in list(Words):
        raise StudyError(
            f"words: {str(design.words)[:40]!r} is not available; choose one of {', '.join(Words)}"
        )
    images = len(usable(design, stimulus_set))
    if not images:
        raise StudyError(
            f"words: no image of {stimulus_set.title!r} has one of these words; choose other "
            "words or another task"
        )
    _whole("main", design.main, 1, images, "images that this task can ask about")
    _whole("practice", design.practice, 0, MOST_PRACTICE, "practice trials")
    _whole("catch", design.catch, 0, most_catch(design.main), "catch trials, a quarter of all")
    if design.task is not Task.TWO_ALTERNATIVES:
        most = most_choices(design, stimulus_set)
        if most < 2:
            raise StudyError(
                "choices: all images of the set have the same target or word, so that there is "
                "nothing to choose from; choose a set with more targets"
            )
        _whole("choices", design.choices, 2, most, "answers that the set has for this task")
    if design.timing is not None:
        for name, least in (("fixation_ms", 0), ("image_ms", SHORTEST_MS), ("mask_ms", 0)):
            value = getattr(design.timing, name)
            _whole(f"timing.{name}", value, least, LONGEST_MS, "milliseconds")


def suited(design: Design, stimulus_set: StimulusSet) -> Design:
    """The design with as many images, catch trials and choices as the set allows, at most."""
    main = min(design.main, max(1, len(usable(design, stimulus_set))))
    choices = design.choices
    if design.task is not Task.TWO_ALTERNATIVES:
        choices = min(choices, max(2, most_choices(design, stimulus_set)))
    return replace(design, main=main, catch=min(design.catch, most_catch(main)), choices=choices)


def most_often(design: Design, stimulus_set: StimulusSet) -> int:
    """How often a person sees the same target picture at most, each time with another image."""
    of_target = Counter(each.target_name for each in usable(design, stimulus_set))
    shown, often = 0, 0
    while shown < design.main and often < max(of_target.values()):
        often += 1
        shown += sum(count >= often for count in of_target.values())
    return often


def trials_of(
    design: Design, stimulus_set: StimulusSet, rng_seed: int, vote: int = 1
) -> tuple[Trial, ...]:
    """One person's trials, the same whenever they are drawn with the same number.

    Practice comes first; catch trials are anywhere among the others. Target pictures are drawn at
    random, and for each of them the condition, so that a person sees as many images of one
    condition as of another, one more or less; no image is shown twice, and no target picture again
    before each was shown once. Catch and practice trials show a target picture itself (in 2AFC
    its seed image, too), if possible of a target that the person does not see otherwise.
    vote: the second asks about the same images again, without practice, in another order and with
    the options at other places. Raises StudyError as `check_design`.
    """
    check_design(design, stimulus_set)
    stimuli = usable(design, stimulus_set)
    images = Random(f"images {rng_seed}")
    order = Random(f"order {rng_seed} {vote}")
    main = _main(design.main, stimuli, images)
    shown = (TARGET, SEED) if design.task is Task.TWO_ALTERNATIVES else (TARGET,)
    known = _known(design.practice + design.catch, stimuli, main, shown, images)
    practice, catch = known[: design.practice], known[design.practice :]
    asked = [(Kind.CATCH, *each) for each in catch] + [(Kind.MAIN, each, "") for each in main]
    order.shuffle(asked)
    if vote == 1:
        asked = [*((Kind.PRACTICE, *each) for each in practice), *asked]
    trials = []
    for number, (kind, stimulus, picture) in enumerate(asked):
        choice = Random(f"options {rng_seed} {stimulus.name} {picture}")
        options = _options(design, stimulus, picture, stimuli, choice)
        order.shuffle(options)
        if design.task is Task.RECOGNITION and len(options) == len(SIXTEEN):
            options.sort(key=lambda each: each.value)  # so many are found by their place
        right = _right(design, stimulus, picture)
        image = {TARGET: stimulus.target, SEED: stimulus.seed}.get(picture, stimulus.iri)
        trials.append(Trial(number, kind, design.task, stimulus.name, image, tuple(options), right))
    return tuple(trials)


def main_images(design: Design, stimulus_set: StimulusSet, rng_seed: int) -> frozenset[str]:
    """The names of the stimuli of a person's main trials, as `trials_of` draws them."""
    stimuli = usable(design, stimulus_set)
    images = Random(f"images {rng_seed}")
    return frozenset(each.name for each in _main(design.main, stimuli, images))


def _main(count: int, stimuli: Iterable[Stimulus], rng: Random) -> list[Stimulus]:
    """So many stimuli: targets at random, conditions as evenly as they come."""
    left: dict[str, list[Stimulus]] = {}
    for each in stimuli:
        left.setdefault(each.target_name, []).append(each)
    of_condition: Counter[tuple[str, str]] = Counter()
    chosen: list[Stimulus] = []
    while len(chosen) < count:
        targets = [target for target, rest in left.items() if rest]
        rng.shuffle(targets)
        for target in targets[: count - len(chosen)]:
            fewest = min(of_condition[each.condition] for each in left[target])
            stimulus = rng.choice(
                [each for each in left[target] if of_condition[each.condition] == fewest]
            )
            left[target].remove(stimulus)
            of_condition[stimulus.condition] += 1
            chosen.append(stimulus)
    return chosen


def _known(
    count: int,
    stimuli: Iterable[Stimulus],
    main: Sequence[Stimulus],
    shown: Sequence[str],
    rng: Random,
) -> list[tuple[Stimulus, str]]:
    """So many stimuli, each with which of its pictures is shown, by turns those of `shown`.

    Of targets that are not among `main`, as long as there are any.
    """
    pool = list(stimuli)
    rng.shuffle(pool)
    of_target = {each.target_name: each for each in pool}
    seen = {each.target_name for each in main}
    ordered = sorted(of_target.values(), key=lambda each: each.target_name in seen)
    first = rng.randrange(len(shown))
    return [
        (ordered[place % len(ordered)], shown[(place + first) % len(shown)])
        for place in range(count)
    ]


def _right(design: Design, stimulus: Stimulus, shown: str) -> str | None:
    """The right answer, where it is known; shown: "" for the IRI, else which of its pictures."""
    if design.task is Task.TWO_ALTERNATIVES:
        return shown or None
    if design.task is Task.CLUSTERING:
        return stimulus.target_name
    return word_of(stimulus, Words(design.words), of_target=bool(shown))


def _options(
    design: Design, stimulus: Stimulus, shown: str, stimuli: Sequence[Stimulus], rng: Random
) -> list[Option]:
    """What a trial offers, the right answer first."""
    if design.task is Task.TWO_ALTERNATIVES:
        return [
            Option(TARGET, stimulus.target, picture_title(stimulus.target_name)),
            Option(SEED, stimulus.seed, picture_title(stimulus.seed_name)),
        ]
    wrong = design.choices - 1
    if design.task is Task.CLUSTERING:
        pictures = {
            each.target_name: each.target
            for each in sorted(stimuli, key=lambda each: each.model == stimulus.model)
        } | {stimulus.target_name: stimulus.target}
        others = rng.sample(sorted(pictures.keys() - {stimulus.target_name}), wrong)
        names = [stimulus.target_name, *others]
        return [Option(name, pictures[name], picture_title(name)) for name in names]
    words = Words(design.words)
    both = {word_of(stimulus, words), word_of(stimulus, words, of_target=True)}
    rest = sorted(set(vocabulary(stimuli, words)) - both)
    right = _right(design, stimulus, shown) or ""
    return [Option(word, None, word) for word in (right, *rng.sample(rest, wrong))]


def _whole(name: str, value: object, least: int, most: int, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise StudyError(
            f"{name}: {str(value)[:40]} does not fit; it is {least} to {most:,} {what}"
        )
