"""What a round asks of each person: the task, how many images, and how they are shown."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer.app.naming import literal, sentence
from explorer.study.design import (
    check_design,
    most_catch,
    most_choices,
    most_often,
    suited,
    usable,
)
from explorer.study.duration import minutes_for, trials_in
from explorer.study.records import Design, StudyError, Task, Timing
from explorer.study.stimulus_set import StimulusSet
from explorer.study.words import SIXTEEN, Words

TASKS = {
    Task.TWO_ALTERNATIVES: "Target or seed? (2AFC)",
    Task.CLUSTERING: "Which target does it belong to? (clustering)",
    Task.RECOGNITION: "Which word names it? (recognition)",
}
QUESTIONS = {
    Task.TWO_ALTERNATIVES: "Which of the two is this image more like?",
    Task.CLUSTERING: "To which of these photographs does this image belong?",
    Task.RECOGNITION: "What does this image show?",
}
_WORDS = {
    Words.LABELS: "what the targets show",
    Words.SIXTEEN: "16 coarse categories (Feather et al.)",
    Words.NETWORK: "the network's own classes",
}
MOST_MAIN = 60
"""Images per person that the page offers; a class has minutes, not hours."""


def choose(images: StimulusSet, start: Design, prefix: str) -> Design | None:
    """The controls, set to `start` at first; prefix: of the widgets' keys.

    None where the set cannot be asked about in this way, which the page then says.
    """
    task = st.radio(
        "Question",
        list(TASKS),
        list(TASKS).index(start.task),
        key=f"{prefix}_task",
        format_func=TASKS.__getitem__,
        help="2AFC: target and seed are shown with the image. Clustering: the image is assigned to "
        "one of several targets. Recognition: to one of several words.",
    )
    design = replace(start, task=task)
    if task == Task.RECOGNITION:
        words = st.selectbox(
            "Words",
            list(_WORDS),
            list(_WORDS).index(Words(start.words)),
            key=f"{prefix}_words",
            format_func=_WORDS.__getitem__,
            help="Images for whose target there is no such word are left out.",
        )
        design = replace(design, words=words.value, choices=_choices(words, start))
    try:
        design = suited(design, images)
        check_design(design, images)
    except StudyError as error:
        st.error(literal(sentence(str(error))), icon=":material/error:")
        return None
    design = replace(design, main=_main(design, images, prefix))
    timed = st.toggle(
        "Show each image briefly",
        start.timing is not None,
        key=f"{prefix}_timed",
        help="As published: a fixation cross, the image for 300 ms, a mask. Otherwise the image "
        "stays until it is answered.",
    )
    design = replace(design, timing=_timing(start, prefix) if timed else None)
    with st.expander("Practice, catch trials, choices"):
        design = _more(design, images, prefix)
    st.caption(_in_words(design, images))
    return design


def _choices(words: Words, start: Design) -> int:
    """How many words to offer at first: as before, or all of a list that is short enough for it."""
    if (start.task, start.words) == (Task.RECOGNITION, words):
        return start.choices
    return len(SIXTEEN) if words is Words.SIXTEEN else Design().choices


def _main(design: Design, images: StimulusSet, prefix: str) -> int:
    most = min(MOST_MAIN, len(usable(design, images)))
    if most < 2:
        return most
    return st.slider(
        "Images per person",
        1,
        most,
        design.main,
        key=f"{prefix}_main",
        help="Target and condition (network and loss) of each are drawn for each person.",
    )


def _timing(start: Design, prefix: str) -> Timing:
    timing = start.timing or Timing()
    shown = st.number_input(
        "The image is shown for (ms)", 50, 5000, timing.image_ms, 50, key=f"{prefix}_ms", width=240
    )
    return replace(timing, image_ms=int(shown))


def _more(design: Design, images: StimulusSet, prefix: str) -> Design:
    practice = st.slider("Practice trials", 0, 5, min(design.practice, 5), key=f"{prefix}_practice")
    most, catch = most_catch(design.main), 0
    if most:
        catch = st.slider(
            "Catch trials",
            0,
            most,
            min(design.catch, most),
            key=f"{prefix}_catch",
            help="Their answer is known. Whoever gets less than 75 % of them right is left out of "
            "the results; that is said before.",
        )
    design = replace(design, practice=practice, catch=catch)
    most = most_choices(design, images)
    if design.task == Task.TWO_ALTERNATIVES or most < 3:
        return design
    # By question and list: a widget of the same key would keep the number of another one.
    key = f"{prefix}_choices_{design.task}_{design.words}"
    choices = st.slider("Answers to choose from", 2, most, design.choices, key=key)
    return replace(design, choices=choices)


def _in_words(design: Design, images: StimulusSet) -> str:
    trials = trials_in(design)
    often = most_often(design, images)
    again = "" if often < 2 else f" Each sees a target up to {often} times, in different images."
    return (
        f"{trials} trials per person: {design.practice} for practice, with feedback, then "
        f"{design.main} images and {design.catch} catch trials in random order. About "
        f"{minutes_for(trials)} min.{again}"
    )
